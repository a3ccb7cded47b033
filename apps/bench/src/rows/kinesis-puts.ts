import { inRounds, ratios } from "../pairs.js";
import type { BenchContext, Figure, RowFamily, RowResult, Size } from "../row.js";
import { median } from "../statistics.js";
import { stateReport } from "./state-report.js";

const NATIVE = "native";
const ORIGINAL = "original format";
/** With the original format the bytes grow with the square of this. */
const PUTS: Readonly<Record<Size, number>> = { quick: 1000, full: 10_000 };
const WARM_UP_PUTS = 100;
const WORKER = new URL("./kinesis-puts-worker.js", import.meta.url);
const MIB = 2 ** 20;

/** What a record put costs in the native Kinesis store, beside the original format, which writes the whole state for each. */
export const kinesisPutsFamily: RowFamily = {
  id: "kinesis-puts",
  work: "Kinesis, record puts",
  sizes: ["quick", "full"],
  steps: (runs) => 2 * (runs + 1),
  async run(context) {
    const bytes = new Map<string, number[]>([[NATIVE, []], [ORIGINAL, []]]);
    const contestant = (name: string, format: string): { readonly name: string; run(round: number): Promise<number> } => ({
      name,
      run: async (round) => {
        const root = await context.scratch.directory("kinesis-puts");
        const puts = round === 0 ? WARM_UP_PUTS : PUTS[context.size];
        const [milliseconds, written] = await stateReport(WORKER, [root, format, String(puts)]);
        await context.scratch.discard(root);
        if (round > 0) bytes.get(name)?.push(written / MIB);
        return milliseconds / 1000;
      },
    });
    const seconds = await inRounds([contestant(NATIVE, "native"), contestant(ORIGINAL, "original")], {
      // A run of the full size takes the original format minutes, and is worth one round: nothing near its factor comes of chance.
      rounds: context.size === "full" ? 1 : context.runs,
      outOfTime: () => context.outOfTime(),
      onRun: (round, name) => {
        context.progress.step(`${workOf(context)}: ${name}, ${round === 0 ? "warm-up" : `round ${round}`}`);
      },
    });
    return [rowOf(context, "time", "s", seconds), rowOf(context, "bytes written", "MiB", bytes)];
  },
};

function workOf({ size }: BenchContext): string {
  return `Kinesis, ${PUTS[size].toLocaleString("en")} record puts`;
}

function rowOf(context: BenchContext, what: string, unit: Figure["unit"], figures: ReadonlyMap<string, readonly number[]>): RowResult {
  const [ours, theirs] = [figures.get(NATIVE) ?? [], figures.get(ORIGINAL) ?? []];
  const times = median(theirs) / median(ours);
  return {
    id: "kinesis-puts",
    work: `${workOf(context)}, ${what}`,
    ours: { value: median(ours), unit },
    against: { name: ORIGINAL, figure: { value: median(theirs), unit } },
    ratio: { ...ratios(ours, theirs), better: "less" },
    note: `each durable before the next; the original format writes the whole state for each, which is ${times.toPrecision(3)} times as much`,
    // One round is all there is meant to be.
    ...(context.size === "full" ? {} : { rounds: { ours, theirs } }),
  };
}
