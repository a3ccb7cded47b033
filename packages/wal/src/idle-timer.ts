import type { Clock } from "@holdfast/storage/ports";

/**
 * Calls `due` when nothing has been touched for a while. One timer that looks, when it fires, how long it has been quiet,
 * instead of one for every touch.
 */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #due: () => void;
  #touchedAt = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, idleMs: number, due: () => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#due = due;
  }

  /** Something happened: quiet begins anew. */
  touch(): void {
    this.#touchedAt = this.#clock.monotonic();
    if (this.#cancel === undefined) this.#arm(this.#idleMs);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#clock.setTimer(this.#look, delayMs, { ref: false });
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
    const restMs = this.#idleMs - (this.#clock.monotonic() - this.#touchedAt);
    if (restMs > 0) this.#arm(Math.ceil(restMs));
    else this.#due();
  };
}
