import { onAbort } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";

/** What wakes a follower. */
export interface Listener {
  /** Forgets what was announced so far: the follower is going to look for it. */
  forget(): void;
  /** Resolves when something is announced that was not forgotten, when it is time to look, or when the signal aborts. */
  next(): Promise<void>;
  close(): void;
}

/** Who waits for WAL of which generation. */
export class Announcements {
  readonly #listeners = new Map<string, Set<() => void>>();

  announce(generation: string): void {
    for (const wake of this.#listeners.get(generation) ?? []) wake();
  }

  /** Listens from now on. @param pollMs - After so many milliseconds of waiting it is time to look. */
  listen(generation: string, clock: Clock, pollMs: number | undefined, signal: AbortSignal | undefined): Listener {
    let isAnnounced = false;
    let resolve = (): void => undefined;
    const wake = (): void => {
      isAnnounced = true;
      resolve();
    };
    const listeners = this.#listeners.get(generation) ?? new Set();
    this.#listeners.set(generation, listeners.add(wake));
    const letGo = onAbort(signal, wake);
    return {
      forget: () => {
        isAnnounced = false;
      },
      next: async () => {
        if (isAnnounced) return;
        const cancel = pollMs === undefined ? undefined : clock.setTimer(wake, pollMs);
        await new Promise<void>((settle) => {
          resolve = settle;
        });
        cancel?.();
      },
      close: () => {
        letGo();
        listeners.delete(wake);
        if (listeners.size === 0) this.#listeners.delete(generation);
      },
    };
  }
}
