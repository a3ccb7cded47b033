import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

import { fsBackend } from "@holdfast/storage-fs";
import { verifyLog } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import type { RowFamily } from "../row.js";
import { median } from "../statistics.js";
import { gibibyteLog } from "./fill.js";

const VERIFY = "verify";
const READ_ONCE = "reading the files once";
const LIMIT = 1.5;
const PIECE_BYTES = 2 ** 20;
const WORK = "verify of 1 GiB";

/** Checking a whole log against nothing but reading its bytes in pieces of 1 MiB, both from the page cache. */
export const verifyFamily: RowFamily = {
  id: "verify",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => 1 + 2 * (runs + 1),
  run: async (context) => {
    context.progress.step(`${WORK}: filling`);
    const { root, prefix, records } = await gibibyteLog(context);
    await using storage = await fsBackend({ root });
    const files = await filesBelow(root);
    const figures = await inRounds(
      [
        {
          name: VERIFY,
          run: () =>
            milliseconds(async () => {
              const report = await verifyLog({ storage, prefix });
              if (report.findings.length > 0 || report.records !== records) throw new Error("The log that was to be verified is not whole.");
            }),
        },
        { name: READ_ONCE, run: () => milliseconds(() => readOnce(files)) },
      ],
      {
        rounds: context.runs,
        outOfTime: () => context.outOfTime(),
        onRun: (round, name) => {
          context.progress.step(`${WORK}: ${round === 0 ? "warm-up" : `round ${round} of ${context.runs}`}, ${name}`);
          collectGarbage();
        },
      },
    );
    const ours = figures.get(VERIFY) ?? [];
    const theirs = figures.get(READ_ONCE) ?? [];
    const ratio = ratios(ours, theirs);
    return [
      {
        id: "verify",
        work: WORK,
        ours: { value: median(ours), unit: "ms" },
        against: { name: READ_ONCE, figure: { value: median(theirs), unit: "ms" } },
        ratio: { ...ratio, better: "less" },
        target: { text: `≤ ${LIMIT} ×`, met: ratio.median <= LIMIT },
        rounds: { ours, theirs },
      },
    ];
  },
};

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function filesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function readOnce(files: readonly string[]): Promise<void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (const file of files) {
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
