import { onAbort } from "@holdfast/storage";

/** Tells those who wait when something new is there. */
export class Wakers {
  readonly #waiting = new Set<() => void>();

  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves at the next `wake`, or when the signal aborts. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        letGo();
        resolve();
      };
      this.#waiting.add(done);
      let letGo = (): void => undefined;
      letGo = onAbort(signal, done);
    });
  }
}
