/** Something that happens once, and may be waited for: an AbortController would do, and there is one for each response, so that simulated runs would be slower. */
export class Latch {
  #isShut = false;
  #onShut: (() => void) | undefined;

  get isShut(): boolean {
    return this.#isShut;
  }

  /** Whoever waits is called at once. */
  shut(): void {
    this.#isShut = true;
    this.#onShut?.();
  }

  /** One at a time: `onShut` takes the place of who waited before; `undefined`: nobody waits. */
  wait(onShut: (() => void) | undefined): void {
    this.#onShut = onShut;
  }
}
