import type { Ledger } from "../simulated/ledger.js";
import { Violation } from "../simulated/violation.js";

/** What the users of a backend were promised: for each key, what may be read. `undefined`: nothing is there. */
export class ObjectLedger implements Ledger<ObjectLedger> {
  readonly #values: Map<string, ReadonlySet<string | undefined>>;

  constructor(values: ReadonlyMap<string, ReadonlySet<string | undefined>> = new Map()) {
    this.#values = new Map(values);
  }

  afterCrash(): ObjectLedger {
    return new ObjectLedger(this.#values);
  }

  /** Keys that were ever written. */
  get keys(): readonly string[] {
    return [...this.#values.keys()];
  }

  /** A value, or nothing, is on its way: after a crash it may be there or not. */
  offer(key: string, value: string | undefined): void {
    this.#values.set(key, new Set([...this.#possible(key), value]));
  }

  /** It was acknowledged, or read: from now on it is there. */
  keep(key: string, value: string | undefined): void {
    this.#values.set(key, new Set([value]));
  }

  /** It was said for sure that it is not there. */
  withdraw(key: string, value: string | undefined): void {
    this.#values.set(key, new Set([...this.#possible(key)].filter((it) => it !== value)));
  }

  /** What was read must be one of what may be. @throws {@link Violation} */
  read(key: string, value: string | undefined): void {
    const possible = this.#possible(key);
    if (possible.has(value)) {
      this.keep(key, value);
      return;
    }
    if (value === undefined) throw new Violation("I1", `${key} was promised, and is not there`);
    if (possible.has(undefined) && possible.size === 1) throw new Violation("I1", `${key} was removed, and is back`);
    throw new Violation("I8", `${key} has ${value.length} bytes that nobody has written there as a whole`);
  }

  #possible(key: string): ReadonlySet<string | undefined> {
    return this.#values.get(key) ?? NOTHING;
  }
}

const NOTHING: ReadonlySet<undefined> = new Set([undefined]);
