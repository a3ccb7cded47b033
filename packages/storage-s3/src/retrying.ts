import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { sleep, startDeadline } from "./deadline.js";
import { RequestFailure } from "./errors.js";

/** How failed requests are tried again. */
export interface RetryOptions {
  /** How often at most, the first time included. */
  readonly attempts: number;
  /** How long all attempts and pauses of one request may take. */
  readonly callTimeoutMs: number;
  readonly clock: Clock;
  readonly random: RandomSource;
}

/** Tries again what may go better: with pauses that grow and are drawn by chance, and out of a budget that all calls share. */
export class Retrier {
  readonly #options: RetryOptions;
  #budget = BUDGET;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, or may not be tried again.
   *
   * @param attempt - Gets a signal that aborts with the caller's or at the end of the time. Only a `RequestFailure` that is
   * `transient` is tried again.
   * @throws What the last attempt threw; `signal.reason`.
   */
  async run<T>(caller: AbortSignal | undefined, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, callTimeoutMs } = this.#options;
    const deadline = startDeadline(clock, callTimeoutMs, caller);
    let paid = 0;
    let last: RequestFailure | undefined;
    try {
      for (let number = 1; ; number += 1) {
        try {
          const answer = await attempt(deadline.signal);
          this.#refund(paid);
          return answer;
        } catch (error) {
          if (deadline.isOver && caller?.aborted !== true) throw outOfTime(callTimeoutMs, last, error);
          if (!(error instanceof RequestFailure)) throw error;
          last = error;
        }
        paid = this.#pay(last, number);
        await sleep(clock, this.#pauseMs(last, number), deadline.signal).catch((reason: unknown) => {
          throw deadline.isOver && caller?.aborted !== true ? outOfTime(callTimeoutMs, last, reason) : reason;
        });
      }
    } finally {
      deadline.end();
    }
  }

  /** @throws `failure` where it may not be tried again. */
  #pay(failure: RequestFailure, number: number): number {
    if (!failure.transient || number >= this.#options.attempts || this.#budget < COST) throw failure;
    this.#budget -= COST;
    return COST;
  }

  /** A retry that helped is free; calls that need none slowly fill up what others used. */
  #refund(paid: number): void {
    this.#budget = Math.min(BUDGET, this.#budget + Math.max(paid, 1));
  }

  #pauseMs(failure: RequestFailure, number: number): number {
    const [high = 0, low = 0] = this.#options.random.bytes(2);
    const fraction = (high * 256 + low) / 65_536;
    const jittered = fraction * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (number - 1));
    return Math.max(jittered, Math.min(failure.retryAfterMs ?? 0, MAX_PAUSE_MS));
  }
}

/** As in the "standard" mode of Amazon's SDKs: a hundred retries that did not help, then as many as calls succeed without. */
const BUDGET = 500;
const COST = 5;
/** "Full jitter": anything from 0 to a bound that doubles. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5_000;

function outOfTime(timeoutMs: number, last: RequestFailure | undefined, cause: unknown): RequestFailure {
  const before = last === undefined ? "" : `; before that ${last.message}`;
  return new RequestFailure(`not done within ${timeoutMs} ms${before}`, {
    code: "OutOfTime",
    // The attempt under way was cut off.
    outcome: "unknown",
    transient: true,
    cause: last ?? cause,
  });
}
