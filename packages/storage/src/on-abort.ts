/**
 * Calls `action` once `signal` aborts, at once if it has already, never without a signal. However many calls wait for one signal, it
 * has one listener of this package: Node takes more than ten for a leak and warns, and one signal for a thousand calls is none.
 *
 * @param action - Must not throw: others wait behind it.
 * @returns What ends the waiting. To be called in any case, so that the signal does not keep what `action` holds.
 */
export function onAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (signal === undefined) return nothing;
  if (signal.aborted) {
    action();
    return nothing;
  }
  const waiters = waitersOf.get(signal) ?? new Waiters(signal);
  return waiters.add(action);
}

/** Who waits for a signal. Lives as long as somebody does. */
class Waiters {
  readonly #signal: AbortSignal;
  /** In the order of waiting; objects, since one action may wait twice. */
  readonly #waiting = new Set<{ readonly action: () => void }>();
  readonly #listener = (): void => {
    waitersOf.delete(this.#signal);
    for (const { action } of this.#waiting) action();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    waitersOf.set(signal, this);
    signal.addEventListener("abort", this.#listener, { once: true });
  }

  add(action: () => void): () => void {
    const waiter = { action };
    this.#waiting.add(waiter);
    return () => {
      this.#waiting.delete(waiter);
      if (this.#waiting.size > 0 || waitersOf.get(this.#signal) !== this) return;
      waitersOf.delete(this.#signal);
      this.#signal.removeEventListener("abort", this.#listener);
    };
  }
}

const waitersOf = new WeakMap<AbortSignal, Waiters>();

const nothing = (): void => undefined;
