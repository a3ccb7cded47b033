import { inRounds, ratios } from "../pairs.js";
import type { RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { stateReport } from "./state-report.js";

const WORK = "state store, commits beside snapshots";
const WITH = "with snapshots";
const WITHOUT = "without";
/** Some snapshots in each run, of a state twice as large. */
const EVERY_BYTES = 16 * 2 ** 20;
const LIMITS = { p50: 1.1, "p99.9": 3 } as const;

/** What snapshots in the background cost the commits beside them. */
export const stateCommitsFamily: RowFamily = {
  id: "state-commits",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => 2 * (runs + 1),
  async run(context) {
    const tails = new Map<string, number[]>([[WITH, []], [WITHOUT, []]]);
    let snapshots = 0;
    const contestant = (name: string, every: string): { readonly name: string; run(round: number): Promise<number> } => ({
      name,
      run: async (round) => {
        const root = await context.scratch.directory("state-commits");
        const [p50, p999, made] = await stateReport(new URL("./state-commits-worker.js", import.meta.url), [root, every]);
        await context.scratch.discard(root);
        if (round > 0) tails.get(name)?.push(p999);
        snapshots += made;
        return p50;
      },
    });
    const middles = await inRounds([contestant(WITH, String(EVERY_BYTES)), contestant(WITHOUT, "never")], {
      rounds: context.runs,
      // Where a disk is so slow that none falls due in the time there is, more rounds tell nothing either.
      outOfTime: () => context.outOfTime() || snapshots === 0,
      onRun: (round, name) => {
        context.progress.step(`${WORK}: ${name}, round ${round}`);
      },
    });
    if (snapshots === 0) return [{ id: "state-commits", work: WORK, missing: "the disk is so slow now that no snapshot fell due", failed: false }];
    return [rowOf("p50", middles), rowOf("p99.9", tails)];
  },
};

function rowOf(which: keyof typeof LIMITS, figures: ReadonlyMap<string, readonly number[]>): RowResult {
  const [ours, theirs] = [figures.get(WITH) ?? [], figures.get(WITHOUT) ?? []];
  const ratio = ratios(ours, theirs);
  return {
    id: "state-commits",
    work: `${WORK}, ${which}`,
    ours: { value: median(ours), unit: "µs" },
    against: { name: WITHOUT, figure: { value: median(theirs), unit: "µs" } },
    ratio: { ...ratio, better: "less" },
    target: { text: `≤ ${LIMITS[which]} ×`, met: ratio.median <= LIMITS[which] },
    rounds: { ours, theirs },
  };
}
