import fc from "fast-check";
import { systemClock, systemRandom } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary } from "@holdfast/storage-sim";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { driven, worlds } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { openRuntimeStore } from "../src/index.js";
import { optionsOf, play } from "./support/history.js";
import { Model, observe, shown } from "./support/model.js";

/* What a store shows is what plain arrays show. */

const word = fc.oneof({ weight: 5, arbitrary: fc.constantFrom("c", "i", "p", "t") }, { weight: 4, arbitrary: fc.constantFrom("u", "e", "x", "k", "d", "r", "s", "S", "q", "o") }, fc.constantFrom("l", "z"));
const script = fc.array(word, { maxLength: 20 }).map((words) => `c${words.join("")}`);

it.each(worlds)("does what arrays do, on %s", async (_, newWorld) => {
  await fc.assert(
    fc.asyncProperty(script, async (words) => {
      const world = newWorld(mildAdversary);
      const model = new Model();
      await driven(world, play(world, model, words));
      await driven(world, play(world, model, "i"));
      expect(model.inFlight).toEqual([]);
    }),
    { numRuns: 8 },
  );
});

it("does what arrays do, in a directory", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-runtime-"));
  try {
    let runs = 0;
    const property = fc.asyncProperty(script, async (words) => {
      runs += 1;
      const directory = join(root, String(runs));
      const world = { ...real, open: () => fsBackend({ root: directory }) };
      const model = new Model();
      await play(world, model, words);
      await using storage = await fsBackend({ root: directory });
      await using store = await openRuntimeStore(optionsOf(world, storage));
      expect(shown(await observe(store))).toEqual(shown(model.pending));
    });
    await fc.assert(property, { numRuns: 4 });
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
