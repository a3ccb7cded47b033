import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { collectGarbage } from "../garbage.js";
import { differences, inRounds, ratios, type Contestant } from "../pairs.js";
import { floorNames } from "../peers/all.js";
import { frameBytes, openFloor, type Floor } from "../peers/floor.js";
import { logPeer } from "../peers/log.js";
import type { MissingPeer, Peer, RecordStore } from "../peers/store.js";
import { measuredRecords, DISTINCT_RECORDS, RECORD_BYTES } from "../records.js";
import type { BenchContext, Figure, RowFamily, RowResult, Target } from "../row.js";
import { median, percentile } from "../statistics.js";

/** Durable appends: who appends how much at once. */
export interface AppendWorkload {
  readonly id: string;
  readonly work: string;
  /** Calls in flight. */
  readonly appenders: number;
  /** Records of each call: 1 is `append`, more is `appendBatch`. */
  readonly batch: number;
  /** What is compared: the median microseconds of a call, or records per second. */
  readonly measure: "p50" | "rate";
  /** What must be reached against whom. */
  readonly goal: { readonly against: string; readonly text: string; isMet(ours: readonly number[], theirs: readonly number[]): boolean };
}

const ASYNC_FLOOR = floorNames.async;

/** The four workloads of the report. */
export const appendWorkloads: readonly AppendWorkload[] = [
  {
    id: "append-1",
    work: "1 appender, p50",
    appenders: 1,
    batch: 1,
    measure: "p50",
    goal: {
      against: ASYNC_FLOOR,
      text: "≤ 1.2 × or + 25 µs",
      isMet: (ours, theirs) => ratios(ours, theirs).median <= 1.2 || differences(ours, theirs).median <= 25,
    },
  },
  { id: "append-64", work: "64 appenders", appenders: 64, batch: 1, measure: "rate", goal: timesAsMany("lmdb", 2) },
  { id: "append-1024", work: "1,024 appenders", appenders: 1024, batch: 1, measure: "rate", goal: timesAsMany("lmdb", 2.5) },
  { id: "append-batch", work: "batches of 1,000", appenders: 1, batch: 1000, measure: "rate", goal: timesAsMany("lmdb", 3) },
];

/** The rows of one workload: the log against both floors and every peer, in the same rounds. */
export function appendFamily(workload: AppendWorkload, peers: readonly (Peer | MissingPeer)[]): RowFamily {
  const present = peers.filter((peer): peer is Peer => "open" in peer);
  const names = [logPeer.name, ASYNC_FLOOR, ...peers.map(({ name }) => name), floorNames.sync];
  return {
    id: workload.id,
    work: workload.work,
    sizes: ["quick", "full"],
    steps: (runs) => (runs + 1) * (present.length + 3),
    run: async (context) => {
      const directory = await context.scratch.directory("floor");
      const bytes = frameBytes(workload.appenders * workload.batch, RECORD_BYTES);
      const floor = await openFloor(directory, bytes, Math.ceil(FLOOR_FILE_BYTES / bytes));
      const resident = await openResidents([logPeer, ...present], context);
      try {
        const commits = await calibrate(floor, bytes, context);
        const contestants = [
          storeContestant(logPeer, workload, commits, context),
          asyncFloor(floor, workload, commits),
          ...present.map((peer) => storeContestant(peer, workload, commits, context)),
          syncFloor(floor, workload, commits),
        ];
        const figures = await inRounds(contestants, {
          rounds: context.runs,
          outOfTime: () => context.outOfTime(),
          onRun: (round, name) => {
            context.progress.step(`${workload.work}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`);
            collectGarbage();
          },
        });
        return names.slice(1).map((name) => rowAgainst(name, workload, figures, peers));
      } finally {
        await resident.close();
        await floor.close();
        await context.scratch.discard(directory);
      }
    },
  };
}

/**
 * Opens a store of each, which stays open and idle beside the runs, as in a process that has stores for as long as it lives. Each run has a new store, and all garbage is
 * collected before it: V8 then forgets the shapes of objects of which none is left, and with them the code compiled for these, which no such process has to pay for.
 */
