import type { Adversary } from "./adversary.js";
import { Prng } from "./prng.js";

/** Options of {@link seededAdversary}. */
export interface SeededAdversaryOptions {
  /**
   * `even`: every possibility is as likely as the others. `mixed`: the seed also decides on a temper (even, mostly mild, mostly
   * the last possibility), so that runs where nearly nothing or nearly everything survives are not drowned. Default `mixed`.
   */
  readonly temper?: "even" | "mixed" | undefined;
}

/**
 * An adversary whose choices follow from a seed, the same on every version of Node.
 *
 * @param seed - A safe integer.
 * @throws RangeError for another seed.
 */
export function seededAdversary(seed: number, options?: SeededAdversaryOptions): Adversary {
  const random = new Prng(seed);
  const temper = options?.temper === "even" ? 0 : random.below(4);
  return {
    choose(_label, count) {
      if (count <= 1) return 0;
      // Tempers 0 and 1 are even. The others hold on to their favourite in seven of eight choices.
      if (temper < 2 || random.below(8) === 0) return random.below(count);
      return temper === 2 ? 0 : count - 1;
    },
  };
}
