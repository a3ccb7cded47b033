import { onAbort } from "@holdfast/storage";

/** What somebody waits for: a record in the replica, or the end of a pass through everything that was new when it began. */
export type Awaited = { readonly seq: number } | { readonly pass: number };

interface Waiter {
  readonly awaited: Awaited;
  resolve(): void;
  reject(error: unknown): void;
}

/** Those who wait for a replicator. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** Whether somebody waits for the end of a pass. */
  get areHurried(): boolean {
    return [...this.#waiters].some(({ awaited }) => "pass" in awaited);
  }

  /** @throws `signal.reason`; what {@link reject} is told. */
  async wait(awaited: Awaited, signal: AbortSignal | undefined): Promise<void> {
    const abandon = (): void => {
      this.#waiters.delete(waiter);
      waiter.reject(signal?.reason);
    };
    let waiter: Waiter = { awaited, resolve: () => undefined, reject: () => undefined };
    const settled = new Promise<void>((resolve, reject) => {
      waiter = { awaited, resolve, reject };
    });
    this.#waiters.add(waiter);
    const letGo = onAbort(signal, abandon);
    await settled.finally(letGo);
  }

  /** Records below `arrivedBelow` are in the replica, and this pass has ended; `undefined`: none has. */
  resolve(arrivedBelow: number, endedPass: number | undefined): void {
    for (const waiter of this.#waiters) {
      const { awaited } = waiter;
      if ("seq" in awaited ? awaited.seq >= arrivedBelow : awaited.pass > (endedPass ?? -Infinity)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  reject(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}
