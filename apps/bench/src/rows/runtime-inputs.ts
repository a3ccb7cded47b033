import { openRuntimeDirectory, openRuntimeStore, type RuntimeStore } from "@holdfast/runtime";
import { fsBackend } from "@holdfast/storage-fs";

import { inRounds, ratios, type Contestant } from "../pairs.js";
import { databaseClass, type DatabaseClass } from "../peers/sqlite.js";
import type { BenchContext, RowFamily, RowResult, Size } from "../row.js";
import { OriginalWay } from "../runtime/original-way.js";
import { runtimeDirectory } from "../runtime/make-directory.js";
import { SqliteWay } from "../runtime/sqlite-way.js";
import { syncCountingPort, type SyncCounter } from "../runtime/sync-counter.js";
import { median, spread } from "../statistics.js";

const OURS = "runtime";
const THEIRS = "the original's way";
const SQLITE = "node:sqlite";
const WORKERS = 8;
const CALLERS = 64;
const TARGET_TIMES = 20;
const INPUTS: Readonly<Record<Size, { readonly alone: number; readonly ours: number; readonly theirs: number }>> = {
  quick: { alone: 100, ours: 6400, theirs: 128 },
  full: { alone: 1000, ours: 64_000, theirs: 1280 },
};
const CONTENT = "a turn of a conversation, as long as one often is: about a hundred bytes of text that is no secret at all";
const WORK = "runtime, sendInput";

/** What an input costs: how often the disk is waited for, and how many are taken from many callers. */
export const runtimeInputsFamily: RowFamily = {
  id: "runtime-inputs",
  work: WORK,
  sizes: ["quick", "full"],
  steps: (runs) => 2 + 4 * (runs + 1),
  run: async (context) => [await syncsRow(context), await callersRow(context), await sqliteRow(context)],
};

/** Without files behind the journal, which are written once for many inputs, and by a timer. */
async function syncsRow(context: BenchContext): Promise<RowResult> {
  const { alone } = INPUTS[context.size];
  context.progress.step(`${WORK}: syncs`);
  const counter: SyncCounter = { count: 0 };
  const root = await context.scratch.directory("runtime-syncs");
  const each: number[] = [];
  {
    await using storage = await fsBackend({ root, port: syncCountingPort(counter) });
    await using store = await openRuntimeStore({ storage, runtimeId: "bench" });
    await createWorkers(store);
    for (let sent = 0; sent < alone; sent += 1) {
      const before = counter.count;
      await store.sendInput(workerOf(store, sent), { role: "user", content: CONTENT });
      each.push(counter.count - before);
    }
  }
  await context.scratch.discard(root);
  context.progress.step(`${WORK}: syncs, ${THEIRS}`);
  const theirs = await originalSyncs(context);
  const { median: ours, max } = spread(each);
  const mean = each.reduce((sum, count) => sum + count, 0) / each.length;
  return {
    id: "runtime-inputs",
    work: `${WORK}, 1 caller, synced writes each`,
    ours: { value: ours, unit: "synced writes" },
    against: { name: THEIRS, figure: { value: theirs, unit: "synced writes" } },
    ratio: { median: ours / theirs, min: ours / theirs, max: ours / theirs, better: "less" },
    target: { text: "1", met: ours === 1 && mean < 1.1 },
    note: `${mean.toFixed(3)} in the mean and ${max} at most, with the space that is prepared now and then; yoi itself makes 7`,
  };
}

async function originalSyncs(context: BenchContext): Promise<number> {
  const counter: SyncCounter = { count: 0 };
  const root = await context.scratch.directory("runtime-syncs");
  const original = new OriginalWay(runtimeDirectory(root), counter);
  await original.createWorkers(1);
  await original.sendInput(1, CONTENT);
  await context.scratch.discard(root);
  return counter.count;
}

