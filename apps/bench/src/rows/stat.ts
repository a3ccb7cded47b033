import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type Log } from "@holdfast/wal";

import { collectGarbage } from "../garbage.js";
import { inRounds, ratios } from "../pairs.js";
import { measuredRecords } from "../records.js";
import type { RowFamily } from "../row.js";
import { median, percentile } from "../statistics.js";

const LOGS = 16;
const CALLS = { quick: 500, full: 5000 } as const;
const LIMIT = 2;
const ALONE = "fs.stat alone";
const BESIDE = "fs.stat beside the logs";
const WORK = "fs.stat beside 16 busy logs, p50";

/** What logs cost everybody else: synced writes sit in the thread pool that all file calls of a process share. */
export const statFamily: RowFamily = {
  id: "stat-beside-logs",
  work: WORK,
  sizes: ["quick", "full"],
  steps: (runs) => 2 * (runs + 1),
  run: async (context) => {
    const root = await context.scratch.directory("sixteen");
    const bystander = join(context.scratch.path, "bystander");
    await writeFile(bystander, "");
    const record = measuredRecords(context.seed).slice(0, 1);
    await using storage = await fsBackend({ root });
    const logs = await Promise.all(Array.from({ length: LOGS }, (_, index) => openLog({ storage, prefix: `log-${index}` })));
    try {
      const calls = CALLS[context.size];
      const figures = await inRounds(
        [
          { name: BESIDE, run: () => besideAppends(logs, record, () => statMicros(bystander, calls)) },
          { name: ALONE, run: () => statMicros(bystander, calls) },
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
      const beside = figures.get(BESIDE) ?? [];
      const alone = figures.get(ALONE) ?? [];
      const ratio = ratios(beside, alone);
      return [
        {
          id: "stat-beside-logs",
          work: WORK,
          ours: { value: median(beside), unit: "µs" },
          against: { name: ALONE, figure: { value: median(alone), unit: "µs" } },
          ratio: { ...ratio, better: "less" },
          target: { text: `≤ ${LIMIT} ×`, met: ratio.median <= LIMIT },
          rounds: { ours: beside, theirs: alone },
        },
      ];
    } finally {
      await Promise.all(logs.map((log) => log.close()));
      await context.scratch.discard(root);
    }
  },
};

/** Runs `measure` while each log always has one append in flight. */
async function besideAppends(logs: readonly Log[], records: readonly Uint8Array[], measure: () => Promise<number>): Promise<number> {
  let isOver = false;
  const appendMeanwhile = async (log: Log): Promise<void> => {
    while (!isOver) await log.appendBatch(records);
  };
  const appending = Promise.all(logs.map(appendMeanwhile));
  try {
    return await Promise.race([measure(), appending.then(() => Number.NaN)]);
  } finally {
    isOver = true;
    await appending;
  }
}

async function statMicros(path: string, calls: number): Promise<number> {
  const micros = new Float64Array(calls);
  for (let call = 0; call < calls; call += 1) {
    const started = performance.now();
    await stat(path);
    micros[call] = (performance.now() - started) * 1000;
  }
  return percentile(micros, 0.5);
}
