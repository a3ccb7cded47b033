import { sample, seededAdversary, type Adversary } from "@holdfast/storage-sim";
import { driven, worlds, type World } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { Model, play } from "./support/history.js";

/* A process dies, or the power goes, in every call that it makes; what is opened then is what was acknowledged, or that and what was on its way. */

const IS_LONG = process.env["HOLDFAST_LONG"] === "checkpoint";
const SCRIPT = IS_LONG ? "ssSrlbsoxdsBst" : "ssrsBs";

describe.each(worlds)("on %s", (where, newWorld) => {
  /** Where there are many calls the crash lab tries them all. */
  const stride = !IS_LONG && where.includes("simulated") ? 5 : 1;

  /** Works, and crashes in a call, or does not get that far. Answers the world behind it, and whether it did. */
  async function life(world: World, cutIn: number, model: Model, script: string): Promise<{ readonly world: World; readonly wasCut: boolean }> {
    const stopped = world.stopAt(cutIn).then(() => true);
    const worked = play(world, model, script).then(() => false);
    const wasCut = await driven(world, Promise.race([stopped, worked]));
    return { world: world.crash(), wasCut };
  }

  it("keeps what it acknowledged through one crash, in the calls that there are", { timeout: 120_000 }, async () => {
    let cutIn = 1;
    for (let wasCut = true; wasCut; cutIn += stride) {
      const model = new Model();
      const after = await life(newWorld(seededAdversary(cutIn)), cutIn, model, SCRIPT);
      wasCut = after.wasCut;
      await driven(after.world, play(after.world, model, "so")).catch((cause: unknown) => {
        throw new Error(`cut in call ${cutIn}`, { cause });
      });
    }
    expect(cutIn).toBeGreaterThan(50);
  });

  it("keeps what it acknowledged through three crashes, also while it opens", { timeout: 120_000 }, async () => {
    const history = async (adversary: Adversary): Promise<void> => {
      let world = newWorld(adversary);
      const model = new Model();
      for (let lives = 0; lives < 3; lives += 1) {
        const script = Array.from({ length: 1 + adversary.choose("steps", 8) }, () => "ssSlrbBdxo"[adversary.choose("step", 10)]).join("");
        world = (await life(world, 1 + adversary.choose("cut in call", 60 << adversary.choose("late", 3)), model, script)).world;
      }
      await driven(world, play(world, model, "sos"));
    };
    await sample(history, { runs: 25, seed: 1 });
  });
});
