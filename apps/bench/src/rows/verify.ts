import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

import { fsBackend } from "@holdfast/storage-fs";
import { verifyLog } from "@holdfast/wal";

import { readBytesOfDisk } from "../disk-reads.js";
import { collectGarbage } from "../garbage.js";
import { inRounds, ratios, type Contestant } from "../pairs.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { gibibyteLog, newGibibyteLog, type GibibyteLog } from "./fill.js";

const ID = "verify";
const READ_ONCE = "reading the files once";
const LIMIT = 1.5;
const PIECE_BYTES = 2 ** 20;
const WORK = "verify of 1 GiB";
const FROM_DISK = `${WORK}, from the disk`;
const FROM_CACHE = `${WORK}, from the page cache`;
/** Share of the bytes that must come from the disk, so that a reading counts as one of the disk. */
const DISK_SHARE = 0.9;

/**
 * Checking a whole log against nothing but reading its bytes in pieces of 1 MiB. Once from the disk, which is where a log lies that nobody has read since it was
 * written: each run has a log of its own for that, made outside the clock. And once from the page cache, where somebody has just read it.
 */
export const verifyFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["full"],
  steps: (runs) => 1 + 4 * (runs + 1),
  run: async (context) => {
    context.progress.step(`${WORK}: filling`);
    const known = await gibibyteLog(context);
    const sharesOfDisk: number[] = [];
    const unread = async (work: (log: GibibyteLog) => Promise<void>): Promise<number> => {
      const log = await newGibibyteLog(context, "unread");
      const before = await readBytesOfDisk();
      const took = await milliseconds(() => work(log));
      const after = await readBytesOfDisk();
      await context.scratch.discard(log.root);
      sharesOfDisk.push(before === undefined || after === undefined ? 0 : (after - before) / 2 ** 30);
      return took;
    };
    const contestants: readonly Contestant[] = [
      { name: `${FROM_DISK}: verify`, run: () => unread(verify) },
      { name: `${FROM_DISK}: ${READ_ONCE}`, run: () => unread(readOnce) },
      { name: `${FROM_CACHE}: verify`, run: () => milliseconds(() => verify(known)) },
      { name: `${FROM_CACHE}: ${READ_ONCE}`, run: () => milliseconds(() => readOnce(known)) },
    ];
    const figures = await measured(contestants, context);
    const [ours = [], theirs = [], cachedOurs = [], cachedTheirs = []] = contestants.map(({ name }) => figures.get(name) ?? []);
    const isFromDisk = sharesOfDisk.every((share) => share >= DISK_SHARE);
    return [isFromDisk ? row(FROM_DISK, ours, theirs) : NOT_FROM_DISK, row(FROM_CACHE, cachedOurs, cachedTheirs)];
  },
};

const NOT_FROM_DISK: RowResult = {
  id: ID,
  work: FROM_DISK,
  missing: "what was written could be read from memory, or this system does not tell (/proc/self/io)",
  failed: false,
};

function measured(contestants: readonly Contestant[], context: BenchContext): Promise<ReadonlyMap<string, readonly number[]>> {
  return inRounds(contestants, {
    rounds: context.runs,
    outOfTime: () => context.outOfTime(),
    onRun: (round, name) => {
      context.progress.step(`${name}, ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}`);
      collectGarbage();
    },
  });
}

function row(work: string, ours: readonly number[], theirs: readonly number[]): RowResult {
  const ratio = ratios(ours, theirs);
  return {
    id: ID,
    work,
    ours: { value: median(ours), unit: "ms" },
    against: { name: READ_ONCE, figure: { value: median(theirs), unit: "ms" } },
    ratio: { ...ratio, better: "less" },
    target: { text: `≤ ${LIMIT} ×`, met: ratio.median <= LIMIT },
    rounds: { ours, theirs },
  };
}

async function verify({ root, prefix, records }: GibibyteLog): Promise<void> {
  await using storage = await fsBackend({ root });
  const report = await verifyLog({ storage, prefix });
  if (report.findings.length > 0 || report.records !== records) throw new Error("The log that was to be verified is not whole.");
}

async function readOnce({ root }: GibibyteLog): Promise<void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (const file of await filesBelow(root)) {
    const handle = await open(file);
    try {
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, buffer.length);
        if (bytesRead === 0) break;
      }
    } finally {
      await handle.close();
    }
  }
}

async function filesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
