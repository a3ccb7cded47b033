/**
 * Writes a snapshot to a replica in a directory, reads it again, and reports how far its memory went above what it was before. Arguments: root
 * directory, bytes of the snapshot, seed. Reports a line without memory now and then, so that nobody thinks it has died.
 */
import { writeSync } from "node:fs";

import { newGenerationName, replicaClient } from "@holdfast/replica";
import { systemRandom } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";

import { REPORT_DESCRIPTOR } from "../child.js";
import { collectGarbage } from "../garbage.js";
import { seededBytes } from "../records.js";
import { formatMemoryReport } from "./memory-report.js";

const MIB = 2 ** 20;
const PIECE_BYTES = 64 * 1024;
const REPORT_EVERY_BYTES = 2 ** 28;

const [root = "", bytesArgument = "", seed = ""] = process.argv.slice(2);
const snapshotBytes = Number(bytesArgument);
/** A piece of which half can be packed. */
const piece = Buffer.concat([seededBytes(Number(seed), "snapshot", PIECE_BYTES / 2), Buffer.alloc(PIECE_BYTES / 2)]);

const storage = await fsBackend({ root });
const client = replicaClient({ storage, prefix: "replica", layout: "native" });
const generation = newGenerationName(systemRandom);

collectGarbage();
const start = process.memoryUsage();
let resident = start.rss;
let external = start.external;
let passed = 0;

await client.writeSnapshot(generation, 0n, { open: content });
let read = 0;
for await (const part of await client.snapshotReader(generation, 0n)) {
  read += part.length;
  sample(part.length);
}
if (read !== snapshotBytes) throw new Error(`Of ${snapshotBytes} bytes ${read} were read.`);
await storage.close();
writeSync(
  REPORT_DESCRIPTOR,
  formatMemoryReport({ records: read, residentMiB: (resident - start.rss) / MIB, externalMiB: (external - start.external) / MIB }),
);

// eslint-disable-next-line @typescript-eslint/require-await -- what a snapshot is read from is asynchronous
async function* content(): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < snapshotBytes; at += PIECE_BYTES) {
    sample(PIECE_BYTES);
    yield piece.subarray(0, Math.min(PIECE_BYTES, snapshotBytes - at));
  }
}

function sample(bytes: number): void {
  const now = process.memoryUsage();
  resident = Math.max(resident, now.rss);
  external = Math.max(external, now.external);
  if (Math.floor(passed / REPORT_EVERY_BYTES) < Math.floor((passed + bytes) / REPORT_EVERY_BYTES)) writeSync(REPORT_DESCRIPTOR, "going on\n");
  passed += bytes;
}
