import assert from "node:assert/strict";
import { hasCode, storageKey } from "@holdfast/storage";
import type { StorageBackend } from "@holdfast/storage";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { isThere, listed, sameBytes } from "../expect.js";
import { jobRunner, numberContent, numberName } from "../jobs.js";
import type { JobRunner } from "../jobs.js";
import { eachOf, lookedAtLater, piecesBody, sampleBytes, utf8 } from "../samples.js";

const GOAL = 60;

/** Rules of who wins. */
export const raceCases: readonly ConformanceCase[] = [
  ...chapter("race", [], {
    "workers on one handle: no number is won twice, and none is missing": async ({ backend }) => {
      await countTogether(backend, Array.from({ length: 8 }, () => jobRunner(backend)));
    },

    "workers on several handles: no number is won twice, and none is missing": async ({ backend, reopen }) => {
      const handles = [backend, await reopen(), await reopen(), backend];
      await countTogether(backend, handles.map(jobRunner));
    },

    "of many creates of one key exactly one wins, and every handle reads the winner's body": async ({ backend, reopen }) => {
      const handles = [backend, await reopen(), await reopen()];
      for (let round = 0; round < 12; round += 1) {
        const key = storageKey(`round/${round}.bin`);
        const bodies = Array.from({ length: 9 }, (_, index) => sampleBytes(20_000 + index, index));
        const won: number[] = [];
        await eachOf(bodies, bodies.length, async (body, index) => {
          const handle = at(handles, index);
          try {
            await handle.create(key, index % 2 === 0 ? body : piecesBody([body.subarray(0, 9_999), body.subarray(9_999)]));
            won.push(index);
          } catch (error) {
            if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
            const seen = await at(handles, index + 1).read(key);
            assert.ok(seen !== undefined, "it exists already, but another handle cannot read it");
            sameBytes(seen, at(bodies, seen.length - 20_000), "the body of one of them");
          }
        });
        assert.equal(won.length, 1, `creates that won: ${won.join(", ")}`);
        for (const handle of handles) await isThere(handle, key, at(bodies, won[0] ?? 0));
      }
    },

    "STORAGE_ALREADY_EXISTS means that the object is there at once, by every way of looking": async ({ backend, reopen }) => {
      const other = await reopen();
      for (let round = 0; round < 20; round += 1) {
        const key = storageKey(`round/${round}.bin`);
        const content = utf8(`content of ${round}`);
        const winner = lookedAtLater(backend.create(key, content));
        try {
          await other.create(key, content);
        } catch (error) {
          if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
        }
        // One of the two has succeeded by now, even if the first one has not been told yet.
        await isThere(other, key, content);
        await isThere(backend, key, content);
        await winner.catch((error: unknown) => {
          if (!hasCode(error, "STORAGE_ALREADY_EXISTS")) throw error;
        });
      }
    },
  }),

  ...chapter("race", ["otherProcess"], {
    "workers in several processes: no number is won twice, and none is missing": async (context) => {
      const processes = await Promise.all([startElsewhere(context, "process"), startElsewhere(context, "process")]);
      await countTogether(context.backend, [jobRunner(context.backend), ...processes.map((it) => it.run)]);
    },

    "workers in worker threads and processes: no number is won twice, and none is missing": async (context) => {
      const elsewhere = await Promise.all([
        startElsewhere(context, "thread"),
        startElsewhere(context, "thread"),
        startElsewhere(context, "process"),
      ]);
      await countTogether(context.backend, [jobRunner(context.backend), ...elsewhere.map((it) => it.run)]);
    },

    "what one process has created the others see at once": async (context) => {
      const { run } = await startElsewhere(context, "process");
      assert.deepEqual(await listed(context.backend, "seen/"), []);
      await run({ kind: "count", prefix: "seen/", goal: 3, worker: "other" });
      await isThere(context.backend, storageKey(numberName("seen/", 3)), utf8(numberContent("other", 3)));
      await context.backend.create(storageKey(numberName("seen/", 4)), utf8(numberContent("this", 4)));
      assert.deepEqual(await run({ kind: "count", prefix: "seen/", goal: 5, worker: "other" }), [5]);
      assert.equal((await listed(context.backend, "seen/")).length, 5);
    },
  }),
];

async function countTogether(backend: StorageBackend, workers: readonly JobRunner[]): Promise<void> {
  const won = await Promise.all(workers.map((run, index) => run({ kind: "count", prefix: "count/", goal: GOAL, worker: `w${index}` })));
  const numbers = won.flat().sort((a, b) => a - b);
  assert.deepEqual(numbers, Array.from({ length: GOAL }, (_, index) => index + 1), "numbers won by all workers");
  for (const [index, mine] of won.entries()) {
    for (const number of mine) {
      const content = await backend.read(storageKey(numberName("count/", number)));
      sameBytes(content, utf8(numberContent(`w${index}`, number)), `number ${number}, won by w${index}`);
    }
  }
  assert.equal((await listed(backend, "count/")).length, GOAL, "numbers listed");
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  assert.ok(item !== undefined && index >= 0, `no item ${index}`);
  return item;
}
