import { systemClock, systemRandom } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary } from "@holdfast/storage-sim";
import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driven, worlds } from "@holdfast/test-worlds";
import { it } from "vitest";
import { Model, play } from "./support/history.js";

/* What a stream shows is what a map shows of which the highest keys are kept. */

const script = fc.array(fc.constantFrom("s", "s", "S", "l", "d", "x", "r", "b", "B", "o", "t"), { maxLength: 12 }).map((words) => words.join(""));

it.each(worlds)("does what a map does, on %s", async (_, newWorld) => {
  await fc.assert(
    fc.asyncProperty(script, async (words) => {
      const world = newWorld(mildAdversary);
      const model = new Model();
      await driven(world, play(world, model, words));
      await driven(world, play(world, model, "s"));
    }),
    { numRuns: 25 },
  );
});

it("does what a map does, in a directory", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-checkpoint-"));
  try {
    let runs = 0;
    const property = fc.asyncProperty(script, async (words) => {
      runs += 1;
      const directory = join(root, String(runs));
      const world = { ...real, open: () => fsBackend({ root: directory }) };
      const model = new Model();
      await play(world, model, words);
      await play(world, model, "s");
    });
    await fc.assert(property, { numRuns: 10 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

/** Nothing of a simulation. */
const real = {
  clock: { ...systemClock, advance: () => Promise.resolve(), step: () => undefined, timers: 0 },
  random: systemRandom,
  stopAt: () => new Promise<void>(() => undefined),
  crash: () => {
    throw new Error("a directory does not crash here");
  },
};
