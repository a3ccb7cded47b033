/**
 * Takes a snapshot of 256 MiB while commits go on, and reports the longest time in milliseconds in which the event loop did not turn, the
 * snapshot's duration in milliseconds, and how far resident memory went above the start in MiB. Arguments: root directory; `here`, `worker`, or
 * `none` for the same time without a snapshot.
 */
import { writeSync } from "node:fs";

import { openStateStore } from "@holdfast/snapshot";
import { fsBackend } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { definition, filledShelf, itemText } from "./state-definition.js";

const STATE_MIB = 256;
const WITHOUT_MS = 4000;
const MIB = 2 ** 20;

const [root = "", mode = ""] = process.argv.slice(2);
await using storage = await fsBackend({ root });
const replay = { module: new URL("./state-definition.js", import.meta.url) };
const snapshot = mode === "worker" ? { everyBytes: Infinity, replay } : { everyBytes: Infinity };
const initial = mode === "worker" ? await filledStore() : filledShelf(STATE_MIB);
await using store = await openStateStore({ ...definition, initial, storage, prefix: "bench", snapshot });
for (let count = 0; count < 100; count += 1) await place(count);
collectGarbage();

const start = process.memoryUsage().rss;
const watch = watchLoop();
const startedAt = performance.now();
const over = new AbortController();
const ending = (mode === "none" ? new Promise((resolve) => setTimeout(resolve, WITHOUT_MS)) : store.snapshot()).then(() => {
  over.abort();
});
for (let count = 0; !over.signal.aborted; count += 1) await place(count);
await ending;
const { longestMs, resident } = watch.end();
writeSync(REPORT_DESCRIPTOR, `${longestMs} ${performance.now() - startedAt} ${(resident - start) / MIB}\n`);

async function place(number: number): Promise<void> {
  await store.commit({ number: number % 1000, item: itemText(number) });
}

/** The worker begins with what is stored: a first snapshot, made here, of the state that the others begin with. Answers the empty one. */
async function filledStore(): Promise<typeof definition.initial> {
  await using filling = await openStateStore({ ...definition, initial: filledShelf(STATE_MIB), storage, prefix: "bench" });
  await filling.commit({ number: 0, item: itemText(0) });
  await filling.snapshot();
  return definition.initial;
}

/** Turns the event loop as fast as it goes, and looks at how long a turn took. */
function watchLoop(): { end(): { readonly longestMs: number; readonly resident: number } } {
  let [longestMs, resident, last, turns] = [0, 0, performance.now(), 0];
  let next: NodeJS.Immediate;
  const turn = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
    turns += 1;
    if (turns % 256 === 0) resident = Math.max(resident, process.memoryUsage.rss());
    next = setImmediate(turn);
  };
  next = setImmediate(turn);
  return {
    end() {
      clearImmediate(next);
      return { longestMs, resident };
    },
  };
}
