/** A commit or pack whose place is known. */
export interface KnownPlace {
  readonly firstSeq: number;
  readonly position: number;
}

/**
 * Where some sequence numbers are, so that reading from the middle need not begin at the floor. Only commits and packs are
 * entered, which cannot lie. What it answers is a hint all the same: a reader checks what it finds there.
 */
export class PositionIndex {
  /** Ascending, in both numbers. */
  #places: KnownPlace[] = [];

  /** A commit or pack that begins with this sequence number is at this position. */
  add(place: KnownPlace): void {
    const at = this.#indexOf(place.firstSeq) + 1;
    const before = this.#places[at - 1];
    const behind = this.#places[at];
    if (before !== undefined && before.position >= place.position) return;
    if (behind !== undefined && behind.position <= place.position) return;
    this.#places.splice(at, 0, place);
    // Every other one goes, but never the newest: that is where followers read on.
    if (this.#places.length > MAX_PLACES) this.#places = this.#places.filter((_, index) => index % 2 !== this.#places.length % 2);
  }

  /** The last known place that begins at or before `seq`. */
  before(seq: number): KnownPlace | undefined {
    return this.#places[this.#indexOf(seq)];
  }

  /** The first known place that begins behind `seq`. */
  behind(seq: number): KnownPlace | undefined {
    return this.#places[this.#indexOf(seq) + 1];
  }

  #indexOf(seq: number): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle]?.firstSeq ?? Infinity) <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const MAX_PLACES = 1024;
