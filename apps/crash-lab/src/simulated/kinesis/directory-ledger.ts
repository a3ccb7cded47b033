import type { FaultClass } from "../fault-classes.js";
import type { Ledger } from "../ledger.js";
import { Violation } from "../violation.js";

/** A state as it was found: its name, how much it holds, and its time. */
export interface FoundState {
  readonly name: number;
  readonly size: number;
  readonly createdAtMs: bigint;
}

/** What the users of one directory of ferrokinesis were promised, over all lives of its process. States have names, from 1 on. */
export class DirectoryLedger implements Ledger<DirectoryLedger> {
  readonly #faults: FaultClass;
  /** The last state that was acknowledged; 0: there was none. */
  #acknowledged: number;
  /** Offered behind it; whether they are there is not known. */
  #open: ReadonlySet<number>;
  /** What each state holds. */
  readonly #sizes: Map<number, number>;
  #lastMs: bigint;

  constructor(faults: FaultClass, from?: DirectoryLedger) {
    this.#faults = faults;
    this.#acknowledged = from === undefined ? 0 : from.#acknowledged;
    this.#open = from === undefined ? new Set() : from.#open;
    this.#sizes = new Map(from === undefined ? [] : from.#sizes);
    this.#lastMs = from === undefined ? 0n : from.#lastMs;
  }

  afterCrash(): DirectoryLedger {
    return new DirectoryLedger(this.#faults, this);
  }

  /** Whether something may have been written that nobody was told of: an entry of it can look like damage. */
  get isOpen(): boolean {
    return this.#open.size > 0;
  }

  /** A state of so many bytes is about to be appended. Answers its name. */
  offer(size: number): number {
    const name = this.#sizes.size + 1;
    this.#sizes.set(name, size);
    this.#open = new Set([...this.#open, name]);
    return name;
  }

  acknowledge(name: number, createdAtMs: bigint): void {
    if (createdAtMs <= this.#lastMs) throw new Violation("I7", `state ${name} has the time ${createdAtMs}, and one before it ${this.#lastMs}`);
    this.#lastMs = createdAtMs;
    this.#acknowledged = name;
    this.#open = new Set([...this.#open].filter((it) => it > name));
  }

  /** It was certainly not written. */
  withdraw(name: number): void {
    this.#open = new Set([...this.#open].filter((it) => it !== name));
  }

  /** What an opening has found: the last state that was acknowledged, or one that was on its way behind it. */
  found(state: FoundState | undefined): void {
    const { name, size } = state ?? { name: 0, size: 0 };
    if (name !== 0 && this.#sizes.get(name) !== size) throw new Violation("I3", `state ${name} holds ${size} bytes, and was written with ${this.#sizes.get(name) ?? "none"}`);
    if (this.#faults !== "honest") {
      this.#believe(name);
      return;
    }
    // Found is not durable: what a process that died was writing is read from a cache, and a power loss may take it before the next append.
    if (name === this.#acknowledged || this.#open.has(name)) return;
    const invariant = name < this.#acknowledged ? "I1" : "I9";
    throw new Violation(invariant, `state ${name} is found, where ${this.#acknowledged} was acknowledged and ${[...this.#open].join(", ") || "nothing"} was on its way`);
  }

  /** On a disk that lies whatever is found is what there is. */
  #believe(name: number): void {
    this.#acknowledged = name;
    this.#lastMs = 0n;
  }
}
