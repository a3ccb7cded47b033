import { onAbort } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";

/** Time, chance and patience for requests that have to be made again. */
export interface RetryPolicy {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Milliseconds after which what is still undecided is given up. */
  readonly timeoutMs: number;
}

/** Pauses that double, each by chance between half and all of its length, so that those who wait together do not come back together. */
export class Retry {
  readonly #policy: RetryPolicy;
  readonly #signal: AbortSignal | undefined;
  readonly #startedAtMs: number;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(policy: RetryPolicy, signal: AbortSignal | undefined) {
    this.#policy = policy;
    this.#signal = signal;
    this.#startedAtMs = policy.clock.monotonic();
  }

  /** Whether the time is over. */
  get isOver(): boolean {
    return this.#policy.clock.monotonic() - this.#startedAtMs >= this.#policy.timeoutMs;
  }

  /** @throws `signal.reason`. */
  async pause(): Promise<void> {
    const signal = this.#signal;
    const part = ((this.#policy.random.bytes(1)[0] ?? 0) + 1) / 256;
    const delayMs = (this.#pauseMs * (1 + part)) / 2;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_PAUSE_MS);
    await new Promise<void>((resolve) => {
      const cancel = this.#policy.clock.setTimer(() => {
        letGo();
        resolve();
      }, delayMs);
      const letGo = onAbort(signal, () => {
        cancel();
        resolve();
      });
    });
    signal?.throwIfAborted();
  }
}

const FIRST_PAUSE_MS = 20;
const LAST_PAUSE_MS = 2000;
