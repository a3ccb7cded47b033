import type { Clock } from "@holdfast/storage/ports";

/**
 * Divides long work into turns of at most so many milliseconds, so that others get theirs. Call {@link TimeSlices.pause} between any two
 * steps; it waits, for one turn of the event loop, only when a slice is used up.
 */
export class TimeSlices {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #endsAtMs: number;

  constructor(clock: Clock, sliceMs: number = SLICE_MS) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#endsAtMs = clock.monotonic() + sliceMs;
  }

  /** Whether the slice is used up. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endsAtMs;
  }

  /** Resolves at the beginning of the next slice. To be awaited only if the slice {@link isOver}: an `await` costs too. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(resolve, 0);
    });
    this.#endsAtMs = this.#clock.monotonic() + this.#sliceMs;
  }
}

/** What others wait at most, together with the step that ends a slice late. */
const SLICE_MS = 2;
