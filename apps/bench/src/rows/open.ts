import { lastReport, startChild } from "../child.js";
import type { BenchContext, RowFamily, RowResult } from "../row.js";
import { spread } from "../statistics.js";

const GIB = 2 ** 30;
const SIZES_GIB = [1, 4, 16] as const;
/** Written by the process that is killed, so that the last segment is half full whenever the log is opened. */
const LAST_SEGMENT_BYTES = 32 * 2 ** 20;
/** Left free beside the log. */
const SPARE_BYTES = 2 * GIB;
const LIMIT = 1.5;
const PREFIX = "bench";
const WORK = "open after SIGKILL";

/** How long a fresh process needs to open a log whose writer was killed, while one log grows: the work must not grow with it. */
export const openFamily: RowFamily = {
  id: "open",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => SIZES_GIB.length * (runs + 1),
  run: async (context) => {
    const root = await context.scratch.directory("open");
    const measured: { readonly gib: number; readonly samples: readonly number[] }[] = [];
    const missing: RowResult[] = [];
    let written = 0;
    for (const gib of SIZES_GIB) {
      const missingBytes = Math.max(0, gib * GIB - written);
      const free = await context.scratch.freeBytes();
      if (free < missingBytes + SPARE_BYTES) {
        const needed = Math.ceil((missingBytes + SPARE_BYTES) / GIB);
        missing.push({ id: "open", work: `${WORK} at ${gib} GiB`, missing: `needs ${needed} GiB free, there are ${Math.floor(free / GIB)}`, failed: false });
        continue;
      }
      context.progress.step(`${WORK}: growing to ${gib} GiB`);
      if (missingBytes > 0) written += await writeThenKill(root, missingBytes, context);
      const samples: number[] = [];
      for (let run = 1; run <= context.runs; run += 1) {
        context.progress.step(`${WORK}: ${gib} GiB, ${run} of ${context.runs}`);
        written += await writeThenKill(root, LAST_SEGMENT_BYTES, context);
        samples.push(Number(await lastReport(new URL("./open-timer.js", import.meta.url), [root, PREFIX])));
      }
      measured.push({ gib, samples });
    }
    await context.scratch.discard(root);
    return [...rowsOf(measured), ...missing];
  },
};

/** The writer goes on after it has reported that many bytes of records, and dies in the middle of it. Answers what it reported at last. */
async function writeThenKill(root: string, bytes: number, context: BenchContext): Promise<number> {
  const writer = startChild(new URL("./open-writer.js", import.meta.url), [root, PREFIX, String(context.seed)]);
  let written = 0;
  for await (const line of writer.lines) {
    written = Number(line);
    if (written >= bytes) writer.kill();
  }
  const { code, signal } = await writer.ended();
  if (signal !== "SIGKILL") throw new Error(`The writing child was to be killed and ended with ${signal ?? `code ${String(code)}`}.`);
  return written;
}

function rowsOf(measured: readonly { readonly gib: number; readonly samples: readonly number[] }[]): readonly RowResult[] {
  const medians = measured.map(({ samples }) => spread(samples).median);
  const least = Math.min(...medians);
  const leastGib = measured[medians.indexOf(least)]?.gib ?? 0;
  return measured.map(({ gib, samples }) => {
    const { median, min, max } = spread(samples);
    return {
      id: "open",
      work: `${WORK} at ${gib} GiB`,
      ours: { value: median, unit: "ms" },
      against: { name: `itself at ${leastGib} GiB`, figure: { value: least, unit: "ms" } },
      ratio: { median: median / least, min: min / least, max: max / least, better: "less" },
      target: { text: `≤ ${LIMIT} × of the smallest`, met: median / least <= LIMIT },
      rounds: { ours: samples },
    };
  });
}
