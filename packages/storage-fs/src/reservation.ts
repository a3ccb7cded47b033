/** A range of a file, `end` exclusive. */
export interface FillRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Decides which part of a file is filled with zeros ahead of the appends. Overwriting zeros saves the file system a metadata
 * commit for each append, which pays for small ones; filling costs more than it saves for large ones. So:
 *
 * - a step is at most 256 KiB, the space ahead at most 1 MiB; it starts at 64 KiB and doubles with each refill;
 * - nothing is filled while appends average over 64 KiB;
 * - a step begins on a block of its own, so that no block that holds appended bytes is ever addressed by it.
 *
 * Pure bookkeeping: the caller does the I/O, and tells what it did.
 */
export class Reservation {
  readonly #limit: number;
  /** Up to here the file is filled or appended. */
  #prepared = 0;
  /** Up to here it shall be filled. */
  #target = 0;
  #ahead = FIRST_AHEAD_BYTES / 2;
  #averageBytes: number | undefined;
  #touched = 0;
  #stopped = false;

  /** @param limitBytes - File size up to which space may be prepared. */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** An append of `bytes` bytes ended at `end`. Answers whether a step is due. */
  appended(end: number, bytes: number): boolean {
    this.#averageBytes = this.#averageBytes === undefined ? bytes : this.#averageBytes + (bytes - this.#averageBytes) / 8;
    if (end > this.#prepared) this.#prepared = end;
    if (this.#target <= this.#prepared && this.#prepared - end < this.#ahead / 2) {
      this.#ahead = Math.min(this.#ahead * 2, MAX_AHEAD_BYTES);
      this.#target = end + this.#ahead;
    }
    return this.due;
  }

  /** Whether a step is due. */
  get due(): boolean {
    return (
      !this.#stopped &&
      this.#target > this.#prepared &&
      this.#prepared < this.#limit &&
      (this.#averageBytes ?? 0) <= MAX_AVERAGE_BYTES
    );
  }

  /**
   * The next range to fill.
   *
   * @param occupied - End of what is appended or being appended.
   */
  next(occupied: number): FillRange | undefined {
    if (!this.due) return undefined;
    const start = Math.ceil(Math.max(this.#prepared, occupied) / BLOCK_BYTES) * BLOCK_BYTES;
    const end = Math.min(start + STEP_BYTES, Math.ceil(this.#target / BLOCK_BYTES) * BLOCK_BYTES, this.#limit);
    if (end <= start) return undefined;
    this.#touched = end;
    return { start, end };
  }

  /** A range was filled. */
  filled(range: FillRange): void {
    if (range.end > this.#prepared) this.#prepared = range.end;
  }

  /** Nothing more is filled. */
  stop(): void {
    this.#stopped = true;
  }

  /** Up to here the file may have been filled, by steps that failed too. */
  get touched(): number {
    return this.#touched;
  }
}

/** Bytes of one fill step. */
export const STEP_BYTES: number = 256 * 1024;

const BLOCK_BYTES = 4096;
const FIRST_AHEAD_BYTES = 64 * 1024;
const MAX_AHEAD_BYTES = 1024 * 1024;
const MAX_AVERAGE_BYTES = 64 * 1024;
