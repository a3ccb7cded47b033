import { sample, seededAdversary, type Adversary } from "@holdfast/storage-sim";
import { driven, worlds, type World } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { applyProjection } from "../src/files/apply-projection.js";
import type { FileMarks } from "../src/files/file-mark.js";
import { changedFiles, foreignChanges } from "../src/files/inspect-projection.js";
import { prepareProjection, type ProjectionBatch } from "../src/files/prepare-projection.js";
import { filesIn, PREFIX, ProjectedRuntime } from "./support/projected.js";

/*
 * Batches of changes written to files, with a crash in any call of the storage. Whatever a crash leaves is taken for what this package was
 * writing, and never for somebody else's; and writing the batch again makes the files what they have to be, to the byte.
 */

const growing = worlds.filter(([name]) => name === "memory" || name.includes("disk"));

/** One batch: some of everything, decided by the adversary. */
function change(runtime: ProjectedRuntime, adversary: Adversary): void {
  const mutations = 1 + adversary.choose("mutations", 4);
  for (let done = 0; done < mutations; done++) {
    const what = adversary.choose("mutation", 6);
    if (what <= 1 || runtime.workers.size === 0) runtime.create();
    else if (what <= 3) runtime.input(adversary.choose("worker", 3), "text ".repeat(adversary.choose("length", 3000)));
    else if (what === 4) runtime.remove(adversary.choose("worker", 3));
    else runtime.event("own");
  }
}

/** Applies a batch in a process that dies in a call, or gets through. Answers the world behind it, and whether it died. */
async function life(world: World, batch: ProjectionBatch, cutIn: number): Promise<{ readonly world: World; readonly died: boolean }> {
  const stopped = world.stopAt(cutIn).then(() => true);
  const worked = world.open().then(async (storage) => {
    expect(await foreignChanges(storage, PREFIX, batch)).toEqual([]);
    await applyProjection(batch, { storage });
    return false;
  });
  const died = await driven(world, Promise.race([stopped, worked]));
  return { world: world.crash(), died };
}

async function check(world: World, runtime: ProjectedRuntime, batch: ProjectionBatch): Promise<void> {
  await using storage = await world.open();
  expect(await changedFiles(storage, PREFIX, batch.after)).toEqual([]);
  expect(await filesIn(storage)).toEqual(runtime.files());
}

describe.each(growing)("on %s", (_, newWorld) => {
  it("one batch is what it has to be after a crash in any call", { timeout: 60_000 }, async () => {
    let died = true;
    let cutIn = 0;
    while (died) {
      cutIn += 1;
      const adversary = seededAdversary(cutIn);
      const runtime = new ProjectedRuntime();
      let world = newWorld(adversary);
      let marks: FileMarks = new Map();
      for (const step of ["first", "second"] as const) {
        runtime.create();
        runtime.input(0, step);
        if (step === "second") runtime.remove(0);
        const batch = prepareProjection(PREFIX, marks, runtime.takeChanges());
        const after = await life(world, batch, step === "second" ? cutIn : Infinity);
        ({ world } = after);
        if (after.died) ({ world } = await life(world, batch, Infinity));
        died = after.died;
        await driven(world, check(world, runtime, batch));
        marks = batch.after;
      }
    }
    expect(cutIn).toBeGreaterThan(20);
  });

  it("batch after batch is what it has to be, whatever is decided", { timeout: 60_000 }, async () => {
    const history = async (adversary: Adversary): Promise<void> => {
      const runtime = new ProjectedRuntime();
      let world = newWorld(adversary);
      let marks: FileMarks = new Map();
      for (let batches = 0; batches < 4; batches++) {
        change(runtime, adversary);
        const batch = prepareProjection(PREFIX, marks, runtime.takeChanges());
        for (let lives = 0; ; lives++) {
          const after = await life(world, batch, lives < 2 ? 1 + adversary.choose("cut in call", 100) : Infinity);
          ({ world } = after);
          if (!after.died) break;
        }
        await driven(world, check(world, runtime, batch));
        marks = batch.after;
      }
    };
    await sample(history, { runs: Number(process.env["HOLDFAST_RUNTIME_RUNS"] ?? 25), seed: 7 });
  });
});
