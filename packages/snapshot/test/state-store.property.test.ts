import fc from "fast-check";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary } from "@holdfast/storage-sim";
import { systemClock, systemRandom } from "@holdfast/storage";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driven, worlds } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { openStateStore } from "../src/index.js";
import { Model, optionsOf, play } from "./support/history.js";

/* What a store shows is what a plain array shows that the reducer is applied to. */

const script = fc.array(fc.constantFrom("c", "p", "b", "r", "u", "l", "s", "S", "o"), { maxLength: 14 }).map((words) => words.join(""));

it.each(worlds)("does what an array does, on %s", async (_, newWorld) => {
  await fc.assert(
    fc.asyncProperty(script, async (words) => {
      const world = newWorld(mildAdversary);
      const model = new Model();
      await driven(world, play(world, model, words));
      await driven(world, play(world, model, "c"));
      expect(model.inFlight).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

it("does what an array does, in a directory", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-state-"));
  try {
    let runs = 0;
    const property = fc.asyncProperty(script, async (words) => {
      runs += 1;
      const directory = join(root, String(runs));
      const world = { ...real, open: () => fsBackend({ root: directory }) };
      const model = new Model();
      await play(world, model, words);
      await using storage = await fsBackend({ root: directory });
      await using store = await openStateStore(optionsOf(world, storage));
      expect(store.state).toEqual(model.acknowledged);
    });
    await fc.assert(property, { numRuns: 15 });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});

/** Nothing of a simulation. */
const real = {
  clock: { ...systemClock, advance: () => Promise.resolve(), step: () => undefined, timers: 0 },
  random: systemRandom,
  stopAt: () => Promise.reject(new Error("a directory does not stop")),
  crash: () => {
    throw new Error("a directory does not crash");
  },
};
