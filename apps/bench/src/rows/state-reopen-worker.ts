/**
 * Opens a state store and reports how many milliseconds that took, how many events were replayed, and how far resident memory went above the start
 * in MiB. With `fill` it makes the store first: a log of 1 GiB, of which the snapshot that `snapshot` makes holds nearly all. Arguments: root
 * directory; `fill`, `snapshot` or `open`.
 */
import { writeSync } from "node:fs";

import { openStateStore } from "@holdfast/snapshot";
import { fsBackend } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { definition, filledShelf, ITEM_BYTES, itemText } from "./state-definition.js";

const STATE_MIB = 16;
const LOG_BYTES = 2 ** 30;
const BATCH = 1024;
const MIB = 2 ** 20;

const [root = "", mode = ""] = process.argv.slice(2);
const initial = filledShelf(STATE_MIB);
await using storage = await fsBackend({ root });
const events = Array.from({ length: BATCH }, (_, number) => ({ number, item: itemText(number) }));

collectGarbage();
const start = process.memoryUsage.rss();
let resident = start;
const sample = setInterval(() => {
  resident = Math.max(resident, process.memoryUsage.rss());
}, 5);
const startedAt = performance.now();
const onProgress = (): void => {
  resident = Math.max(resident, process.memoryUsage.rss());
};
// As long as there are fewer snapshots than are kept, the whole log stays.
await using store = await openStateStore({ ...definition, initial, storage, prefix: "bench", snapshot: { everyBytes: Infinity, keep: 2 }, onProgress });
const milliseconds = performance.now() - startedAt;
clearInterval(sample);
if (mode === "fill") for (let bytes = 0; bytes < LOG_BYTES; bytes += BATCH * ITEM_BYTES) await store.commitBatch(events);
if (mode === "snapshot") await store.snapshot();
writeSync(REPORT_DESCRIPTOR, `${milliseconds} ${store.health.replayedEvents} ${(resident - start) / MIB}\n`);
