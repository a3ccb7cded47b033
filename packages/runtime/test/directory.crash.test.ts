import { seededAdversary, sample, type Adversary } from "@holdfast/storage-sim";
import { fsBackend } from "@holdfast/storage-fs";
import { driven, worlds, type World } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { openRuntimeDirectory } from "../src/index.js";
import { observeFiles } from "./support/files.js";
import { play, schemas, type OpenRuntime } from "./support/history.js";
import { Model, newPlain, shown } from "./support/model.js";

/*
 * The same histories on a directory with files behind the journal, with a crash in any call: between journal and files, and in the middle of
 * them. Afterwards the store shows what it promised, and once it is closed the four files tell the same.
 */

const SCRIPT = "cpitSecxdrsioukrs";
/** Every how many calls it is cut; 1 is every one. */
const STRIDE = Number(process.env["HOLDFAST_RUNTIME_STRIDE"] ?? 61);

describe.each(worlds.filter(([name]) => name.includes("disk")))("on %s", (_, newWorld) => {
  function opening(world: World): OpenRuntime {
    const { port, clock, random } = world;
    return () => openRuntimeDirectory("/data", { runtimeId: "agents", pageBytes: 4096, schemas, port, clock, random, projectEveryMs: 1 });
  }

  async function life(world: World, cutIn: number, model: Model, script: string): Promise<{ readonly world: World; readonly wasCut: boolean }> {
    const stopped = world.stopAt(cutIn).then(() => true);
    const worked = play(world, model, script, opening(world)).then(() => false);
    const wasCut = await driven(world, Promise.race([stopped, worked]));
    return { world: world.crash(), wasCut };
  }

  /** Goes on, closes, and compares the files with what was promised. */
  async function afterwards(world: World, model: Model): Promise<void> {
    await driven(world, play(world, model, "cit", opening(world)));
    expect(model.inFlight).toEqual([]);
    const { port, clock, random } = world;
    const storage = await fsBackend({ root: "/data", port, clock, random });
    expect(shown(await observeFiles(storage, "agents"))).toEqual(shown(model.acknowledged ?? newPlain()));
    await storage.close();
  }

  it("keeps files and journal telling the same through one crash, wherever it comes", { timeout: 240_000 }, async () => {
    let cutIn = 1;
    for (let wasCut = true; wasCut; cutIn += STRIDE) {
      const model = new Model();
      const after = await life(newWorld(seededAdversary(cutIn)), cutIn, model, SCRIPT);
      wasCut = after.wasCut;
      await afterwards(after.world, model).catch((cause: unknown) => {
        throw new Error(`cut in call ${cutIn}`, { cause });
      });
    }
    expect(cutIn).toBeGreaterThan(100);
  });

  it("keeps them telling the same through three crashes, also while it opens", { timeout: 120_000 }, async () => {
    const history = async (adversary: Adversary): Promise<void> => {
      let world = newWorld(adversary);
      const model = new Model();
      for (let lives = 0; lives < 3; lives++) {
        const script = Array.from({ length: 1 + adversary.choose("steps", 10) }, () => "ciptuexkdrsSo"[adversary.choose("step", 13)]).join("");
        world = (await life(world, 1 + adversary.choose("cut in call", 60 << adversary.choose("late", 4)), model, `c${script}`)).world;
      }
      await afterwards(world, model);
    };
    await sample(history, { runs: 8, seed: 1 });
  });
});
