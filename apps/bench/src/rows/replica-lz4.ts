import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { decodeLz4, encodeLz4 } from "@holdfast/replica";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import { readRecords } from "../proof/dataset.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";

const ID = "replica-lz4";
const WORK = "replica, LZ4 frames";
const COMMAND = "lz4";
const MIB = 2 ** 20;

/** Packing and unpacking in this process, beside the program of the `lz4` project, both reading a file and throwing away what comes out. */
export const replicaLz4Family: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["quick", "full"],
  steps: (runs) => 4 * (runs + 1),
  async run(context) {
    const missing = await commandMissing();
    if (missing !== undefined) return [{ id: ID, work: WORK, missing, failed: false }];
    const root = await context.scratch.directory(ID);
    const mebibytes = context.size === "quick" ? 32 : 256;
    const plain = join(root, "plain");
    const { bytes } = await readRecords(undefined, context.size);
    await writeRepeated(plain, bytes, mebibytes * MIB);
    const packed = join(root, "packed.lz4");
    await writeAll(packed, encodeLz4(createReadStream(plain, { highWaterMark: MIB })));
    const rows = [
      await measure(context, `${mebibytes} MiB of JSON packed`, () => drained(encodeLz4(createReadStream(plain, { highWaterMark: MIB }))), ["-q", "-1", "-B7", "-c", plain]),
      await measure(context, `${mebibytes} MiB of JSON unpacked`, () => drained(decodeLz4(createReadStream(packed, { highWaterMark: MIB }))), ["-q", "-d", "-c", packed]),
    ];
    await context.scratch.discard(root);
    return rows;
  },
};

async function measure(context: BenchContext, what: string, ours: () => Promise<void>, theirs: readonly string[]): Promise<RowResult> {
  const work = `${WORK}, ${what}`;
  const figures = await inRounds(
    [
      { name: "ours", run: () => millisecondsOf(ours) },
      { name: COMMAND, run: () => millisecondsOf(() => runCommand(theirs)) },
    ],
    {
      rounds: context.runs,
      outOfTime: () => context.outOfTime(),
      onRun: (round, name) => {
        context.progress.step(`${work}: ${name}, round ${round}`);
        collectGarbage();
      },
    },
  );
  const [own, other] = [figures.get("ours") ?? [], figures.get(COMMAND) ?? []];
  return {
    id: ID,
    work,
    ours: { value: median(own), unit: "ms" },
    against: { name: COMMAND, figure: { value: median(other), unit: "ms" } },
    ratio: { ...ratios(own, other), better: "less" },
    note: "one block of 128 KiB after the other here, one thread and blocks of 4 MiB there; a checksum of the content in both; the command's time includes its start",
    rounds: { ours: own, theirs: other },
  };
}

/** Why the command cannot be compared with. */
async function commandMissing(): Promise<string | undefined> {
  try {
    await runCommand(["--version"]);
    return undefined;
  } catch (error) {
    return `the ${COMMAND} command cannot be run: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function runCommand(args: readonly string[]): Promise<void> {
  // Since version 1.10 it takes as many threads as there are cores, unless it is told not to; older ones have one, and do not know the option.
  const child = spawn(COMMAND, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, LZ4_NBWORKERS: "1" } });
  await once(child, "exit");
  if (child.exitCode !== 0) throw new Error(`it ended with ${child.signalCode ?? String(child.exitCode)}`);
}

async function millisecondsOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function drained(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  let bytes = 0;
  for await (const { length } of pieces) bytes += length;
  if (bytes === 0) throw new Error("Nothing came out.");
}

async function writeRepeated(path: string, unit: Uint8Array, bytes: number): Promise<void> {
  await using handle = await open(path, "w");
  for (let written = 0; written < bytes; written += unit.length) await handle.writeFile(unit.subarray(0, Math.min(unit.length, bytes - written)));
}

async function writeAll(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  await using handle = await open(path, "w");
  for await (const piece of pieces) await handle.writeFile(piece);
}
