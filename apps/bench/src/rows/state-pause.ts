import type { RowFamily, RowResult } from "../row.js";
import { median } from "../statistics.js";
import { stateReport } from "./state-report.js";

const WORK = "state store, snapshot of 256 MiB beside commits";
const LIMIT_MS = 20;
const MODES = [
  { mode: "here", what: "longest pause" },
  { mode: "worker", what: "longest pause, built in a worker" },
] as const;

/** For how long nobody else gets a turn while a large state is written, beside how long that is without a snapshot on this machine. */
export const statePauseFamily: RowFamily = {
  id: "state-pause",
  work: WORK,
  sizes: ["full"],
  steps: (runs) => runs * (MODES.length + 1),
  async run(context) {
    const pauses = new Map<string, number[]>();
    const details = new Map<string, { readonly durations: number[]; readonly memories: number[] }>();
    for (let round = 1; round <= context.runs; round += 1) {
      for (const mode of ["none", ...MODES.map((it) => it.mode)]) {
        context.progress.step(`${WORK}: ${mode}, ${round} of ${context.runs}`);
        const root = await context.scratch.directory("state-pause");
        const [pause, duration, memory] = await stateReport(new URL("./state-pause-worker.js", import.meta.url), [root, mode]);
        await context.scratch.discard(root);
        pauses.set(mode, [...(pauses.get(mode) ?? []), pause]);
        const { durations = [], memories = [] } = details.get(mode) ?? {};
        details.set(mode, { durations: [...durations, duration], memories: [...memories, memory] });
      }
    }
    const without = pauses.get("none") ?? [];
    return MODES.map(({ mode, what }): RowResult => {
      const ours = pauses.get(mode) ?? [];
      const { durations, memories } = details.get(mode) ?? { durations: [0], memories: [0] };
      return {
        id: "state-pause",
        work: `${WORK}, ${what}`,
        ours: { value: median(ours), unit: "ms" },
        against: { name: "no snapshot", figure: { value: median(without), unit: "ms" } },
        target: { text: `≤ ${LIMIT_MS} ms`, met: median(ours) <= LIMIT_MS },
        note: `the snapshot took ${(median(durations) / 1000).toFixed(1)} s; resident + ${median(memories).toFixed(0)} MiB at its highest`,
        rounds: { ours, theirs: without },
      };
    });
  },
};
