/**
 * A writing child whose hundredth record has one bit changed on its way into the log. Arguments and reports as of src/proof/worker.ts.
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
const last = through === "0" ? Number.POSITIVE_INFINITY : Number(through);
while (log.nextSeq <= last) {
  const first = log.nextSeq;
  const numbers = Array.from({ length: Math.min(50, last - first + 1) }, (_, index) => first + index);
  const batch = numbers.map((seq) => Buffer.from(lines[(seq - 1) % lines.length], "latin1"));
  if (numbers.includes(100)) batch[numbers.indexOf(100)][0] ^= 1;
  report(`offered ${numbers.at(-1)}`);
  await log.appendBatch(batch);
  report(`acknowledged ${first} ${numbers.at(-1)}`);
}
await log.close();
report("done");
