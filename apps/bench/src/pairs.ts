import { spread, type Spread } from "./statistics.js";

/** Somebody whose work is measured. `run` does the work once and answers one figure, for example records per second; round 0 warms up. */
export interface Contestant {
  readonly name: string;
  run(round: number): Promise<number>;
}

/** How often, and what happens between. */
export interface RoundsOptions {
  /** Rounds that count: at least 1. One more, before them, warms up and is thrown away. */
  readonly rounds: number;
  /** Asked after every round that counts; true ends the measurement with the rounds that are there. */
  readonly outOfTime: () => boolean;
  /** Called before each run. Round 0 is the warm-up. */
  readonly onRun: (round: number, name: string) => Promise<void> | void;
}

/**
 * Runs the contestants interleaved: each once a round, so that what the machine does meanwhile hits all of them. The order is turned
 * by one place each round, so that nobody always runs behind the same neighbour.
 *
 * @returns For each contestant, by name, one figure a round; figures of equal index were measured beside each other.
 */
export async function inRounds(
  contestants: readonly Contestant[],
  options: RoundsOptions,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const figures = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  if (figures.size !== contestants.length) throw new Error("Two contestants have the same name.");
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const contestant of rotated(contestants, round)) {
      await options.onRun(round, contestant.name);
      const figure = await contestant.run(round);
      if (round > 0) figures.get(contestant.name)?.push(figure);
    }
    if (round > 0 && options.outOfTime()) break;
  }
  return figures;
}

/**
 * Ours divided by theirs, round by round: what a noisy neighbour does to both cancels out.
 *
 * @param ours - One figure a round, at least one.
 * @param theirs - As many, of the same rounds.
 */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(pairwise(ours, theirs, (a, b) => a / b));
}

/** Ours minus theirs, round by round. Parameters as for {@link ratios}. */
export function differences(ours: readonly number[], theirs: readonly number[]): Spread {
  return spread(pairwise(ours, theirs, (a, b) => a - b));
}

function pairwise(ours: readonly number[], theirs: readonly number[], combine: (a: number, b: number) => number): number[] {
  if (ours.length !== theirs.length) throw new Error("Pairs need as many figures on both sides.");
  return ours.map((figure, round) => combine(figure, theirs[round] ?? Number.NaN));
}

function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
