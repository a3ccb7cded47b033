/** Opens and replays a log and reports how far its memory went above what it was before. Arguments: root directory, prefix. */
import { writeSync } from "node:fs";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { formatMemoryReport } from "./memory-report.js";

const SAMPLE_EVERY_RECORDS = 1024;
const MIB = 2 ** 20;

const [root = "", prefix = ""] = process.argv.slice(2);

// Before the opening: what that leaves behind counts too, and V8 tells of freed buffers late.
collectGarbage();
const start = process.memoryUsage();
let resident = start.rss;
let external = start.external;
const sample = (): void => {
  const now = process.memoryUsage();
  resident = Math.max(resident, now.rss);
  external = Math.max(external, now.external);
};

await using storage = await fsBackend({ root });
await using log = await openLog({ storage, prefix });
sample();
let records = 0;
for await (const record of log.read()) {
  if (record.value.length === 0) throw new Error(`Record ${record.seq} is empty.`);
  records += 1;
  if (records % SAMPLE_EVERY_RECORDS === 0) sample();
}
sample();
writeSync(
  REPORT_DESCRIPTOR,
  formatMemoryReport({ records, residentMiB: (resident - start.rss) / MIB, externalMiB: (external - start.external) / MIB }),
);