/** With the files of yoi behind the journal, which are not waited for. */
async function callersRow(context: BenchContext): Promise<RowResult> {
  const work = `${WORK}, ${CALLERS} callers`;
  const { ours, theirs } = INPUTS[context.size];
  const contestants = [
    { name: OURS, run: (round: number) => inNewDirectory(context, (root) => sendAll(root, round === 0 ? ours / 10 : ours)) },
    { name: THEIRS, run: (round: number) => inNewDirectory(context, (root) => sendAllOriginally(root, round === 0 ? theirs / 4 : theirs)) },
  ];
  const figures = await rounds(context, work, contestants);
  const [a, b] = [figures.get(OURS) ?? [], figures.get(THEIRS) ?? []];
  const ratio = ratios(a, b);
  return {
    id: "runtime-inputs",
    work,
    ours: { value: median(a), unit: "records/s" },
    against: { name: THEIRS, figure: { value: median(b), unit: "records/s" } },
    ratio: { ...ratio, better: "more" },
    target: { text: `≥ ${TARGET_TIMES} ×`, met: ratio.median >= TARGET_TIMES },
    note: "each durable before its caller sends the next; the files of yoi follow behind and are not waited for",
    rounds: { ours: a, theirs: b },
  };
}

/** For information: the same callers beside a database, which takes one after the other. */
async function sqliteRow(context: BenchContext): Promise<RowResult> {
  const work = `${WORK}, ${CALLERS} callers, beside ${SQLITE}`;
  const DatabaseSync = await databaseClass();
  if (DatabaseSync === undefined) return { id: "runtime-inputs", work, missing: `${SQLITE} is not on this Node`, failed: false };
  const { ours, theirs } = INPUTS[context.size];
  const contestants = [
    { name: OURS, run: (round: number) => inNewDirectory(context, (root) => sendAll(root, round === 0 ? ours / 10 : ours)) },
    { name: SQLITE, run: (round: number) => inNewDirectory(context, (root) => sendAllToSqlite(DatabaseSync, root, round === 0 ? theirs : theirs * 5)) },
  ];
  const figures = await rounds(context, work, contestants);
  const [a, b] = [figures.get(OURS) ?? [], figures.get(SQLITE) ?? []];
  return {
    id: "runtime-inputs",
    work,
    ours: { value: median(a), unit: "records/s" },
    against: { name: SQLITE, figure: { value: median(b), unit: "records/s" } },
    ratio: { ...ratios(a, b), better: "more" },
    note: "two tables, a transaction for each input; journal_mode = WAL, synchronous = FULL",
    rounds: { ours: a, theirs: b },
  };
}

async function sendAllToSqlite(DatabaseSync: DatabaseClass, root: string, inputs: number): Promise<number> {
  const database = new SqliteWay(DatabaseSync, root);
  const rate = await perSecond(inputs, (number) => database.sendInput(`worker-${number % WORKERS}`, CONTENT));
  database.close();
  return rate;
}

function rounds(context: BenchContext, work: string, contestants: readonly Contestant[]): Promise<ReadonlyMap<string, readonly number[]>> {
  return inRounds(contestants, {
    rounds: context.runs,
    outOfTime: () => context.outOfTime(),
    onRun: (round, name) => {
      context.progress.step(`${work}: ${name}, ${round === 0 ? "warm-up" : `round ${round}`}`);
    },
  });
}

async function inNewDirectory(context: BenchContext, work: (root: string) => Promise<number>): Promise<number> {
  const root = await context.scratch.directory("runtime-inputs");
  const figure = await work(root);
  await context.scratch.discard(root);
  return figure;
}

async function sendAll(root: string, inputs: number): Promise<number> {
  await using store = await openRuntimeDirectory(root, { runtimeId: "bench" });
  await createWorkers(store);
  return await perSecond(inputs, (number) => store.sendInput(workerOf(store, number), { role: "user", content: CONTENT }));
}

async function sendAllOriginally(root: string, inputs: number): Promise<number> {
  const original = new OriginalWay(runtimeDirectory(root), { count: 0 });
  await original.createWorkers(WORKERS);
  return perSecond(inputs, (number) => original.sendInput(1 + (number % WORKERS), CONTENT));
}

/** Every caller sends one after the other. */
async function perSecond(inputs: number, send: (number: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let number = next++; number < inputs; number = next++) await send(number);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (inputs * 1000) / (performance.now() - startedAt);
}

async function createWorkers(store: RuntimeStore): Promise<void> {
  for (let made = 0; made < WORKERS; made += 1) await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
}

function workerOf(store: RuntimeStore, number: number): { readonly runtimeId: string; readonly workerId: string } {
  return { runtimeId: store.runtimeId, workerId: `worker-${(1 + (number % WORKERS)).toString(16).padStart(8, "0")}` };
}
