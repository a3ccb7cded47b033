import type { Clock } from "@holdfast/storage/ports";

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  #wallMs: number;
  #elapsedMs = 0;

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { dueMs: this.#elapsedMs + delayMs, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass. Timers fire in the order in which they are due, those that they set as well. */
  advance(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      const next = [...this.#timers].filter((it) => it.dueMs <= untilMs).sort((one, other) => one.dueMs - other.dueMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#wallMs += next.dueMs - this.#elapsedMs;
      this.#elapsedMs = next.dueMs;
      next.callback();
    }
    this.#wallMs += untilMs - this.#elapsedMs;
    this.#elapsedMs = untilMs;
  }

  /** Sets the wall clock, as a correction of the machine's time does. Timers do not notice. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }
}
