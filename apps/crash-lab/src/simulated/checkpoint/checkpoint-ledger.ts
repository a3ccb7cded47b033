import type { FaultClass } from "../fault-classes.js";
import type { Ledger } from "../ledger.js";
import { Violation } from "../violation.js";

/** How many checkpoints of the stream are kept. */
export const KEEP = 3;

/** What a store shows of its stream: the values of checkpoints by their sequence, ascending; `"damaged"` for one that it reports. */
export type Shown = ReadonlyMap<number, number | "damaged">;

/** What may stand under one sequence. */
interface Slot {
  /** Values of saves, the one that counts first, and those that may have taken its place. */
  readonly values: readonly number[];
  /** None of them may be there. */
  readonly mayBeAbsent: boolean;
}

const NOTHING: Slot = { values: [], mayBeAbsent: true };

/** What the users of one stream were promised, over all lives of its process. A value is a number that only one save has. */
export class CheckpointLedger implements Ledger<CheckpointLedger> {
  readonly #faults: FaultClass;
  readonly #slots: Map<number, Slot>;
  /** Sequence of each value that was ever to be saved. */
  readonly #offered: Map<number, number>;
  /** Of which it was said for sure that they are not written. */
  readonly #refused: Set<number>;
  /** Sequences of which one was harmed. */
  readonly #spoiled: Set<number>;

  constructor(faults: FaultClass, from?: CheckpointLedger) {
    this.#faults = faults;
    this.#slots = new Map(from === undefined ? [] : from.#slots);
    this.#offered = new Map(from === undefined ? [] : from.#offered);
    this.#refused = new Set(from === undefined ? [] : from.#refused);
    this.#spoiled = new Set(from === undefined ? [] : from.#spoiled);
  }

  afterCrash(): CheckpointLedger {
    return new CheckpointLedger(this.#faults, this);
  }

  /** The highest sequence that may be there; 0: none. */
  get latest(): number {
    return Math.max(0, ...this.#slots.keys());
  }

  /** A value that no other save has, about to be saved. */
  offer(sequence: number): number {
    const value = this.#offered.size + 1;
    this.#offered.set(value, sequence);
    const { values, mayBeAbsent } = this.#slots.get(sequence) ?? NOTHING;
    this.#slots.set(sequence, { values: [...values, value], mayBeAbsent });
    return value;
  }

  acknowledge(sequence: number, value: number): void {
    const { values } = this.#slots.get(sequence) ?? NOTHING;
    const at = values.indexOf(value);
    this.#slots.set(sequence, { values: at < 0 ? [value] : values.slice(at), mayBeAbsent: false });
  }

  /** A save that certainly was not done: it is not there, and never will be. */
  withdraw(sequence: number, value: number): void {
    this.#refused.add(value);
    const { values, mayBeAbsent } = this.#slots.get(sequence) ?? NOTHING;
    const left = values.filter((it) => it !== value);
    if (left.length === 0) this.#slots.delete(sequence);
    else this.#slots.set(sequence, { values: left, mayBeAbsent });
  }

  /** Those below are about to be deleted. */
  deleting(below: number): void {
    for (const [sequence, { values }] of this.#slots) if (sequence < below) this.#slots.set(sequence, { values, mayBeAbsent: true });
  }

  deleted(below: number): void {
    for (const sequence of this.#slots.keys()) if (sequence < below) this.#slots.delete(sequence);
  }

  spoiled(sequence: number): void {
    this.#spoiled.add(sequence);
  }

  /** What somebody was shown: from now on it is what was promised. */
  shown(found: Shown): void {
    for (const [sequence, value] of found) this.#checkOne(sequence, value);
    if (this.#faults === "honest") {
      const descending = [...found.keys()].reverse();
      for (const [sequence, { mayBeAbsent }] of this.#slots) {
        const isGivenUp = mayBeAbsent || descending.filter((it) => it > sequence).length >= KEEP;
        if (!found.has(sequence) && !isGivenUp) throw new Violation("I1", `the checkpoint of ${sequence} was durable, and is not there`);
      }
    }
    const before = new Map(this.#slots);
    this.#slots.clear();
    for (const [sequence, value] of found) {
      this.#slots.set(sequence, { values: value === "damaged" ? (before.get(sequence) ?? NOTHING).values : [value], mayBeAbsent: false });
    }
  }

  #checkOne(sequence: number, value: number | "damaged"): void {
    if (value === "damaged") {
      if (this.#faults === "honest" && !this.#spoiled.has(sequence)) throw new Violation("I5", `the checkpoint of ${sequence} is called damaged, and nothing was harmed`);
      return;
    }
    if (this.#offered.get(value) !== sequence) throw new Violation("I3", `under ${sequence} stands ${value}, which was never saved there`);
    if (this.#faults !== "honest") return;
    if (this.#refused.has(value)) throw new Violation("I9", `the save of ${value} under ${sequence} was refused for sure, and is there`);
    const { values } = this.#slots.get(sequence) ?? NOTHING;
    if (!values.includes(value)) throw new Violation("I8", `under ${sequence} stands ${value}, and one of ${values.join(", ")} should`);
  }
}
