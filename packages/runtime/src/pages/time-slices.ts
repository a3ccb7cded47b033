import type { Clock } from "@holdfast/storage/ports";

/** Divides long work into slices of some milliseconds, so that mutations get their turns while pages are made. */
export class TimeSlices {
  readonly #clock: Clock;
  #endsAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#endsAtMs = clock.monotonic() + SLICE_MS;
  }

  /** Whether it is time to {@link pause}, which is awaited only then: an `await` costs too. */
  get isOver(): boolean {
    return this.#clock.monotonic() >= this.#endsAtMs;
  }

  /** Resolves one turn of the event loop later, at the beginning of the next slice. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#clock.setTimer(resolve, 0);
    });
    this.#endsAtMs = this.#clock.monotonic() + SLICE_MS;
  }
}

const SLICE_MS = 2;
