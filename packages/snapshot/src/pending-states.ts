/** A commit on its way: the state behind it, if it is written. */
export interface PendingState<S> {
  readonly lastSeq: number;
  readonly state: S;
}

/**
 * The durable state, and behind it the states that commits on their way will make, each built on the one before. Commits become durable in
 * order; if one does not, all that were built on it fall with it.
 */
export class PendingStates<S> {
  #state: S;
  #seq: number;
  /** Oldest first, from `#head` on. */
  #queue: PendingState<S>[] = [];
  #head = 0;

  constructor(state: S, seq: number) {
    this.#state = state;
    this.#seq = seq;
  }

  /** The durable state. */
  get state(): S {
    return this.#state;
  }

  /** Of the last event in it. */
  get seq(): number {
    return this.#seq;
  }

  /** The newest state, which the next event is applied to. */
  get newest(): PendingState<S> {
    return this.#queue.at(-1) ?? { lastSeq: this.#seq, state: this.#state };
  }

  add(pending: PendingState<S>): void {
    this.#queue.push(pending);
  }

  /** A commit is durable. Answers `false` if that cannot be: it is not the next one. */
  settle(pending: PendingState<S>): boolean {
    if (this.#queue[this.#head] !== pending) return false;
    this.#state = pending.state;
    this.#seq = pending.lastSeq;
    this.#head += 1;
    // What is passed is cut off now and then: at once it would cost as much as is behind it.
    if (this.#head === this.#queue.length || this.#head >= 1024) this.#cut();
    return true;
  }

  /** A commit was not written: it goes, and all behind it. One that has gone already takes nothing more along. */
  drop(pending: PendingState<S>): void {
    const at = this.#queue.indexOf(pending, this.#head);
    if (at >= 0) this.#queue.length = at;
    if (this.#queue.length === this.#head) this.#cut();
  }

  /** Replaces everything, by what was read from the log. Only while nothing is on its way. */
  reset(state: S, seq: number): void {
    this.#state = state;
    this.#seq = seq;
  }

  #cut(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}
