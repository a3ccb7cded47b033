import { memoryBackend, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { mergeLog, openLog } from "@holdfast/wal";

import { inRounds, ratios } from "../pairs.js";
import { measuredRecords } from "../records.js";
import type { RowResult } from "../row.js";
import { median } from "../statistics.js";
import { allRequests } from "./request-counts.js";
import { atDistance, type DistantStore, type S3Context, type S3Family } from "./s3-context.js";

/** Commits of a log, one record each: each number is more than a pack holds. */
const OBJECTS = [300, 1000, 4000] as const;
/** Added to each request. */
const ROUND_TRIP_MS = 20;
/** So many that nothing is merged unasked. */
const MAX_PACK_OBJECTS = 4096;
const PACK_OBJECTS = 256;
const COPIED_AT_ONCE = 64;
const AFTER = "after merging";
const BEFORE = "before merging";

/** How long it takes to take a log over, and to read all of it as well, by the number of its objects, before and after merging. */
export const s3OpenFamily: S3Family = {
  id: "s3-open",
  work: "opening on object storage",
  steps: (runs) => OBJECTS.length * (2 + 4 * (runs + 1)),
  run: (context) =>
    atDistance(context, ROUND_TRIP_MS, async (store) => {
      const rows: RowResult[] = [];
      for (const objects of OBJECTS) rows.push(...(await measure(context, store, objects)));
      return rows;
    }),
};

async function measure(context: S3Context, store: DistantStore, objects: number): Promise<readonly RowResult[]> {
  const about = `${objects.toLocaleString("en")} objects, + ${ROUND_TRIP_MS} ms a round trip`;
  const prefixes = { [BEFORE]: context.freshPrefix(), [AFTER]: context.freshPrefix() };
  await atDistance(context, 0, async ({ storage }) => {
    for (const [name, prefix] of Object.entries(prefixes)) {
      context.progress.step(`${about}: filling, ${name}`);
      await fill(context, storage, prefix, objects);
    }
    await mergeLog({ storage, prefix: prefixes[AFTER], packObjects: PACK_OBJECTS });
  });
  const rows: RowResult[] = [];
  for (const isRead of [false, true]) {
    const work = isRead ? `open and read all, ${about}` : `open, ${about}`;
    const requests = new Map<string, number>();
    const contestants = [AFTER, BEFORE].map((name) => ({
      name,
      run: async () => {
        store.taken();
        const ms = await timeOpening(store.storage, name === AFTER ? prefixes[AFTER] : prefixes[BEFORE], isRead ? objects : undefined);
        requests.set(name, allRequests(store.taken()));
        return ms;
      },
    }));
    const figures = await inRounds(contestants, {
      rounds: context.runs,
      outOfTime: () => context.outOfTime(),
      onRun: (round, name) => { context.progress.step(`${work}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`); },
    });
    const ours = figures.get(AFTER) ?? [];
    const theirs = figures.get(BEFORE) ?? [];
    rows.push({
      id: "s3-open",
      work: `${work}, ${AFTER}`,
      ours: { value: median(ours), unit: "ms" },
      against: { name: BEFORE, figure: { value: median(theirs), unit: "ms" } },
      ratio: { ...ratios(ours, theirs), better: "less" },
      note: `${requests.get(AFTER) ?? 0} requests, before merging ${requests.get(BEFORE) ?? 0}`,
      rounds: { ours, theirs },
    });
  }
  return rows;
}

/** Opens for writing, which is a takeover, and reads everything if so many records are to be there. */
async function timeOpening(storage: StorageBackend, prefix: string, expected: number | undefined): Promise<number> {
  const started = performance.now();
  await using log = await openLog({ storage, prefix, packObjects: MAX_PACK_OBJECTS });
  if (expected !== undefined) {
    let records = 0;
    for await (const { values } of log.readBatches()) records += values.length;
    if (records !== expected) throw new Error(`Of ${expected} records ${records} were read.`);
  }
  return performance.now() - started;
}

/** Writes a log in memory and copies its objects: they are the same, and each commit need not wait for the one before to be sent. */
async function fill(context: S3Context, storage: StorageBackend, prefix: string, objects: number): Promise<void> {
  const [record] = measuredRecords(context.seed);
  if (record === undefined) throw new RangeError("There is no record.");
  await using memory = memoryBackend({ appendable: false });
  const log = await openLog({ storage: memory, prefix, packObjects: MAX_PACK_OBJECTS });
  for (let commit = 0; commit < objects; commit += 1) await log.append(record);
  await log.close();
  const copy = async (keys: AsyncIterator<{ readonly key: Parameters<StorageBackend["read"]>[0] }>): Promise<void> => {
    for (let next = await keys.next(); next.done !== true; next = await keys.next()) {
      const bytes = await memory.read(next.value.key);
      if (bytes !== undefined) await storage.create(next.value.key, bytes);
    }
  };
  const keys = memory.list(storagePrefix(prefix))[Symbol.asyncIterator]();
  await Promise.all(Array.from({ length: COPIED_AT_ONCE }, () => copy(keys)));
}
