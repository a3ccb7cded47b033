/** Set `HOLDFAST_RUNS` to a number for longer searches: so many runs of each property, and every combination where a usual run takes a part. */
const asked = process.env["HOLDFAST_RUNS"];

/** Whether a longer search is asked for. */
export const isThorough: boolean = asked !== undefined;

/** How many runs a property makes. */
export function runs(usual: number): number {
  return asked === undefined ? usual : Number(asked);
}
