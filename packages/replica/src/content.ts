/** What is to be in an object: bytes, or a source that gives the same bytes each time it is opened. */
export type ReplicaContent = Uint8Array | { open(): AsyncIterable<Uint8Array> };

/** The bytes of some content, in pieces. */
export async function* openContent(content: ReplicaContent): AsyncGenerator<Uint8Array, void, undefined> {
  if (content instanceof Uint8Array) yield content;
  else yield* content.open();
}

/**
 * How what is stored relates to what was to be stored.
 *
 * - `equal`; `prefix`: all of it, `bytes` long, is how ours begins; `extension`: it goes on where ours ends; `different`, from `bytes` on.
 */
export interface ContentComparison {
  readonly relation: "equal" | "prefix" | "extension" | "different";
  /** Bytes that both begin with. */
  readonly bytes: number;
}

/**
 * Compares two contents piece by piece, and closes both. What is stored is read to its end, since only there it shows whether it is
 * damaged. What reading either throws, it throws.
 */
export async function compareContents(stored: AsyncIterable<Uint8Array>, ours: AsyncIterable<Uint8Array>): Promise<ContentComparison> {
  const [a, b] = [new Cursor(stored), new Cursor(ours)];
  try {
    let bytes = 0;
    while (true) {
      const [left, right] = [await a.piece(), await b.piece()];
      if (left === undefined || right === undefined) {
        await a.drain();
        return { relation: relationAtEnd(left, right), bytes };
      }
      const length = Math.min(left.length, right.length);
      const common = commonLength(left.subarray(0, length), right.subarray(0, length));
      bytes += common;
      if (common < length) {
        await a.drain();
        return { relation: "different", bytes };
      }
      a.pass(length);
      b.pass(length);
    }
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

function relationAtEnd(stored: Uint8Array | undefined, ours: Uint8Array | undefined): "equal" | "prefix" | "extension" {
  if (stored !== undefined) return "extension";
  return ours === undefined ? "equal" : "prefix";
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return a.length;
  return a.findIndex((byte, at) => byte !== b[at]);
}

/** A place in some pieces. */
class Cursor {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();
  #hasEnded = false;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** What is left of the piece at this place, never empty; `undefined` at the end. */
  async piece(): Promise<Uint8Array | undefined> {
    while (this.#piece.length === 0 && !this.#hasEnded) {
      const next = await this.#pieces.next();
      if (next.done === true) this.#hasEnded = true;
      else this.#piece = next.value;
    }
    return this.#hasEnded ? undefined : this.#piece;
  }

  pass(length: number): void {
    this.#piece = this.#piece.subarray(length);
  }

  async drain(): Promise<void> {
    for (let piece = await this.piece(); piece !== undefined; piece = await this.piece()) this.pass(piece.length);
  }

  async close(): Promise<void> {
    if (!this.#hasEnded) await this.#pieces.return?.();
  }
}
