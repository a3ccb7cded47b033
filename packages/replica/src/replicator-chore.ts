import type { Clock } from "@holdfast/storage/ports";

/**
 * Something that is done every so often beside the shipping. While that goes on without a rest it is tried once each time, so that a
 * failure does not hold the shipping up; at rest it is tried until it succeeds.
 */
export class Chore {
  readonly #clock: Clock;
  readonly #everyMs: number;
  /** By the monotonic clock; −∞: never. */
  #triedMs = -Infinity;
  #doneMs = -Infinity;

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** It is due now. */
  hurry(): void {
    this.#triedMs = -Infinity;
    this.#doneMs = -Infinity;
  }

  /** Does it, if it is due. @throws What `work` throws. */
  async doIfDue(isAtRest: boolean, work: () => Promise<void>): Promise<void> {
    const nowMs = this.#clock.monotonic();
    if (nowMs - (isAtRest ? this.#doneMs : this.#triedMs) < this.#everyMs) return;
    this.#triedMs = nowMs;
    await work();
    this.#doneMs = nowMs;
  }
}
