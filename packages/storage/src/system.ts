import type { Clock, RandomSource } from "./ports.js";

/** The machine's clock and timers: the one default of every package that takes a {@link Clock}. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(callback, delayMs, options) {
    const timer = setTimeout(callback, delayMs);
    if (options?.ref === false) timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Cryptographically strong random bytes: the one default of every package that takes a {@link RandomSource}. */
export const systemRandom: RandomSource = {
  bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
};
