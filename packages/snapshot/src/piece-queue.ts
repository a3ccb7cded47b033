/** Pieces that come one by one for somebody who reads them one by one: no more than one of them is kept. */
export class PieceQueue {
  #piece: { readonly bytes: Uint8Array; readonly taken: () => void } | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;

  /** Resolves when the reader has taken the piece and asks for the next one. */
  put(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#piece = { bytes, taken: resolve };
      this.#wake?.();
    });
  }

  /** Nothing comes any more. */
  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const next = this.#piece;
      this.#piece = undefined;
      if (next !== undefined) {
        yield next.bytes;
        next.taken();
      } else if (this.#isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