async function openResidents(peers: readonly Peer[], context: BenchContext): Promise<{ close(): Promise<void> }> {
  const directory = await context.scratch.directory("residents");
  const stores: RecordStore[] = [];
  const close = async (): Promise<void> => {
    for (const store of stores) await store.close();
    await context.scratch.discard(directory);
  };
  try {
    for (const [index, peer] of peers.entries()) {
      const root = join(directory, String(index));
      await mkdir(root);
      const store = await peer.open(root);
      stores.push(store);
      await store.append(recordAt(recordsOf(context.seed), 0));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** Space for the floor's file; its loop goes round in it. */
const FLOOR_FILE_BYTES = 64 * 2 ** 20;

/** How long a run is meant to take at the floor's speed, and what bounds it. */
const RUN = {
  quick: { milliseconds: 150, bytes: 128 * 2 ** 20 },
  full: { milliseconds: 500, bytes: 512 * 2 ** 20 },
} as const;

/**
 * A store that is slower than the floor by these factors ends its run early; its figure is that of what it did. The log, and the one it has to beat, get
 * so much time that they finish unless the machine is busy with something else.
 */
const MAX_SLOWNESS = 12;
const MAX_SLOWNESS_OF_OTHERS = 3;

/** Fewest writes that a run is made of, and what a store gets to warm up, in commits. */
const MIN_COMMITS = 40;
const WARM_UP_COMMITS = 20;

/** How many commits a run has, so that it takes the intended time on this disk and is the same for everybody. */
async function calibrate(floor: Floor, bytes: number, context: BenchContext): Promise<number> {
  await floor.writeAsync(WARM_UP_COMMITS);
  const p50Micros = percentile(await floor.writeAsync(MIN_COMMITS), 0.5);
  const run = RUN[context.size];
  const wanted = Math.round((run.milliseconds * 1000) / p50Micros);
  return Math.max(MIN_COMMITS, Math.min(wanted, Math.floor(run.bytes / bytes)));
}

function storeContestant(peer: Peer, workload: AppendWorkload, commits: number, context: BenchContext): Contestant {
  const isCompared = peer.name === logPeer.name || peer.name === "lmdb";
  const limitMs = RUN[context.size].milliseconds * (isCompared ? MAX_SLOWNESS : MAX_SLOWNESS_OF_OTHERS);
  return {
    name: peer.name,
    run: async (round) => {
      const directory = await context.scratch.directory("store");
      const store = await peer.open(directory);
      try {
        await drive(store, workload, WARM_UP_COMMITS, limitMs / 10, context.seed);
        const { records, seconds, callMicros } = await drive(store, workload, shortened(commits, round), limitMs, context.seed);
        return workload.measure === "p50" ? percentile(callMicros, 0.5) : records / seconds;
      } finally {
        await store.close();
        await context.scratch.discard(directory);
      }
    },
  };
}

function asyncFloor(floor: Floor, workload: AppendWorkload, commits: number): Contestant {
  return { name: ASYNC_FLOOR, run: async (round) => floorFigure(await floor.writeAsync(shortened(commits, round)), workload) };
}

function syncFloor(floor: Floor, workload: AppendWorkload, commits: number): Contestant {
  return { name: floorNames.sync, run: (round) => Promise.resolve(floorFigure(floor.writeSync(shortened(commits, round)), workload)) };
}

/** The round that does not count warms up the code and need not be as long. */
function shortened(commits: number, round: number): number {
  return round === 0 ? Math.max(MIN_COMMITS, Math.ceil(commits / 4)) : commits;
}

function floorFigure(micros: Float64Array, { measure, appenders, batch }: AppendWorkload): number {
  if (measure === "p50") return percentile(micros, 0.5);
  const seconds = micros.reduce((sum, value) => sum + value, 0) / 1e6;
  return (micros.length * appenders * batch) / seconds;
}

/** What one run did. */
interface Driven {
  readonly records: number;
  readonly seconds: number;
  /** Microseconds of each call, with one appender; else empty. */
  readonly callMicros: Float64Array;
}

/** Appends `commits` times what the workload has in flight, and stops early at the limit. */
async function drive(store: RecordStore, workload: AppendWorkload, commits: number, limitMs: number, seed: number): Promise<Driven> {
  if (workload.batch > 1) return await driveBatches(store, workload.batch, commits, limitMs, seed);
  return workload.appenders === 1 ? await driveOne(store, commits, limitMs, seed) : await driveMany(store, workload.appenders, commits, limitMs, seed);
}

async function driveOne(store: RecordStore, calls: number, limitMs: number, seed: number): Promise<Driven> {
  const records = recordsOf(seed);
  const micros = new Float64Array(calls);
  const started = performance.now();
  let now = started;
  let done = 0;
  while (done < calls && now - started < limitMs) {
    const before = now;
    await store.append(recordAt(records, done));
    now = performance.now();
    micros[done++] = (now - before) * 1000;
  }
  return { records: done, seconds: (now - started) / 1000, callMicros: micros.subarray(0, done) };
}

async function driveMany(store: RecordStore, appenders: number, commits: number, limitMs: number, seed: number): Promise<Driven> {
  const records = recordsOf(seed);
  const total = appenders * commits;
  const started = performance.now();
  let next = 0;
  let done = 0;
  let stopped = false;
  const appender = async (): Promise<void> => {
    while (next < total && !stopped) {
      const call = next++;
      if ((call & 63) === 0) stopped = performance.now() - started > limitMs;
      await store.append(recordAt(records, call));
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: appenders }, appender));
  return { records: done, seconds: (performance.now() - started) / 1000, callMicros: new Float64Array(0) };
}

async function driveBatches(store: RecordStore, batch: number, commits: number, limitMs: number, seed: number): Promise<Driven> {
  const records = recordsOf(seed).slice(0, batch);
  const started = performance.now();
  let done = 0;
  while (done < commits && performance.now() - started < limitMs) {
    await store.appendBatch(records);
    done += 1;
  }
  return { records: done * batch, seconds: (performance.now() - started) / 1000, callMicros: new Float64Array(0) };
}

function rowAgainst(
  name: string,
  workload: AppendWorkload,
  figures: ReadonlyMap<string, readonly number[]>,
  peers: readonly (Peer | MissingPeer)[],
): RowResult {
  const { id, work, measure, goal } = workload;
  const missing = peers.find((peer): peer is MissingPeer => peer.name === name && "missing" in peer);
  if (missing !== undefined) return { id, work: `${work} against ${name}`, missing: missing.missing, failed: false };
  const ours = figures.get(logPeer.name) ?? [];
  const theirs = figures.get(name) ?? [];
  const unit: Figure["unit"] = measure === "p50" ? "µs" : "records/s";
  const target: Target | undefined = goal.against === name ? { text: goal.text, met: goal.isMet(ours, theirs) } : undefined;
  const difference = differences(ours, theirs).median;
  return {
    id,
    work,
    ours: { value: median(ours), unit },
    against: { name, figure: { value: median(theirs), unit } },
    ratio: { ...ratios(ours, theirs), better: measure === "p50" ? "less" : "more" },
    ...(target === undefined ? {} : { target }),
    ...(name === ASYNC_FLOOR && measure === "p50" ? { note: `${difference < 0 ? "−" : "+"}${Math.abs(difference).toFixed(0)} µs` } : {}),
    rounds: { ours, theirs },
  };
}

function timesAsMany(against: string, times: number): AppendWorkload["goal"] {
  return { against, text: `≥ ${times} ×`, isMet: (ours, theirs) => ratios(ours, theirs).median >= times };
}

const recordsBySeed = new Map<number, readonly Uint8Array[]>();

function recordsOf(seed: number): readonly Uint8Array[] {
  const known = recordsBySeed.get(seed) ?? measuredRecords(seed);
  recordsBySeed.set(seed, known);
  return known;
}

function recordAt(records: readonly Uint8Array[], call: number): Uint8Array {
  const record = records[call & (DISTINCT_RECORDS - 1)];
  if (record === undefined) throw new RangeError(`There is no record ${call}.`);
  return record;
}
