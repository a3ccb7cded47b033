/**
 * Commits one event after the other, for at most twenty seconds, and reports the 50th and the 99.9th percentile of their latency in microseconds, and how
 * many snapshots were made. Arguments: root directory, bytes of events after which a snapshot is made, or `never`.
 */
import { writeSync } from "node:fs";

import { openStateStore } from "@holdfast/snapshot";
import { fsBackend } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { percentile } from "../statistics.js";
import { definition, filledShelf, itemText } from "./state-definition.js";

const STATE_MIB = 32;
const WARM_UP = 2000;
const COMMITS = 40_000;
/** A disk that others use as well may be slow; fewer commits tell nothing of their slowest thousandth. */
const LEAST_COMMITS = 5000;
const MOST_MS = 20_000;
const PROGRESS_MS = 10_000;

const [root = "", every = ""] = process.argv.slice(2);
const initial = filledShelf(STATE_MIB);
await using storage = await fsBackend({ root });
await using store = await openStateStore({ ...definition, initial, storage, prefix: "bench", snapshot: { everyBytes: every === "never" ? Infinity : Number(every) } });
collectGarbage();
const latencies = new Float64Array(COMMITS);
let snapshots = 0;
let last = store.health.lastSnapshot?.seq ?? 0;
let count = -WARM_UP;
const beganAt = performance.now();
let toldAt = beganAt;
for (; count < COMMITS && (count < LEAST_COMMITS || performance.now() - beganAt < MOST_MS); count += 1) {
  const number = ((count + WARM_UP) * 7919) % (STATE_MIB * 1024);
  const event = { number, item: itemText(number) };
  const startedAt = performance.now();
  await store.commit(event);
  if (count >= 0) latencies[count] = (performance.now() - startedAt) * 1000;
  const made = store.health.lastSnapshot?.seq ?? 0;
  if (made > last) snapshots += 1;
  last = made;
  // So that a run on a slow disk is not taken for one that hangs.
  if (performance.now() - toldAt < PROGRESS_MS) continue;
  toldAt = performance.now();
  writeSync(REPORT_DESCRIPTOR, `${count} commits\n`);
}
const measured = latencies.subarray(0, count);
writeSync(REPORT_DESCRIPTOR, `${percentile(measured, 0.5)} ${percentile(measured, 0.999)} ${snapshots}\n`);
