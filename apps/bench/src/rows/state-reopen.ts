import type { RowFamily } from "../row.js";
import { median, spread } from "../statistics.js";
import { stateReport } from "./state-report.js";

const WORK = "state store, open with 1 GiB of events";
const WORKER = new URL("./state-reopen-worker.js", import.meta.url);

/** Opening with a fresh snapshot, against replaying the whole log. */
export const stateReopenFamily: RowFamily = {
  id: "state-reopen",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => 2 * runs + 2,
  async run(context) {
    const root = await context.scratch.directory("state-reopen");
    context.progress.step(`${WORK}: filling`);
    await stateReport(WORKER, [root, "fill"]);
    const measure = async (name: string): Promise<{ readonly times: readonly number[]; readonly memories: readonly number[]; readonly events: number }> => {
      const times: number[] = [];
      const memories: number[] = [];
      let events = 0;
      for (let round = 1; round <= context.runs; round += 1) {
        context.progress.step(`${WORK}: ${name}, ${round} of ${context.runs}`);
        const [milliseconds, replayed, memory] = await stateReport(WORKER, [root, "open"]);
        times.push(milliseconds);
        memories.push(memory);
        events = replayed;
      }
      return { times, memories, events };
    };
    const without = await measure("without a snapshot");
    context.progress.step(`${WORK}: making a snapshot`);
    await stateReport(WORKER, [root, "snapshot"]);
    const fresh = await measure("with a snapshot");
    await context.scratch.discard(root);
    if (without.events === 0 || fresh.events > 0) throw new Error(`Replayed ${without.events} events without a snapshot, and ${fresh.events} with one.`);
    const [ours, theirs] = [spread(fresh.times), spread(without.times)];
    return [
      {
        id: "state-reopen",
        work: `${WORK}, fresh snapshot`,
        ours: { value: ours.median, unit: "ms" },
        against: { name: "without", figure: { value: theirs.median, unit: "ms" } },
        ratio: { median: ours.median / theirs.median, min: ours.min / theirs.max, max: ours.max / theirs.min, better: "less" },
        note: `resident + ${median(fresh.memories).toFixed(0)} MiB with, + ${median(without.memories).toFixed(0)} MiB without`,
        rounds: { ours: fresh.times, theirs: without.times },
      },
    ];
  },
};
