/**
 * Who decides what a disk leaves to chance: which unsynced writes survive a crash, where a write is torn, which bit rots.
 *
 * One interface, three drivers: {@link sample} for long runs, {@link exhaust} for small histories,
 * `adversaryArbitrary` of `@holdfast/storage-sim/fast-check` for properties that shrink.
 */
export interface Adversary {
  /**
   * Chooses one of `count` possibilities.
   *
   * @param label - What is decided; for people who read a recorded run.
   * @param count - How many possibilities there are, at least 1.
   * @returns 0 to `count − 1`. 0 is what is simplest to understand: nothing unsynced survived, nothing is torn.
   */
  choose(label: string, count: number): number;
}

/** A choice that was made. */
export interface Choice {
  readonly label: string;
  readonly count: number;
  readonly chosen: number;
}

/** An adversary that remembers what it chose, so that the run can be repeated by {@link recordedAdversary}. */
export interface RecordingAdversary extends Adversary {
  /** All choices so far. */
  readonly made: readonly Choice[];
}

/** Asks `adversary`, and remembers its choices. */
export function recording(adversary: Adversary): RecordingAdversary {
  const made: Choice[] = [];
  return {
    made,
    choose(label, count) {
      const chosen = adversary.choose(label, count);
      made.push({ label, count, chosen });
      return chosen;
    },
  };
}

/**
 * Repeats recorded choices. What is out of bounds becomes the last possibility, and behind the end everything is 0: so what is
 * shorter or smaller than a recorded run is a run too.
 */
export function recordedAdversary(choices: readonly number[]): Adversary {
  let next = 0;
  return {
    choose(_label, count) {
      const chosen = choices[next] ?? 0;
      next += 1;
      return Math.min(chosen, count - 1);
    },
  };
}

/** Always the simplest: nothing unsynced survives, nothing else is harmed. */
export const mildAdversary: Adversary = { choose: () => 0 };

/**
 * Choices as one word: decimal numbers with `.` between them, `2x5` for five times 2, without the zeros at the end; `-` if
 * nothing is left.
 */
export function formatChoices(choices: readonly number[]): string {
  const parts: string[] = [];
  let end = choices.length;
  while (end > 0 && choices[end - 1] === 0) end -= 1;
  for (let at = 0; at < end; ) {
    const value = choices[at];
    let until = at + 1;
    while (until < end && choices[until] === value) until += 1;
    parts.push(until - at === 1 ? String(value) : `${String(value)}x${until - at}`);
    at = until;
  }
  return parts.length === 0 ? "-" : parts.join(".");
}

/**
 * The inverse of {@link formatChoices}.
 *
 * @throws RangeError if it is none.
 */
export function parseChoices(word: string): readonly number[] {
  if (word === "-") return [];
  return word.split(".").flatMap((part) => {
    const [, value, times = "1"] = /^(\d{1,10})(?:x(\d{1,7}))?$/.exec(part) ?? [];
    if (value === undefined || Number(times) === 0) throw new RangeError(`not a list of choices: ${JSON.stringify(word)}`);
    return Array.from({ length: Number(times) }, () => Number(value));
  });
}
