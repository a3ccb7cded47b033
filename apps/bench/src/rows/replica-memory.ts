import { lastReport } from "../child.js";
import type { RowFamily } from "../row.js";
import { parseMemoryReport } from "./memory-report.js";

const ID = "replica-memory";
const TARGET_MIB = 96;
const WORK = "replica, snapshot of 4 GiB written and read, memory above the start";
const SNAPSHOT_BYTES = 2 ** 32;
const FREE_BYTES = 5 * 2 ** 30;

/** How much memory a large snapshot needs, in a process of its own that does nothing else. */
export const replicaMemoryFamily: RowFamily = {
  id: ID,
  work: WORK,
  sizes: ["full"],
  steps: () => 1,
  run: async (context) => {
    context.progress.step(WORK);
    if ((await context.scratch.freeBytes()) < FREE_BYTES) return [{ id: ID, work: WORK, missing: "the disk has less than 5 GiB free", failed: false }];
    const root = await context.scratch.directory(ID);
    const line = await lastReport(new URL("./replica-memory-worker.js", import.meta.url), [root, String(SNAPSHOT_BYTES), String(context.seed)]);
    await context.scratch.discard(root);
    const { residentMiB, externalMiB } = parseMemoryReport(line);
    const worst = Math.max(residentMiB, externalMiB);
    return [
      {
        id: ID,
        work: WORK,
        ours: { value: worst, unit: "MiB" },
        target: { text: `≤ ${TARGET_MIB} MiB`, met: worst <= TARGET_MIB },
        note: `resident + ${residentMiB.toFixed(1)} MiB, external + ${externalMiB.toFixed(1)} MiB at their highest`,
      },
    ];
  },
};
