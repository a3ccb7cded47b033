/** What is gathered for the next segment, in one array that is used again for the one behind it. */
export class SegmentBuffer {
  #bytes = new Uint8Array();
  #length = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#length;
  }

  /** Takes so many bytes more, which `write` has to write: into the array that it is given, from a place on. */
  add<Result>(length: number, write: (target: Uint8Array, at: number) => Result): Result {
    const at = this.#length;
    const needed = at + length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    const result = write(this.#bytes, at);
    this.#length = needed;
    return result;
  }

  /** The first bytes gathered, as a view: good until they are dropped. */
  first(length: number): Uint8Array {
    return this.#bytes.subarray(0, length);
  }

  /** Lets the first bytes go. */
  drop(length: number): void {
    this.#bytes.copyWithin(0, length, this.#length);
    this.#length -= length;
  }

  /** Holds no more memory than it has to. */
  shrink(): void {
    if (this.#bytes.length > this.#length) this.#bytes = this.#bytes.slice(0, this.#length);
  }
}
