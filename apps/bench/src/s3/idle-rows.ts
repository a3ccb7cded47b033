import { lastReport } from "../child.js";
import type { RowFamily, RowResult } from "../row.js";
import { parseIdleReport } from "./idle-report.js";

const KINDS = [
  { kind: "memory", work: "memory", logs: 10_000 },
  { kind: "memory-objects", work: "memory, as objects", logs: 10_000 },
  { kind: "simulated-s3", work: "simulated S3", logs: 10_000 },
  { kind: "directory", work: "a directory", logs: 1000 },
] as const;

/** What many logs in one process take: memory of each while nothing happens, and how fast they are opened. */
export const idleFamily: RowFamily = {
  id: "idle-logs",
  work: "many idle logs",
  sizes: ["full"],
  steps: () => KINDS.length,
  run: async (context) => {
    const rows: RowResult[] = [];
    for (const { kind, work, logs } of KINDS) {
      const about = `${logs.toLocaleString("en")} logs in ${work}`;
      context.progress.step(`idle logs: ${about}`);
      const root = await context.scratch.directory("idle");
      const report = parseIdleReport(await lastReport(new URL("./idle-worker.js", import.meta.url), [kind, String(logs), root]));
      await context.scratch.discard(root);
      rows.push({
        id: "idle-logs",
        work: `${about}, each idle after one record`,
        ours: { value: report.bytesPerLog / 1024, unit: "KiB" },
        note: `opened one after the other: ${Math.round(report.newPerSecond).toLocaleString("en")} new ones a second, ${Math.round(report.againPerSecond).toLocaleString("en")} old ones`,
      });
    }
    return rows;
  },
};
