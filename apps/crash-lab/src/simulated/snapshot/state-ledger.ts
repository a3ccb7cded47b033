import type { FaultClass } from "../fault-classes.js";
import type { Ledger } from "../ledger.js";
import { Violation } from "../violation.js";

/** One event: its name, and on which state it was made. */
export interface Offered {
  readonly name: number;
  /** Name of the last event in the state that it was made for; 0: there was none. */
  readonly behind: number;
  /** Names of the batch that it came in. */
  readonly batch: readonly number[];
}

/** What the users of one state store were promised, over all lives of its process. A state is the names of its events, in order. */
export class StateLedger implements Ledger<StateLedger> {
  readonly #faults: FaultClass;
  /** What must be there: acknowledged, or shown to somebody. */
  #kept: readonly number[];
  #offered: Map<number, Offered>;
  /** Of which it was said for sure that they are not written. */
  #refused: Set<number>;
  #names: number;
  /** How many snapshots have to be made until none that is counted on is spoiled. */
  #missing: number;

  constructor(faults: FaultClass, from?: StateLedger) {
    this.#faults = faults;
    this.#kept = from === undefined ? [] : from.#kept;
    this.#offered = new Map(from === undefined ? [] : from.#offered);
    this.#refused = new Set(from === undefined ? [] : from.#refused);
    this.#names = from === undefined ? 0 : from.#names;
    this.#missing = from === undefined ? 0 : from.#missing;
  }

  afterCrash(): StateLedger {
    return new StateLedger(this.#faults, this);
  }

  /** Of the last event that must be there. */
  get keptSeq(): number {
    return this.#kept.length;
  }

  /** Names for events that no other event of this history has. */
  newNames(count: number): readonly number[] {
    const first = this.#names + 1;
    this.#names += count;
    return Array.from({ length: count }, (_, index) => first + index);
  }

  /** Events are about to be committed, on a state that ends with the event `behind`. */
  offer(batch: readonly number[], behind: number): void {
    for (const [index, name] of batch.entries()) this.#offered.set(name, { name, behind: batch[index - 1] ?? behind, batch });
  }

  withdraw(batch: readonly number[]): void {
    for (const name of batch) {
      if (this.#kept.includes(name)) throw new Violation("I9", `event ${name} is refused, but it was shown`);
      this.#refused.add(name);
    }
  }

  /** Events are durable from this number on; the state of the store was looked at then. */
  acknowledge(batch: readonly number[], firstSeq: number, state: readonly number[]): void {
    this.shown(state);
    for (const [index, name] of batch.entries()) {
      const found = state[firstSeq - 1 + index];
      if (found !== name) throw new Violation("I7", `event ${name} is acknowledged as ${firstSeq + index}, where the state has ${found ?? "nothing"}`);
    }
  }

  /** A state that somebody saw: from now on it must be there. */
  shown(state: readonly number[]): void {
    this.#checkOrder(state);
    if (this.#faults === "honest") {
      const lost = this.#kept.findIndex((name, index) => state[index] !== name);
      if (lost >= 0) throw new Violation("I1", `event ${this.#kept[lost] ?? 0} was durable as ${lost + 1}, and the state has ${state[lost] ?? "nothing"} there`);
      const refused = state.find((name) => this.#refused.has(name));
      if (refused !== undefined) throw new Violation("I9", `event ${refused} was refused for sure, and is in the state`);
      this.#checkBatch(state);
    }
    this.#kept = state;
  }

  /** Whether one more snapshot may become unreadable: the one before still has its events. */
  get maySpoil(): boolean {
    return this.#missing === 0;
  }

  /** The handle that is open has read or written it, and does not read it again: it counts it among the two that it keeps. */
  spoiled(): void {
    this.#missing = KEPT;
  }

  /** A handle that has read nothing yet notices what is spoiled, and does not count it. */
  opened(): void {
    this.#missing = Math.min(this.#missing, 1);
  }

  /** A snapshot was made and read back, and those it needs were kept. */
  snapshotMade(): void {
    this.#missing = Math.max(0, this.#missing - 1);
  }

  /** Each event stands behind the one that it was made for: whatever a disk does, nothing is invented, left out or moved. */
  #checkOrder(state: readonly number[]): void {
    let before = 0;
    for (const name of state) {
      const offered = this.#offered.get(name);
      if (offered === undefined) throw new Violation("I3", `the state has an event ${name}, which nobody committed`);
      if (offered.behind !== before) throw new Violation("I4", `event ${name} was made for a state that ends with ${offered.behind}, and stands behind ${before}`);
      before = name;
    }
  }

  #checkBatch(state: readonly number[]): void {
    const last = this.#offered.get(state.at(-1) ?? 0);
    if (last !== undefined && last.batch.at(-1) !== last.name) throw new Violation("I2", `of the batch ${last.batch.join(", ")} only what is up to ${last.name} is there`);
  }
}

/** Snapshots that the stores of this history keep. */
const KEPT = 2;
