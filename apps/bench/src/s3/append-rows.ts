import { storageKey, type StorageBackend } from "@holdfast/storage";
import { openLog } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import { measuredRecords, DISTINCT_RECORDS } from "../records.js";
import type { RowResult } from "../row.js";
import { median } from "../statistics.js";
import { atDistance, type S3Context, type S3Family } from "./s3-context.js";

/** Added to each request. */
const ROUND_TRIPS_MS = [0, 5, 20, 100] as const;
const APPENDERS = [1, 64, 1024] as const;
const OURS = "log";
const NAIVE = "one PUT per record";
/** The round that does not count opens connections and warms up the code. */
const WARM_UP_SHARE = 0.25;

/** Records and commits per second, by how far the store is and how many append, against one conditional PUT per record. */
export const s3AppendFamily: S3Family = {
  id: "s3-append",
  work: "appends on object storage",
  steps: (runs) => ROUND_TRIPS_MS.length * APPENDERS.length * 2 * (runs + 1),
  run: async (context) => {
    const rows: RowResult[] = [];
    for (const roundTripMs of ROUND_TRIPS_MS) {
      await atDistance(context, roundTripMs, async ({ storage }) => {
        for (const appenders of APPENDERS) rows.push(await compare(context, storage, roundTripMs, appenders));
      });
    }
    return rows;
  },
};

async function compare(context: S3Context, storage: StorageBackend, roundTripMs: number, appenders: number): Promise<RowResult> {
  const work = `${appenders.toLocaleString("en")} appender${appenders === 1 ? "" : "s"}, ${roundTripMs === 0 ? "loopback" : `+ ${roundTripMs} ms a round trip`}`;
  const commits: number[] = [];
  const millisFor = (round: number): number => context.seconds * 1000 * (round === 0 ? WARM_UP_SHARE : 1);
  const figures = await inRounds(
    [
      {
        name: OURS,
        run: async (round) => {
          const run = await appendToLog(context, storage, appenders, millisFor(round));
          if (round > 0) commits.push(run.commitsPerSecond);
          return run.recordsPerSecond;
        },
      },
      { name: NAIVE, run: (round) => putEach(context, storage, appenders, millisFor(round)) },
    ],
    {
      rounds: context.runs,
      outOfTime: () => context.outOfTime(),
      onRun: (round, name) => {
        context.progress.step(`${work}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`);
        collectGarbage();
      },
    },
  );
  const ours = figures.get(OURS) ?? [];
  const theirs = figures.get(NAIVE) ?? [];
  const perCommit = median(ours) / median(commits);
  return {
    id: "s3-append",
    work,
    ours: { value: median(ours), unit: "records/s" },
    against: { name: NAIVE, figure: { value: median(theirs), unit: "records/s" } },
    ratio: { ...ratios(ours, theirs), better: "more" },
    note: `${median(commits).toFixed(1)} commits/s of ${perCommit.toFixed(perCommit < 10 ? 1 : 0)} records`,
    rounds: { ours, theirs },
  };
}

async function appendToLog(context: S3Context, storage: StorageBackend, appenders: number, ms: number): Promise<{ readonly recordsPerSecond: number; readonly commitsPerSecond: number }> {
  await using log = await openLog({ storage, prefix: context.freshPrefix() });
  const { seconds } = await keepBusy(context, appenders, ms, (record) => log.append(record));
  const { records, commits } = log.stats();
  return { recordsPerSecond: records / seconds, commitsPerSecond: commits / seconds };
}

async function putEach(context: S3Context, storage: StorageBackend, appenders: number, ms: number): Promise<number> {
  const prefix = context.freshPrefix();
  const { calls, seconds } = await keepBusy(context, appenders, ms, (record, call) => storage.create(storageKey(`${prefix}/${String(call).padStart(20, "0")}.x`), record));
  return calls / seconds;
}

/** Has so many calls in flight for so long, and waits for the last ones. */
async function keepBusy(context: S3Context, callers: number, ms: number, call: (record: Uint8Array, number: number) => Promise<unknown>): Promise<{ readonly calls: number; readonly seconds: number }> {
  const records = measuredRecords(context.seed);
  const started = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      const number = calls++;
      await call(records[number & (DISTINCT_RECORDS - 1)] ?? new Uint8Array(0), number);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { calls, seconds: (performance.now() - started) / 1000 };
}
