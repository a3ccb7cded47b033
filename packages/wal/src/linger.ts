import type { Clock } from "@holdfast/storage/ports";

/**
 * Lets commits wait for more appends: each for so long after its first one. Fewer and larger commits, where every one of them is
 * a request that is paid for. One timer, set only while a commit waits.
 */
export class Linger {
  readonly #clock: Clock;
  readonly #lingerMs: number;
  readonly #due: () => void;
  /** When the first append came that is not in a commit on its way; `undefined` without one. */
  #since: number | undefined;
  #cancel: (() => void) | undefined;

  /**
   * @param lingerMs - 0: nothing ever waits.
   * @param due - Called when a commit that had to wait need not wait any more.
   */
  constructor(clock: Clock, lingerMs: number, due: () => void) {
    this.#clock = clock;
    this.#lingerMs = lingerMs;
    this.#due = due;
  }

  /** An append joined the commit that is gathering. */
  joined(): void {
    if (this.#lingerMs > 0) this.#since ??= this.#clock.monotonic();
  }

  /** Whether what gathers has to wait. Then `due` is called later. */
  mustWait(): boolean {
    if (this.#since === undefined) return false;
    const restMs = this.#lingerMs - (this.#clock.monotonic() - this.#since);
    if (restMs <= 0) return false;
    this.#cancel ??= this.#clock.setTimer(this.#fire, Math.ceil(restMs));
    return true;
  }

  /** What gathers now does not wait: somebody asked for it to be written. */
  cut(): void {
    if (this.#since !== undefined) this.#since = -Infinity;
  }

  /** A commit was taken to be written. @param isLast - Nothing gathers behind it. */
  taken(isLast: boolean): void {
    if (!isLast) return;
    this.#since = undefined;
    this.stop();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  readonly #fire = (): void => {
    this.#cancel = undefined;
    this.#due();
  };
}
