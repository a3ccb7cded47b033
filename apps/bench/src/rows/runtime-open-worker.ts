/** Opens a runtime's directory, reads a few pages, and reports how far resident memory went above what it was before, in MiB. Argument: root directory. */
import { writeSync } from "node:fs";

import { openRuntimeDirectory } from "@holdfast/runtime";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";

const MIB = 2 ** 20;

const [root = ""] = process.argv.slice(2);
collectGarbage();
const start = process.memoryUsage.rss();
let resident = start;
const sample = setInterval(() => {
  resident = Math.max(resident, process.memoryUsage.rss());
}, 5);
await using store = await openRuntimeDirectory(root, { runtimeId: "bench" });
const { nextEventId } = store.cursorNow();
for (const share of [0n, 1n, 2n, 3n]) await store.readEvents({ runtimeId: "bench", nextEventId: (nextEventId * share) / 4n }, 256);
resident = Math.max(resident, process.memoryUsage.rss());
clearInterval(sample);
writeSync(REPORT_DESCRIPTOR, `${(resident - start) / MIB}\n`);
