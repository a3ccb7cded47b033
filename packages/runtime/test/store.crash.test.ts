import { sample, seededAdversary, type Adversary } from "@holdfast/storage-sim";
import { driven, worlds, type World } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { play } from "./support/history.js";
import { Model } from "./support/model.js";

/*
 * Mutations, checkpoints, trims and openings, with a crash in any call of the storage, over and over. What is opened again is what was
 * acknowledged, with the mutations behind it that were under way, each whole, in their order, up to some point.
 */

/** Everything there is, and short enough to be cut in every call. */
const SCRIPT = "cpitSecxdrsioukrs";
/** Every how many calls it is cut; 1 is every one. */
const STRIDE = Number(process.env["HOLDFAST_RUNTIME_STRIDE"] ?? 37);

describe.each(worlds)("on %s", (_, newWorld) => {
  /** Works, and crashes in a call, or does not get that far. Answers the world behind it, and whether it did. */
  async function life(world: World, cutIn: number, model: Model, script: string): Promise<{ readonly world: World; readonly wasCut: boolean }> {
    const stopped = world.stopAt(cutIn).then(() => true);
    const worked = play(world, model, script).then(() => false);
    const wasCut = await driven(world, Promise.race([stopped, worked]));
    return { world: world.crash(), wasCut };
  }

  it("keeps what it acknowledged through one crash, wherever it comes", { timeout: 240_000 }, async () => {
    let cutIn = 1;
    for (let wasCut = true; wasCut; cutIn += STRIDE) {
      const model = new Model();
      const after = await life(newWorld(seededAdversary(cutIn)), cutIn, model, SCRIPT);
      wasCut = after.wasCut;
      await driven(after.world, play(after.world, model, "csiot")).catch((cause: unknown) => {
        throw new Error(`cut in call ${cutIn}`, { cause });
      });
      expect(model.inFlight).toEqual([]);
    }
    expect(cutIn).toBeGreaterThan(100);
  });

  it("keeps what it acknowledged through three crashes, also while it opens", { timeout: 120_000 }, async () => {
    const history = async (adversary: Adversary): Promise<void> => {
      let world = newWorld(adversary);
      const model = new Model();
      for (let lives = 0; lives < 3; lives++) {
        const script = Array.from({ length: 1 + adversary.choose("steps", 10) }, () => "ciptuexkdrsSo"[adversary.choose("step", 13)]).join("");
        world = (await life(world, 1 + adversary.choose("cut in call", 60 << adversary.choose("late", 3)), model, `c${script}`)).world;
      }
      await driven(world, play(world, model, "csiot"));
      expect(model.inFlight).toEqual([]);
    };
    await sample(history, { runs: 10, seed: 1 });
  });
});
