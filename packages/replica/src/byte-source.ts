/** Bytes that come in pieces of any size, taken in amounts of the reader's choice. Holds one piece of what it is made of. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #onBytes: (bytes: Uint8Array) => void;
  #piece: Uint8Array = NOTHING;
  #offset = 0;
  #hasEnded = false;

  /** @param onBytes - Is shown every byte that is taken, in order, for checksums over all of them. */
  constructor(pieces: AsyncIterable<Uint8Array>, onBytes: (bytes: Uint8Array) => void = () => undefined) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#onBytes = onBytes;
  }

  /** Bytes taken so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Fills `target`, and answers how many bytes there were: fewer than its length only at the end. */
  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length && (await this.#hasMore())) {
      const part = this.#take(target.length - filled);
      target.set(part, filled);
      filled += part.length;
    }
    return filled;
  }

  /** The next `length` bytes, fewer only at the end: a view of a piece where they lie in one, which is not to be written to. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#piece.length >= length) return this.#take(length);
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await this.fill(bytes));
  }

  /** Passes over bytes, and answers how many there were: fewer than `length` only at the end. */
  async skip(length: number): Promise<number> {
    let skipped = 0;
    while (skipped < length && (await this.#hasMore())) skipped += this.#take(length - skipped).length;
    return skipped;
  }

  /** All that is left, in pieces. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    while (await this.#hasMore()) yield this.#take(Infinity);
  }

  /** Whether nothing is left. */
  async isAtEnd(): Promise<boolean> {
    return !(await this.#hasMore());
  }

  /** Lets go of the pieces that were not taken. Idempotent. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#piece = NOTHING;
    await this.#pieces.return?.();
  }

  async #hasMore(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#hasEnded) {
      const next = await this.#pieces.next();
      if (next.done === true) this.#hasEnded = true;
      else this.#piece = next.value;
    }
    return this.#piece.length > 0;
  }

  #take(atMost: number): Uint8Array {
    const part = this.#piece.subarray(0, atMost);
    this.#piece = this.#piece.subarray(part.length);
    this.#offset += part.length;
    this.#onBytes(part);
    return part;
  }
}

const NOTHING = new Uint8Array();
