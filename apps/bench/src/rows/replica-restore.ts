import { createReadStream } from "node:fs";
import { mkdir, open, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";

import { openReplicator, replicaClient, restore } from "@holdfast/replica";
import { fsBackend } from "@holdfast/storage-fs";
import { openLog } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import type { RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { fillLog } from "./fill.js";

const ID = "replica-restore";
const WORK = "replica, restore";
const COPY = "copy and sync of the same log";

/** What restoring a log takes, beside a copy of its files that is synced. */
export const replicaRestoreFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["quick", "full"],
  steps: (runs) => 2 * (runs + 1) + 1,
  async run(context) {
    // Of 256 bytes each.
    const records = context.size === "quick" ? 50_000 : 1_000_000;
    const root = await context.scratch.directory(ID);
    context.progress.step(`${WORK}: filling`);
    await fillLog(root, "source", records, context.seed);
    await replicate(root, records);
    const target = join(root, "target");
    const figures = await inRounds(
      [
        { name: WORK, run: () => restoreMillis(root, target, records) },
        { name: COPY, run: () => copyMillis(join(root, "source"), target) },
      ],
      {
        rounds: context.runs,
        outOfTime: () => context.outOfTime(),
        onRun: async (round, name) => {
          context.progress.step(`${WORK}: ${name}, round ${round}`);
          await context.scratch.discard(target);
          collectGarbage();
        },
      },
    );
    await context.scratch.discard(root);
    return [rowOf(records, figures.get(WORK) ?? [], figures.get(COPY) ?? [])];
  },
};

async function replicate(root: string, records: number): Promise<void> {
  const storage = await fsBackend({ root });
  const log = await openLog({ storage, prefix: "source" });
  const replicator = await openReplicator({ source: log, target: replicaClient({ storage, prefix: "replica", layout: "native" }) });
  await replicator.sync();
  const { seq } = replicator.status();
  if (seq !== records) throw new Error(`Of ${records} records ${seq ?? "none"} were replicated.`);
  for (const it of [replicator, log, storage]) await it.close();
}

async function restoreMillis(root: string, target: string, records: number): Promise<number> {
  await mkdir(target);
  const [from, to] = [await fsBackend({ root }), await fsBackend({ root: target })];
  const startedAt = performance.now();
  const { seq } = await restore({ from: replicaClient({ storage: from, prefix: "replica", layout: "native" }), to, prefix: "log" });
  const millis = performance.now() - startedAt;
  if (seq !== records) throw new Error(`Of ${records} records ${seq} were restored.`);
  for (const it of [from, to]) await it.close();
  return millis;
}

/** Every file read and written in pieces, so that no file system shares the bytes of the two instead. */
async function copyMillis(source: string, target: string): Promise<number> {
  const startedAt = performance.now();
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const copy = join(target, path.slice(source.length));
    await mkdir(dirname(copy), { recursive: true });
    await using handle = await open(copy, "w");
    const pieces: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: 2 ** 20 });
    for await (const piece of pieces) await handle.writeFile(piece);
    await handle.sync();
  }
  return performance.now() - startedAt;
}

function rowOf(records: number, ours: readonly number[], theirs: readonly number[]): RowResult {
  return {
    id: ID,
    work: `${WORK} of ${records.toLocaleString("en")} records of 256 bytes`,
    ours: { value: median(ours), unit: "ms" },
    against: { name: COPY, figure: { value: median(theirs), unit: "ms" } },
    ratio: { ...ratios(ours, theirs), better: "less" },
    note: "both from the file system's cache to the disk; a restore also checks, unpacks and writes the log anew, commit by commit",
    rounds: { ours, theirs },
  };
}
