/**
 * Where some of a segment's commits begin, so that reading from the middle does not start at the beginning. Points are added
 * in any order as frames are written or walked over; about one for each 64 KiB is kept.
 */
export class SegmentIndex {
  /** Ascending. */
  readonly #seqs: number[] = [];
  readonly #offsets: number[] = [];
  /** Everything before this offset has been walked over, so the points below it are as dense as they get. */
  #walkedTo = 0;
  #walkedSeq = 0;

  /** Whether the walk has passed the commit that holds `seq`, so that {@link seqBefore} is as near as it gets. */
  reaches(seq: number): boolean {
    return this.#walkedSeq >= seq;
  }

  /** The sequence number at the last point at or before `seq`, or `undefined`. */
  seqBefore(seq: number): number | undefined {
    return this.#seqs[this.#indexOf(seq)];
  }

  /** A commit whose first record is `seq` begins at `offset`, and everything before it was walked over. */
  add(seq: number, offset: number): void {
    if (offset < this.#walkedTo) return;
    this.#walkedTo = offset;
    this.#walkedSeq = seq;
    const last = this.#offsets.at(-1);
    if (last !== undefined && offset - last < POINT_BYTES) return;
    this.#seqs.push(seq);
    this.#offsets.push(offset);
  }

  /** Offset of the last known commit that begins at or before `seq`, or `undefined`. */
  find(seq: number): number | undefined {
    const at = this.#indexOf(seq);
    return at < 0 ? undefined : this.#offsets[at];
  }

  /** Position in the index of the last point at or before `seq`, or −1. */
  #indexOf(seq: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#seqs[middle] ?? Infinity) <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const POINT_BYTES = 64 * 1024;
