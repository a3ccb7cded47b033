import { onAbort } from "@holdfast/storage";

/** Lets a bounded number of requests be under way at a time, in order of asking. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Waits for a slot. Answers what gives it back, to be called once. @throws `signal.reason`. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const granted = (): void => {
        letGo();
        resolve();
      };
      const letGo = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- The contract: an aborted call rejects with its reason.
        reject(signal.reason);
      });
      this.#waiting.push(granted);
    });
  }
}
