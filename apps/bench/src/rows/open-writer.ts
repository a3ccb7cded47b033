/** Appends batches to a log until it is killed, and reports the bytes of records that are durable. Arguments: root directory, prefix, seed. */
import { writeSync } from "node:fs";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { REPORT_DESCRIPTOR } from "../child.js";
import { measuredRecords, RECORD_BYTES } from "../records.js";

const BATCH = 1000;
const IN_FLIGHT = 4;

const [root = "", prefix = "", seed = "0"] = process.argv.slice(2);
const batch = measuredRecords(Number(seed)).slice(0, BATCH);
const storage = await fsBackend({ root });
const log = await openLog({ storage, prefix });

let written = 0;
const appendForEver = async (): Promise<never> => {
  for (;;) {
    await log.appendBatch(batch);
    written += BATCH * RECORD_BYTES;
    writeSync(REPORT_DESCRIPTOR, `${written}\n`);
  }
};
await Promise.all(Array.from({ length: IN_FLIGHT }, appendForEver));
