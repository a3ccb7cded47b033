import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { measuredRecords, RECORD_BYTES } from "../records.js";
import type { BenchContext } from "../row.js";
import type { Scratch } from "../scratch.js";

const BATCH = 1000;

/** Makes a log of `count` measured records in commits of about 1,000 records, and closes it. `count` is a multiple of 1,000. */
export async function fillLog(root: string, prefix: string, count: number, seed: number): Promise<void> {
  const batch = measuredRecords(seed).slice(0, BATCH);
  await using storage = await fsBackend({ root });
  await using log = await openLog({ storage, prefix });
  for (let written = 0; written < count; written += BATCH) await log.appendBatch(batch);
}

/** A log in the scratch directory whose records have 1 GiB together, made when it is first asked for. */
export async function gibibyteLog(context: BenchContext): Promise<GibibyteLog> {
  const known = made.get(context.scratch) ?? newGibibyteLog(context, "gibibyte");
  made.set(context.scratch, known);
  return await known;
}

/** A closed log of about 1 GiB, and where it lies. */
export interface GibibyteLog {
  readonly root: string;
  readonly prefix: string;
  readonly records: number;
}

const made = new WeakMap<Scratch, Promise<GibibyteLog>>();

/** As {@link gibibyteLog}, made now, in a directory of this name. */
export async function newGibibyteLog(context: BenchContext, name: string): Promise<GibibyteLog> {
  context.progress.label("filling a log of 1 GiB");
  const root = await context.scratch.directory(name);
  const records = Math.ceil(2 ** 30 / RECORD_BYTES / BATCH) * BATCH;
  await fillLog(root, "bench", records, context.seed);
  return { root, prefix: "bench", records };
}
