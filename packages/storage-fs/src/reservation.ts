/**
 * Decides how far an append reaches beyond its own end with zeros. An append that makes the file grow costs the file system a
 * metadata commit; one into space that was written before costs none. So an append that has to grow the file brings zeros for
 * the appends after it, in the same write: one metadata commit then serves them all, and nothing is flushed beside them.
 * Measured in docs/decisions/0007 and 0012.
 *
 * - a write that grows the file is 64 KiB at first, doubles with the file, and ends at 256 KiB (512 KiB when its append is over 64 KiB);
 * - an append of over 128 KiB brings nothing: what it would save is less than what the zeros cost;
 * - the first append of a file brings nothing, so that a format may rely on its header being durable before the file grows.
 *
 * Pure bookkeeping: the caller does the I/O, and tells what it did.
 */
export class Reservation {
  readonly #limit: number;
  /** Up to here the file holds appends or zeros. */
  #prepared = 0;
  #stopped = false;

  /** @param limitBytes - File size up to which space may be prepared. */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  /** How many zeros an append from `at` to `end` (exclusive) brings behind it. */
  zerosBehind(at: number, end: number): number {
    if (this.#stopped || end <= this.#prepared || this.#prepared === 0) return 0;
    const bytes = end - at;
    if (bytes > LARGE_BYTES) return 0;
    const most = bytes > SMALL_BYTES ? MAX_WRITE_BYTES : MAX_SMALL_WRITE_BYTES;
    const until = at + Math.min(most, Math.max(FIRST_WRITE_BYTES, at));
    const zeros = Math.min(this.#limit, until - (until % BLOCK_BYTES)) - end;
    if (zeros <= 0) return 0;
    return zeros;
  }

  /** The file now holds appends or zeros up to `end`. */
  wrote(end: number): void {
    if (end > this.#prepared) this.#prepared = end;
  }

  /** From here on appends bring nothing. */
  stop(): void {
    this.#stopped = true;
  }
}

/** The longest write that brings zeros. */
export const MAX_WRITE_BYTES: number = 512 * 1024;

const BLOCK_BYTES = 4096;
const FIRST_WRITE_BYTES = 64 * 1024;
const SMALL_BYTES = 64 * 1024;
const MAX_SMALL_WRITE_BYTES = 256 * 1024;
const LARGE_BYTES = 128 * 1024;
