import type { Clock, RandomSource } from "@holdfast/storage/ports";

/** Chance that comes back for the same seed: mulberry32. */
export class Seeded implements RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

interface Waiting {
  readonly actor: string;
  go(): void;
}

/**
 * Decides whose turn it is, by chance that comes back for the same seed. Everything that takes part asks for a turn before
 * it does something; who is stopped gets none until it is let go on, who is dead never again.
 */
export class Turns {
  readonly #random: Seeded;
  readonly #waiting: Waiting[] = [];
  readonly #stopped = new Set<string>();
  #elapsedMs = 0;

  constructor(random: Seeded) {
    this.#random = random;
  }

  turn(actor: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ actor, go: resolve });
    });
  }

  stop(actor: string): void {
    this.#stopped.add(actor);
  }

  goOn(actor: string): void {
    this.#stopped.delete(actor);
  }

  /** A clock whose timers take their turn like everything else. No real time passes. */
  clock(actor: string): Clock {
    return {
      now: () => 1_700_000_000_000 + this.#elapsedMs,
      monotonic: () => this.#elapsedMs,
      setTimer: (callback, delayMs) => {
        let isCancelled = false;
        void this.turn(actor).then(() => {
          this.#elapsedMs += delayMs;
          if (!isCancelled) callback();
        });
        return () => {
          isCancelled = true;
        };
      },
    };
  }

  /** Gives turns until `done` is settled, or nobody is left who may have one. */
  async run(done: Promise<unknown>): Promise<void> {
    const state = { isDone: false };
    const finish = (): void => {
      state.isDone = true;
    };
    done.then(finish, finish);
    for (let idle = 0; !state.isDone && idle < 20; ) {
      // Until everybody who had a turn asks for the next one.
      await new Promise((resolve) => setImmediate(resolve));
      const ready = this.#waiting.filter(({ actor }) => !this.#stopped.has(actor));
      const next = ready[this.#random.below(Math.max(ready.length, 1))];
      if (next === undefined) {
        idle++;
        continue;
      }
      idle = 0;
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      next.go();
    }
  }
}
