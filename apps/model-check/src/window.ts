/** Names for a few bytes of a state. What is written through a window is written into the state. */
export class Window {
  private readonly bytes: Uint8Array;
  private readonly offset: number;

  /** `offset`: where the window's first byte lies in `bytes`. */
  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  /** The byte at `index` of the window. Here and not in a function, since a search spends most of its time in it. */
  protected get(index: number): number { return this.bytes[this.offset + index] ?? 0; }

  protected set(index: number, value: number): void { this.bytes[this.offset + index] = value; }

  /** Sets the bytes from `from` up to `to` to zero. */
  protected clear(from: number, to: number): void { this.bytes.fill(0, this.offset + from, this.offset + to); }
}
