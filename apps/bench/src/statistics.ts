/** Middle, least and greatest of the values of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * The value that `share` of all values do not exceed (nearest rank: always one of the values).
 *
 * @param values - At least one number, in any order; not changed.
 * @param share - 0 < share <= 1, for example 0.999.
 */
export function percentile(values: ArrayLike<number>, share: number): number {
  if (!(share > 0 && share <= 1)) throw new RangeError(`A share lies in (0, 1], got ${share}.`);
  const sorted = Float64Array.from(values).sort();
  const value = sorted[Math.ceil(share * sorted.length) - 1];
  if (value === undefined) throw new RangeError("A percentile needs at least one value.");
  return value;
}

/** The middle value, or the mean of the two middle ones. At least one value. */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError("A median needs at least one value.");
  return (lower + upper) / 2;
}

/** Middle, least and greatest. At least one value. */
export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
