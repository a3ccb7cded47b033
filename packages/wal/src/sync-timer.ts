import type { Clock } from "@holdfast/storage/ports";

/** Calls `due` once, so long after it was armed. Armed while it runs, it changes nothing: the oldest write decides. */
export class SyncTimer {
  readonly #clock: Clock;
  /** Milliseconds; `undefined`: never. */
  readonly #everyMs: number | undefined;
  readonly #due: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, everyMs: number | undefined, due: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#due = due;
  }

  arm(): void {
    if (this.#everyMs === undefined) return;
    this.#cancel ??= this.#clock.setTimer(() => {
      this.#cancel = undefined;
      this.#due();
    }, this.#everyMs);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
