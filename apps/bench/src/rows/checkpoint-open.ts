import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { checkpointStore, type CheckpointStore } from "@holdfast/checkpoint";
import { memoryBackend, storagePrefix } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { s3Backend } from "@holdfast/storage-s3";
import { mildAdversary, virtualClock } from "@holdfast/storage-sim";
import { driveClock, SimObjectStore } from "@holdfast/storage-sim/object-store";

import { collectGarbage } from "../garbage.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median, percentile } from "../statistics.js";
import { checkpointState } from "./checkpoint-state.js";

const STORED = [10, 1000, 100_000] as const;
const LATEST_CALLS = 200;
const MAX_REQUESTS = 3;
const WORK = "checkpoint, open and latest";
const ID = "checkpoint-open";
const STREAM = "s";

/** What opening a stream and reading its latest checkpoint take, however many are stored. */
export const checkpointOpenFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["full"],
  steps: (runs) => STORED.length * (runs + 1) + 1,
  async run(context) {
    const measured: Measured[] = [];
    for (const stored of STORED) measured.push(await measure(context, stored));
    const [least] = measured;
    const rows = measured.flatMap(({ stored, opening, latest }): readonly RowResult[] => [
      row(`a stream with ${stored.toLocaleString("en")} opened, in a directory`, "ms", opening, least?.opening),
      row(`latest() of an open stream with ${stored.toLocaleString("en")}`, "µs", latest, least?.latest),
    ]);
    context.progress.step(`${WORK}: requests`);
    return [...rows, await requestsRow()];
  },
};

interface Measured {
  readonly stored: number;
  /** Milliseconds, of each round. */
  readonly opening: readonly number[];
  /** Microseconds, the median of each round. */
  readonly latest: readonly number[];
}

async function measure(context: BenchContext, stored: number): Promise<Measured> {
  const work = `${WORK} with ${stored.toLocaleString("en")}`;
  context.progress.step(`${work}: filling`);
  const root = await context.scratch.directory("checkpoint-open");
  await fill(root, stored);
  const opening: number[] = [];
  const latest: number[] = [];
  for (let round = 1; round <= context.runs; round += 1) {
    context.progress.step(`${work}: round ${round} of ${context.runs}`);
    collectGarbage();
    const storage = await fsBackend({ root });
    const store = checkpointStore({ storage, prefix: "c", keep: Infinity });
    const startedAt = performance.now();
    const { latestSequence } = await store.open(STREAM);
    opening.push(performance.now() - startedAt);
    if (latestSequence !== BigInt(stored)) throw new Error(`Of ${stored} checkpoints the latest is ${latestSequence ?? "none"}.`);
    latest.push(await latestMicros(store));
    await store.close();
    await storage.close();
  }
  await context.scratch.discard(root);
  return { stored, opening, latest };
}

/** Saves in memory, and copies the objects: nobody is to wait for so many flushes. */
async function fill(root: string, stored: number): Promise<void> {
  const storage = memoryBackend();
  const store = checkpointStore({ storage, prefix: "c", keep: Infinity });
  for (let sequence = 1; sequence <= stored; sequence += 1) await store.save(checkpointState(STREAM, sequence, 64));
  await store.close();
  const directories = new Set<string>();
  for await (const { key } of storage.list(storagePrefix(""))) {
    const path = join(root, key);
    if (!directories.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
    directories.add(dirname(path));
    await writeFile(path, (await storage.read(key)) ?? new Uint8Array());
  }
  await storage.close();
}

async function latestMicros(store: CheckpointStore): Promise<number> {
  const micros = new Float64Array(LATEST_CALLS);
  for (let call = 0; call < LATEST_CALLS; call += 1) {
    const startedAt = performance.now();
    const { checkpoint } = await store.latest(STREAM);
    micros[call] = (performance.now() - startedAt) * 1000;
    if (checkpoint === undefined) throw new Error("There is no latest checkpoint.");
  }
  return percentile(micros, 0.5);
}

/** Counted on a simulated object store, without what tries the bucket out. */
async function requestsRow(): Promise<RowResult> {
  const clock = virtualClock();
  const bucket = new SimObjectStore({ clock, adversary: mildAdversary });
  const open = (): CheckpointStore => {
    const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
    const storage = s3Backend({ bucket: "bucket", endpoint: "http://localhost", region: "us-east-1", credentials, port: bucket.client().port, clock, conditionalWrites: "trusted" });
    return checkpointStore({ storage, prefix: "c", clock });
  };
  const requests = await driveClock(clock, (async () => {
    const before = open();
    for (let sequence = 1; sequence <= 50; sequence += 1) await before.save(checkpointState(STREAM, sequence, 64));
    await before.close();
    const sent = bucket.requests;
    await open().open(STREAM);
    return bucket.requests - sent;
  })());
  return {
    id: ID,
    work: "requests to open a stream on object storage",
    ours: { value: requests, unit: "requests" },
    target: { text: `≤ ${MAX_REQUESTS}`, met: requests <= MAX_REQUESTS },
    note: "a hint, a claim, a list; the latest checkpoint is one more",
  };
}

function row(work: string, unit: "ms" | "µs", ours: readonly number[], least: readonly number[] = ours): RowResult {
  const ratio = median(ours) / median(least);
  return {
    id: ID,
    work,
    ours: { value: median(ours), unit },
    ...(ours === least ? {} : { against: { name: `with ${STORED[0]}`, figure: { value: median(least), unit } }, ratio: { median: ratio, min: ratio, max: ratio, better: "less" } }),
    rounds: { ours },
  };
}
