import type { Adversary } from "./adversary.js";

/** Answer of {@link exhaust}. */
export interface Exhausted {
  readonly runs: number;
  /** Whether every sequence of choices was run. */
  readonly complete: boolean;
}

/**
 * Runs `run` with every sequence of choices there is, depth first, beginning with all zeros. `run` must be deterministic: given
 * the same choices it asks for the same ones next.
 *
 * @param run - Gets an adversary that is good for this run only. What it throws ends the search and is thrown.
 * @param options.limit - At most so many runs.
 * @throws Error if `run` asks for other choices than before.
 */
export async function exhaust(run: (adversary: Adversary) => Promise<void> | void, options: { readonly limit: number }): Promise<Exhausted> {
  let path: Branch[] = [];
  for (let runs = 0; runs < options.limit; ) {
    const taken = path;
    let depth = 0;
    await run({
      choose(label, count) {
        const planned = taken[depth];
        if (planned === undefined) taken.push({ label, count, chosen: 0 });
        else if (planned.count !== count || planned.label !== label) throw new Error(`not deterministic: ${planned.label} was asked, now ${label}`);
        depth += 1;
        return planned?.chosen ?? 0;
      },
    });
    runs += 1;
    if (depth < taken.length) throw new Error("not deterministic: fewer choices were asked for than before");
    path = nextPath(taken);
    if (path.length === 0) return { runs, complete: true };
  }
  return { runs: options.limit, complete: false };
}

interface Branch {
  readonly label: string;
  readonly count: number;
  readonly chosen: number;
}

/** The sequence behind this one: the last choice that can go on does, what followed it is forgotten. Empty at the end. */
function nextPath(path: readonly Branch[]): Branch[] {
  const last = path.findLastIndex(({ chosen, count }) => chosen + 1 < count);
  return path.slice(0, last + 1).map((branch, index) => (index === last ? { ...branch, chosen: branch.chosen + 1 } : branch));
}
