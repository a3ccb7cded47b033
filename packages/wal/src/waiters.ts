/** Someone who waits for a commit. */
export interface CommitWaiter {
  /** In relaxed mode: waits until the commit has survived power loss, not only until it is written. */
  readonly synced: boolean;
  /** Called once: without an error when the commit is as durable as asked for. */
  settle(error: unknown): void;
}

/** The first and last sequence number of a batch. */
export interface SeqRange {
  readonly first: number;
  readonly last: number;
}

/** Waits for one record and is told its sequence number. */
export class RecordWaiter implements CommitWaiter {
  readonly synced: boolean;
  readonly #seq: number;
  readonly #resolve: (seq: number) => void;
  readonly #reject: (error: unknown) => void;

  constructor(seq: number, synced: boolean, resolve: (seq: number) => void, reject: (error: unknown) => void) {
    this.#seq = seq;
    this.synced = synced;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(error: unknown): void {
    if (error === undefined) this.#resolve(this.#seq);
    else this.#reject(error);
  }
}

/** Waits for a batch and is told its range. A range whose last number lies before its first is empty: it waits for what stands before. */
export class RangeWaiter implements CommitWaiter {
  readonly synced: boolean;
  readonly #range: SeqRange;
  readonly #resolve: (range: SeqRange) => void;
  readonly #reject: (error: unknown) => void;

  constructor(range: SeqRange, synced: boolean, resolve: (range: SeqRange) => void, reject: (error: unknown) => void) {
    this.#range = range;
    this.synced = synced;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(error: unknown): void {
    if (error === undefined) this.#resolve(this.#range);
    else this.#reject(error);
  }
}
