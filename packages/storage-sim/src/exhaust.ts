import type { Adversary } from "./adversary.js";
import { attempt } from "./failed-run.js";

/** Answer of {@link exhaust}. */
export interface Exhausted {
  readonly runs: number;
  /** Whether every sequence of choices was run, as far as `branches` lets them be tried. */
  readonly complete: boolean;
}

/** Options of {@link exhaust}. */
export interface ExhaustOptions {
  /** At most so many runs. */
  readonly limit: number;
  /**
   * Of a choice between more possibilities only so many are tried, evenly spaced, the first and the last among them. At least
   * 2. Default: all.
   */
  readonly branches?: number | undefined;
}

/**
 * Runs `run` with every sequence of choices there is, depth first, beginning with all zeros. `run` must be deterministic: given
 * the same choices it asks for the same ones next.
 *
 * @param run - Gets an adversary that is good for this run only.
 * @throws {@link FailedRunError} for the first run that throws, also when it asked for other choices than before.
 */
export async function exhaust(run: (adversary: Adversary) => Promise<void> | void, options: ExhaustOptions): Promise<Exhausted> {
  const search = new Search(options.branches);
  for (let runs = 0; runs < options.limit; ) {
    await attempt(run, search.begin());
    runs += 1;
    if (!search.advance()) return { runs, complete: true };
  }
  return { runs: options.limit, complete: false };
}

/** A depth-first walk over sequences of choices. */
export class Search {
  #path: Branch[] = [];
  #depth = 0;
  readonly #branches: number;

  constructor(branches?: number) {
    this.#branches = branches ?? Infinity;
  }

  /** The adversary of the next run. */
  begin(): Adversary {
    this.#depth = 0;
    return { choose: (label, count) => this.#choose(label, count) };
  }

  /**
   * Ends a run: the last choice that can go on does, what followed it is forgotten.
   *
   * @returns Whether there is another sequence.
   */
  advance(): boolean {
    if (this.#depth < this.#path.length) throw new Error("not deterministic: fewer choices were asked for than before");
    const last = this.#path.findLastIndex(({ chosen, count }) => chosen + 1 < Math.min(count, this.#branches));
    this.#path = this.#path.slice(0, last + 1);
    const branch = this.#path[last];
    if (branch === undefined) return false;
    branch.chosen += 1;
    return true;
  }

  #choose(label: string, count: number): number {
    const planned = this.#path[this.#depth];
    this.#depth += 1;
    if (planned === undefined) {
      this.#path.push({ label, count, chosen: 0 });
      return 0;
    }
    if (planned.label === label && planned.count === count) {
      return count <= this.#branches ? planned.chosen : Math.floor((planned.chosen * (count - 1)) / (this.#branches - 1));
    }
    throw new Error(`not deterministic: asked for "${planned.label}" of ${planned.count} before, now for "${label}" of ${count}`);
  }
}

interface Branch {
  readonly label: string;
  readonly count: number;
  /** Which of the branches that are tried. */
  chosen: number;
}
