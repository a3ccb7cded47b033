import type { Adversary } from "./adversary.js";
import { attempt } from "./failed-run.js";
import { seededAdversary } from "./seeded-adversary.js";

/** Options of {@link sample}. */
export interface SampleOptions {
  /** How many runs. */
  readonly runs: number;
  /** The seed of the first run, a safe integer; each further one has the next. Default 0. */
  readonly seed?: number | undefined;
}

/**
 * Runs `run` with the {@link seededAdversary} of one seed after the other.
 *
 * @param run - Gets an adversary that is good for this run only.
 * @throws {@link FailedRunError} for the first run that throws. RangeError for what is no seed.
 */
export async function sample(run: (adversary: Adversary) => Promise<void> | void, { runs, seed = 0 }: SampleOptions): Promise<void> {
  for (let index = 0; index < runs; index += 1) await attempt(run, seededAdversary(seed + index));
}
