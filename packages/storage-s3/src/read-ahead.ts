/**
 * Reads a source ahead of its consumer, up to a number of bytes. There are stores (MinIO) that let nobody replace or remove an
 * object as long as it is being sent: what is taken off the connection soon does not keep them waiting.
 */
export class ReadAhead {
  readonly #maxBytes: number;
  readonly #queue: Uint8Array[] = [];
  #heldBytes = 0;
  #state: { readonly kind: "open" } | { readonly kind: "ended" } | { readonly kind: "failed"; readonly error: unknown } = { kind: "open" };
  #onPiece: (() => void) | undefined;
  #onRoom: (() => void) | undefined;

  constructor(source: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    void this.#pump(source);
  }

  /** The next piece, `undefined` at the end. One call at a time. @throws What the source threw, behind the pieces before it. */
  async next(): Promise<Uint8Array | undefined> {
    while (true) {
      const piece = this.#queue.shift();
      if (piece !== undefined) {
        this.#heldBytes -= piece.byteLength;
        this.#onRoom?.();
        return piece;
      }
      if (this.#state.kind === "failed") throw this.#state.error;
      if (this.#state.kind === "ended") return undefined;
      await new Promise<void>((resolve) => {
        this.#onPiece = resolve;
      });
    }
  }

  async #pump(source: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const piece of source) {
        if (piece.byteLength === 0) continue;
        this.#queue.push(piece);
        this.#heldBytes += piece.byteLength;
        this.#onPiece?.();
        while (this.#heldBytes >= this.#maxBytes) {
          await new Promise<void>((resolve) => {
            this.#onRoom = resolve;
          });
        }
      }
      this.#state = { kind: "ended" };
    } catch (error) {
      this.#state = { kind: "failed", error };
    }
    this.#onPiece?.();
  }
}
