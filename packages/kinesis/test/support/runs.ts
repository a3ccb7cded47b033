/** Set `HOLDFAST_RUNS` to a number for longer searches: so many runs of what is sampled, and more of what is searched. */
const asked = process.env["HOLDFAST_RUNS"];

/** How many runs are made. */
export function runs(usual: number): number {
  return asked === undefined ? usual : Number(asked);
}
