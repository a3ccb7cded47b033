import { Violation } from "../violation.js";

/** What a key may hold: the number of a value, or nothing. */
export type Content = number | undefined;

/** A call that changes one key. */
export interface Change {
  readonly to: Content;
  state: "running" | "done" | "unknown";
}

/**
 * What may be found under one key. Calls that run at the same time form a group: which of them comes last is not known before
 * all have ended.
 */
export class ObjectLedger {
  readonly #key: string;
  /** Before the calls that run, or ended without a certain answer. */
  #before: ReadonlySet<Content>;
  #changes: Change[];

  constructor(key: string, from?: ObjectLedger) {
    this.#key = key;
    this.#before = from === undefined ? new Set([undefined]) : from.#before;
    // Whoever ran when the process died, nobody will hear how it ended.
    const changes = from === undefined ? [] : from.#changes;
    this.#changes = changes.map(({ to, state }) => ({ to, state: state === "running" ? "unknown" : state }));
  }

  /** What the key may hold now. */
  get possible(): ReadonlySet<Content> {
    const outcomes = this.#changes.map(({ to }) => to);
    return new Set(this.#changes.some(({ state }) => state === "done") ? outcomes : [...this.#before, ...outcomes]);
  }

  /** No call runs. */
  get isIdle(): boolean {
    return this.#changes.every(({ state }) => state !== "running");
  }

  begin(to: Content): Change {
    if (this.isIdle) {
      this.#before = this.possible;
      this.#changes = [];
    }
    const change: Change = { to, state: "running" };
    this.#changes.push(change);
    return change;
  }

  /** It was answered with ok. */
  done(change: Change): void {
    change.state = "done";
  }

  /** It was said for sure that nothing was changed. */
  withdraw(change: Change): void {
    this.#changes = this.#changes.filter((it) => it !== change);
  }

  unknown(change: Change): void {
    change.state = "unknown";
  }

  /** Somebody found it. @param forGood - It survives power loss from now on. */
  found(content: Content, forGood: boolean): void {
    const { possible } = this;
    if (!possible.has(content)) throw this.#notPossible(content, possible);
    if (!forGood || !this.isIdle) return;
    this.#before = new Set([content]);
    this.#changes = [];
  }

  /** `create` was refused because there is something. @param before - What the key might have held when it was called. */
  taken(before: ReadonlySet<Content>, forGood: boolean): void {
    const present = [...this.possible].filter((it) => it !== undefined);
    if (present.length === 0 && [...before].every((it) => it === undefined)) throw new Violation("I3", `${this.#key} is said to exist, and nobody made it`);
    // Who removed it at the same time may have done so after the look.
    if (forGood && this.#changes.length === 0) this.#before = new Set(present);
  }

  /** `create` has won the key. @param before - What it might have held when it was called. */
  won(before: ReadonlySet<Content>): void {
    if (!before.has(undefined)) throw new Violation("I16", `${this.#key} was created, and it existed`);
  }

  #notPossible(content: Content, possible: ReadonlySet<Content>): Violation {
    const expected = [...possible].map(contentText).join(" or ");
    const message = `${this.#key} holds ${contentText(content)}, and it should hold ${expected}`;
    return new Violation(content === undefined ? "I1" : possible.has(undefined) || possible.size > 1 ? "I3" : "I8", message);
  }
}

function contentText(content: Content): string {
  return content === undefined ? "nothing" : `value ${content}`;
}
