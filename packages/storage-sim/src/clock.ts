import { setImmediate } from "node:timers/promises";
import type { Clock } from "@holdfast/storage/ports";

/** A clock that stands still until it is moved. */
export interface VirtualClock extends Clock {
  /**
   * Moves on by `durationMs`. Timers that become due fire one after the other, each at its own time; before the next one, and
   * before this resolves, everything that a timer led to has run as far as it can without time passing.
   */
  advance(durationMs: number): Promise<void>;
  /** Moves the wall clock alone, forwards or, below zero, back. No timer fires: they follow the monotonic clock. */
  step(offsetMs: number): void;
  /** How many timers wait. */
  readonly timers: number;
}

/**
 * A virtual clock: no real time passes.
 *
 * @param options.startMs - Unix milliseconds at the beginning. Default: 1 January 2000, 00:00 UTC.
 */
export function virtualClock(options?: { readonly startMs?: number | undefined }): VirtualClock {
  return new SteppedClock(options?.startMs ?? 946_684_800_000);
}

class SteppedClock implements VirtualClock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #timers = new Set<Timer>();

  constructor(startMs: number) {
    this.#wallMs = startMs;
  }

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    const timer = { callback, dueMs: this.#monotonicMs + Math.max(0, delayMs) };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  async advance(durationMs: number): Promise<void> {
    const endMs = this.#monotonicMs + durationMs;
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#move(timer.dueMs);
      this.#timers.delete(timer);
      timer.callback();
      await quiet();
    }
    this.#move(endMs);
    await quiet();
  }

  step(offsetMs: number): void {
    this.#wallMs += offsetMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** The timer that is due first, of equals the one that was set first. */
  #next(endMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.dueMs <= endMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    return first;
  }

  #move(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

interface Timer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/**
 * Resolves when nothing can go on by itself: calls of a simulated disk settle in microtasks, and all of those run before the
 * event loop turns. A turn is not time.
 */
export async function quiet(): Promise<void> {
  await setImmediate();
}
