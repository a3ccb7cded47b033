import type { StorageBackend } from "@holdfast/storage";
import { openLog, openLogReader } from "@holdfast/wal";

import { measuredRecords } from "../records.js";
import type { RowResult } from "../row.js";
import { allRequests, costOf, scaled, type Prices, type RequestCounts } from "./request-counts.js";
import { atDistance, type DistantStore, type S3Context, type S3Family } from "./s3-context.js";

/** Commits of so many records each, and how many of them: with the claim before them three packs and the newest object, or as many bytes. */
const SHAPES = [
  { records: 1, commits: 768 },
  { records: 64, commits: 768 },
  { records: 1024, commits: 129 },
] as const;
const MILLION = 1_000_000;

/** Requests, bytes and cost of a million records: written, merging included, and read back. */
export const s3RequestFamily: S3Family = {
  id: "s3-requests",
  work: "requests and bytes per 1,000,000 records",
  steps: () => SHAPES.length,
  run: (context) =>
    atDistance(context, 0, async (store) => {
      const rows: RowResult[] = [];
      for (const shape of SHAPES) {
        const work = `commits of ${shape.records.toLocaleString("en")} records`;
        context.progress.step(`requests: ${work}`);
        const { written, read } = await writeAndRead(context, store, shape);
        rows.push(row(`1,000,000 records written, ${work}`, written, context.prices, { name: "one PUT per record", requests: MILLION }), row(`1,000,000 records read, ${work}`, read, context.prices));
      }
      return rows;
    }),
};

/** Writes a log and reads it with a reader of its own; answers what a million records take. Opening is not in it. */
async function writeAndRead(context: S3Context, store: DistantStore, shape: (typeof SHAPES)[number]): Promise<{ readonly written: RequestCounts; readonly read: RequestCounts }> {
  const { storage } = store;
  const prefix = context.freshPrefix();
  const factor = MILLION / (shape.records * shape.commits);
  const log = await openLog({ storage, prefix });
  store.taken();
  const batch = measuredRecords(context.seed).slice(0, shape.records);
  for (let commit = 0; commit < shape.commits; commit += 1) await log.appendBatch(batch);
  await log.close();
  const written = scaled(store.taken(), factor);
  await readAll(storage, prefix, shape.records * shape.commits);
  return { written, read: scaled(store.taken(), factor) };
}

async function readAll(storage: StorageBackend, prefix: string, expected: number): Promise<void> {
  await using reader = await openLogReader({ storage, prefix });
  let records = 0;
  for await (const { values } of reader.readBatches()) records += values.length;
  if (records !== expected) throw new Error(`Of ${expected} records ${records} were read.`);
}

function row(work: string, counts: RequestCounts, prices: Prices, against?: { readonly name: string; readonly requests: number }): RowResult {
  const requests = allRequests(counts);
  const { puts, lists, gets, deletes, sentBytes, receivedBytes } = counts;
  const kinds = Object.entries({ PUT: puts, LIST: lists, GET: gets, DELETE: deletes }).filter(([, count]) => count >= 0.5);
  const parts = kinds.map(([kind, count]) => `${Math.round(count).toLocaleString("en")} ${kind}`);
  const bytes = [["sent", sentBytes], ["received", receivedBytes]] as const;
  const megabytes = bytes.filter(([, count]) => count >= 500_000).map(([way, count]) => `${(count / 1e6).toFixed(0)} MB ${way}`);
  const ratio = against === undefined ? undefined : requests / against.requests;
  return {
    id: "s3-requests",
    work,
    ours: { value: requests, unit: "requests" },
    ...(against === undefined || ratio === undefined
      ? {}
      : { against: { name: against.name, figure: { value: against.requests, unit: "requests" } }, ratio: { median: ratio, min: ratio, max: ratio, better: "less" } }),
    note: `${[...parts, ...megabytes].join(", ")}; $${costOf(counts, prices).toFixed(4)}${against === undefined ? "" : ` instead of $${((MILLION * prices.put) / 1000).toFixed(2)}`}`,
  };
}
