import { sample, seededAdversary, type Adversary } from "@holdfast/storage-sim";
import { driven, worlds, type World } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { checkFallback, Model, play } from "./support/history.js";

/*
 * Commits, snapshots, trims and openings, with a crash in any call of the storage, over and over. What is opened again is what was
 * acknowledged, with the commits behind it that were under way, each whole, in their order, up to some point.
 */

/** Everything there is, and short enough to be cut in every call. */
const SCRIPT = "pbScsurSlocs";

describe.each(worlds)("on %s", (_, newWorld) => {
  /** Works, and crashes in a call, or does not get that far. Answers the world behind it, and whether it did. */
  async function life(world: World, cutIn: number, model: Model, script: string): Promise<{ readonly world: World; readonly wasCut: boolean }> {
    const stopped = world.stopAt(cutIn).then(() => true);
    const worked = play(world, model, script).then(() => false);
    const wasCut = await driven(world, Promise.race([stopped, worked]));
    return { world: world.crash(), wasCut };
  }

  async function afterwards(before: World, model: Model): Promise<void> {
    await driven(before, play(before, model, "ccs"));
    expect(model.inFlight).toEqual([]);
    const world = before.crash();
    await driven(world, checkFallback(world, model));
  }

  it("keeps what it acknowledged through one crash, in every call there is", { timeout: 120_000 }, async () => {
    let cutIn = 1;
    for (let wasCut = true; wasCut; cutIn++) {
      const model = new Model();
      const after = await life(newWorld(seededAdversary(cutIn)), cutIn, model, SCRIPT);
      wasCut = after.wasCut;
      await afterwards(after.world, model).catch((cause: unknown) => {
        throw new Error(`cut in call ${cutIn}`, { cause });
      });
    }
    expect(cutIn).toBeGreaterThan(100);
  });

  it("keeps what it acknowledged through three crashes, also while it opens", { timeout: 120_000 }, async () => {
    const history = async (adversary: Adversary): Promise<void> => {
      let world = newWorld(adversary);
      const model = new Model();
      for (let lives = 0; lives < 3; lives++) {
        const script = Array.from({ length: 1 + adversary.choose("steps", 8) }, () => "cpbrulsSo"[adversary.choose("step", 9)]).join("");
        world = (await life(world, 1 + adversary.choose("cut in call", 60 << adversary.choose("late", 3)), model, script)).world;
      }
      await afterwards(world, model);
    };
    await sample(history, { runs: 60, seed: 1 });
  });
});
