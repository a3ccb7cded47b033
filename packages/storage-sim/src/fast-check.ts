import fc from "fast-check";
import { formatChoices, recordedAdversary, recording, type Adversary, type RecordingAdversary } from "./adversary.js";

/**
 * Adversaries for properties. Choices are made when they are asked for, from the property's seed. A failing run shrinks choice
 * by choice towards 0, which is "nothing unsynced survived, no fault", and prints what is left as `choices 0.2.1x3`, from which
 * `recordedAdversary(parseChoices("0.2.1x3"))` repeats it.
 */
export function adversaryArbitrary(): fc.Arbitrary<Adversary> {
  return new AdversaryArbitrary();
}

class AdversaryArbitrary extends fc.Arbitrary<Adversary> {
  generate(random: fc.Random): fc.Value<Adversary> {
    const own = random.clone();
    // What others draw must not depend on how much is asked of this one.
    random.nextInt(0, 1);
    const temper = own.nextInt(0, 3);
    return valueOf({
      choose(_label, count) {
        if (count <= 1) return 0;
        if (temper < 2 || own.nextInt(0, 7) === 0) return own.nextInt(0, count - 1);
        return temper === 2 ? 0 : count - 1;
      },
    });
  }

  canShrinkWithoutContext(value: unknown): value is Adversary {
    return value instanceof PrintedAdversary;
  }

  shrink(value: Adversary): fc.Stream<fc.Value<Adversary>> {
    const made = value instanceof PrintedAdversary ? value.made.map(({ chosen }) => chosen) : [];
    return fc.stream(smaller(made)).map((choices) => valueOf(recordedAdversary(choices)));
  }
}

class PrintedAdversary implements RecordingAdversary {
  readonly #recording: RecordingAdversary;

  constructor(adversary: Adversary) {
    this.#recording = recording(adversary);
  }

  get made(): RecordingAdversary["made"] {
    return this.#recording.made;
  }

  choose(label: string, count: number): number {
    return this.#recording.choose(label, count);
  }

  /** A run that asks again gets the same answers. */
  [fc.cloneMethod](): PrintedAdversary {
    return new PrintedAdversary(recordedAdversary(this.made.map(({ chosen }) => chosen)));
  }

  toString(): string {
    return `choices ${formatChoices(this.made.map(({ chosen }) => chosen))}`;
  }

  [fc.toStringMethod](): string {
    return this.toString();
  }
}

function valueOf(adversary: Adversary): fc.Value<Adversary> {
  return new fc.Value<Adversary>(new PrintedAdversary(adversary), undefined);
}

/** Choices that are simpler: all 0 from somewhere on, blocks of 0, and each choice smaller. Never the same ones. */
function* smaller(made: readonly number[]): Generator<readonly number[], void, undefined> {
  const end = made.findLastIndex((it) => it > 0) + 1;
  const choices = made.slice(0, end);
  for (let length = end; length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < end; at += length) {
      const part = choices.slice(at, at + length);
      if (part.some((it) => it > 0)) yield [...choices.slice(0, at), ...part.map(() => 0), ...choices.slice(at + length)];
    }
  }
  for (const [at, chosen] of choices.entries()) {
    for (const less of new Set([Math.floor(chosen / 2), chosen - 1])) if (less > 0 && less < chosen) yield choices.with(at, less);
  }
}
