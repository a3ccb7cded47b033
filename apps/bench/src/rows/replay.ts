import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios, type Contestant } from "../pairs.js";
import { replayBatches, replayRecords } from "../peers/log.js";
import { LOOP_FLOOR, replayLoop } from "../peers/loop-floor.js";
import type { MissingPeer, Peer, Replayed } from "../peers/store.js";
import { measuredRecords, RECORD_BYTES } from "../records.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { fillLog } from "./fill.js";

const READ = "log, read()";
const READ_BATCHES = "log, readBatches()";
const RECORDS = { quick: 250_000, full: 1_000_000 } as const;
const BATCH = 1000;

/** Reading everything back, record by record and commit by commit, against the peers' fastest way to visit every value. */
export function replayFamily(peers: readonly (Peer | MissingPeer)[]): RowFamily {
  const present = peers.filter((peer): peer is Peer => "open" in peer);
  return {
    id: "replay",
    work: "replay",
    sizes: ["quick", "full"],
    steps: (runs) => (runs + 2) * (present.length + 3),
    run: async (context) => {
      const count = RECORDS[context.size];
      const work = `replay of ${count.toLocaleString("en")} records`;
      const opened = await openAll(present, count, work, context);
      try {
        const figures = await inRounds(
          opened.map((store): Contestant => ({ name: store.name, run: () => warmRecordsPerSecond(store, count) })),
          {
            rounds: context.runs,
            outOfTime: () => context.outOfTime(),
            onRun: (round, name) => {
              context.progress.step(`${work}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`);
              collectGarbage();
            },
          },
        );
        return rows(work, peers, figures);
      } finally {
        for (const store of opened) await store.close();
      }
    },
  };
}

interface Replayable {
  readonly name: string;
  replay(): Promise<Replayed>;
  close(): Promise<void>;
}

/** Fills each store with the same records, closes it, and opens it again. */
async function openAll(peers: readonly Peer[], count: number, work: string, context: BenchContext): Promise<readonly Replayable[]> {
  context.progress.step(`${work}: filling the log`);
  const root = await context.scratch.directory("replay-log");
  await fillLog(root, "bench", count, context.seed);
  const storage = await fsBackend({ root });
  const log = await openLog({ storage, prefix: "bench" });
  const opened: Replayable[] = [
    { name: READ, replay: () => replayRecords(log), close: () => log.close() },
    { name: READ_BATCHES, replay: () => replayBatches(log), close: () => storage.close() },
    { name: LOOP_FLOOR, replay: () => replayLoop(count, RECORD_BYTES), close: () => Promise.resolve() },
  ];
  const batch = measuredRecords(context.seed).slice(0, BATCH);
  for (const peer of peers) {
    context.progress.step(`${work}: filling ${peer.name}`);
    const directory = await context.scratch.directory(`replay-${peer.name.replace(":", "-")}`);
    const filled = await peer.open(directory);
    for (let written = 0; written < count; written += BATCH) await filled.appendBatch(batch);
    await filled.close();
    const store = await peer.open(directory);
    opened.push({ name: peer.name, replay: () => store.replay(), close: () => store.close() });
  }
  return opened;
}

/**
 * The second of two passes. The garbage collections between the runs take compiled code with them, and what it costs to compile it again is
 * no part of reading: it was a third of our first pass.
 */
async function warmRecordsPerSecond(store: Replayable, count: number): Promise<number> {
  await recordsPerSecond(store, count);
  return await recordsPerSecond(store, count);
}

async function recordsPerSecond(store: Replayable, count: number): Promise<number> {
  const started = performance.now();
  const { records, bytes } = await store.replay();
  const seconds = (performance.now() - started) / 1000;
  if (records !== count || bytes !== count * RECORD_BYTES) throw new Error(`A replay of ${count} records met ${records} with ${bytes} bytes.`);
  return records / seconds;
}

function rows(work: string, peers: readonly (Peer | MissingPeer)[], figures: ReadonlyMap<string, readonly number[]>): readonly RowResult[] {
  const results: RowResult[] = [];
  const floors = figures.get(LOOP_FLOOR) ?? [];
  results.push({
    id: "replay",
    work,
    ours: { value: median(figures.get(READ) ?? []), unit: "records/s" },
    against: { name: LOOP_FLOOR, figure: { value: median(floors), unit: "records/s" } },
    ratio: { ...ratios(figures.get(READ) ?? [], floors), better: "more" },
    rounds: { ours: figures.get(READ) ?? [], theirs: floors },
  });
  for (const [way, times] of [[READ, 8], [READ_BATCHES, undefined]] as const) {
    for (const peer of peers) {
      if (way === READ_BATCHES && peer.name !== "lmdb") continue;
      const rowWork = way === READ ? work : `${work}, readBatches()`;
      if ("missing" in peer) {
        results.push({ id: "replay", work: `${rowWork} against ${peer.name}`, missing: peer.missing, failed: false });
        continue;
      }
      const ours = figures.get(way) ?? [];
      const theirs = figures.get(peer.name) ?? [];
      const ratio = ratios(ours, theirs);
      results.push({
        id: "replay",
        work: rowWork,
        ours: { value: median(ours), unit: "records/s" },
        against: { name: peer.name, figure: { value: median(theirs), unit: "records/s" } },
        ratio: { ...ratio, better: "more" },
        ...(peer.name === "lmdb" && times !== undefined ? { target: { text: `≥ ${times} ×`, met: ratio.median >= times } } : {}),
        rounds: { ours, theirs },
      });
    }
  }
  return results;
}
