import type { Progress } from "./progress.js";
import type { Scratch } from "./scratch.js";
import type { Spread } from "./statistics.js";

/** How much is measured. */
export type Size = "quick" | "full";

/** A measured value. */
export interface Figure {
  readonly value: number;
  readonly unit: "µs" | "ms" | "s" | "records/s" | "requests" | "synced writes" | "KiB" | "MiB";
}

/** Which way a ratio is good: `more` of a throughput, `less` of a time. */
export type Better = "more" | "less";

/** What a row was to reach, in words, and whether it did. */
export interface Target {
  readonly text: string;
  readonly met: boolean;
}

/** One line of the report. */
export interface Row {
  /** Name of the family the row belongs to; what `--only` looks at. */
  readonly id: string;
  /** What was done, for example "64 appenders". */
  readonly work: string;
  readonly ours: Figure;
  /** Who is compared with, and what they had; absent where the log is measured against a bound. */
  readonly against?: { readonly name: string; readonly figure: Figure };
  /** Ours divided by theirs. */
  readonly ratio?: Spread & { readonly better: Better };
  /** Absent where the row is for information. */
  readonly target?: Target;
  /** What a reader should know about this row. */
  readonly note?: string;
  /** The figures of each round, as they were measured. */
  readonly rounds?: { readonly ours: readonly number[]; readonly theirs?: readonly number[] };
}

/** A line that could not be measured, and why. */
export interface MissingRow {
  readonly id: string;
  readonly work: string;
  readonly missing: string;
  /** True if something went wrong, false if there was a reason not to try. */
  readonly failed: boolean;
}

/** What a family answers for each of its lines. */
export type RowResult = Row | MissingRow;

/** What every family of rows is given. */
export interface BenchContext {
  readonly size: Size;
  readonly scratch: Scratch;
  readonly progress: Progress;
  /** Rounds of a comparison. */
  readonly runs: number;
  readonly seed: number;
  /** True once a family in the quick size has used up its share of the time: comparisons then end with the rounds that are there. */
  outOfTime(): boolean;
}

/** A group of rows that are measured together. */
export interface RowFamily {
  /** Matched by `--only`. */
  readonly id: string;
  /** What is done, for the progress line and for rows that are missing. */
  readonly work: string;
  /** The sizes that measure it. */
  readonly sizes: readonly Size[];
  /** How many steps of progress it will report, with comparisons of so many rounds. */
  steps(runs: number): number;
  run(context: BenchContext): Promise<readonly RowResult[]>;
}

/** Whether the line was measured. */
export function isMeasured(result: RowResult): result is Row {
  return "ours" in result;
}
