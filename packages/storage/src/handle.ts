import { StorageError, type StorageErrorDetails } from "./errors.js";

/** Something that was opened through a handle and lives no longer than it. */
export interface Held {
  close(): Promise<void>;
}

/**
 * The life of a backend's handle: refuses calls after `close`, lets `close` wait for those in flight, and then closes what was
 * opened through the handle.
 */
export class Handle {
  readonly #backend: string;
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #held = new Set<Held>();
  #closing: Promise<void> | undefined;

  /** @param backend - The backend's name, for errors. */
  constructor(backend: string) {
    this.#backend = backend;
  }

  /** Throws STORAGE_CLOSED once `close` was called. */
  requireOpen(call: StorageErrorDetails): void {
    if (this.#closing !== undefined) throw closedError(this.#backend, call);
  }

  /** Runs one call, which begins at once. Everything that `action` throws becomes a rejection. */
  async run<T>(call: StorageErrorDetails, action: () => T | Promise<T>): Promise<T> {
    this.requireOpen(call);
    const running = (async () => action())();
    this.#inFlight.add(running);
    try {
      return await running;
    } finally {
      this.#inFlight.delete(running);
    }
  }

  /** `close` closes `item`, unless it is let go before. */
  hold(item: Held): void {
    this.#held.add(item);
  }

  letGo(item: Held): void {
    this.#held.delete(item);
  }

  /** Idempotent. Rejects with the first error of what was held, after all of it was tried. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    const closing = [...this.#held].map((item) => item.close());
    await Promise.allSettled(closing);
    await Promise.all(closing);
  }
}

/** The error of a call on something that was closed. */
export function closedError(backend: string, call: StorageErrorDetails): StorageError {
  const about = call.key === undefined ? "" : ` ${call.key}`;
  return new StorageError("STORAGE_CLOSED", `${call.operation}${about}: closed`, { ...call, backend });
}
