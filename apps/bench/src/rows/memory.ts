import { lastReport } from "../child.js";
import type { RowFamily } from "../row.js";
import { gibibyteLog } from "./fill.js";
import { parseMemoryReport } from "./memory-report.js";

const TARGET_MIB = 64;
const WORK = "replay of 1 GiB, memory above the start";

/** How much memory opening and replaying 1 GiB needs, in a process of its own that does nothing else. */
export const memoryFamily: RowFamily = {
  id: "replay-memory",
  work: WORK,
  sizes: ["full"],
  steps: () => 2,
  run: async (context) => {
    context.progress.step(`${WORK}: filling`);
    const { root, prefix, records } = await gibibyteLog(context);
    context.progress.step(`${WORK}: reading`);
    const line = await lastReport(new URL("./memory-worker.js", import.meta.url), [root, prefix]);
    const report = parseMemoryReport(line);
    if (report.records !== records) throw new Error(`The replay of ${records} records met ${report.records}.`);
    const worst = Math.max(report.residentMiB, report.externalMiB);
    return [
      {
        id: "replay-memory",
        work: WORK,
        ours: { value: worst, unit: "MiB" },
        target: { text: `≤ ${TARGET_MIB} MiB`, met: worst <= TARGET_MIB },
        note: `resident + ${report.residentMiB.toFixed(1)} MiB, external + ${report.externalMiB.toFixed(1)} MiB at their highest`,
      },
    ];
  },
};
