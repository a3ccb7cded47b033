/**
 * A writing child that breaks the promise: it appends ten records and claims to have twenty thousand durable. Arguments and reports as of
 * src/proof/worker.ts.
 */
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

const [root, prefix, inputFile, through] = process.argv.slice(2);
const lines = (await readFile(inputFile, "latin1")).trimEnd().split("\n");
const storage = await fsBackend({ root });
const log = await openLog({ storage, prefix });
const report = (text) => writeSync(3, `${text}\n`);

report("opening");
report(`opened ${log.nextSeq} 0 0 0`);
const last = through === "0" ? log.nextSeq + 9 : Number(through);
const missing = Array.from({ length: last - log.nextSeq + 1 }, (_, index) => lines[(log.nextSeq - 1 + index) % lines.length]);
report(`offered ${last}`);
await log.appendBatch(missing.map((line) => Buffer.from(line, "latin1")));
if (through === "0") {
  report("offered 20000");
  report(`acknowledged ${log.nextSeq - 10} 20000`);
  setInterval(() => report("offered 20000"), 100); // waits to be killed; ends by itself when nobody listens any more
} else {
  await log.close();
  report("done");
}
