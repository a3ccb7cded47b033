import type { FsPort } from "@holdfast/storage/ports";

/** How many flushes run at a time. libuv has four threads by default: two stay free for everything else in the process. */
const COMMIT_SLOTS = 2;

/**
 * Permits for calls that wait for the disk to flush: synced writes, fsync, fdatasync. Each occupies a thread of the pool for a
 * whole flush, so however many logs a process has, at most {@link COMMIT_SLOTS} of them run at a time. First come, first
 * served.
 *
 * One set for each port and thread: worker threads of a process share libuv's threads but not this count.
 */
export class CommitSlots {
  #free = COMMIT_SLOTS;
  readonly #waiting: (() => void)[] = [];

  /** Takes a slot if one is free, without waiting. */
  tryTake(): boolean {
    // A slot is free only when nobody waits for one, since release() hands it on.
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Resolves when the caller has a slot. */
  take(): Promise<void> {
    if (this.tryTake()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }

  /** Runs one flush in a slot. */
  async run<T>(flush: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await flush();
    } finally {
      this.release();
    }
  }
}

/** The slots of a port: all backends over one port share them. */
export function commitSlotsOf(port: FsPort): CommitSlots {
  let slots = slotsOfPorts.get(port);
  if (slots === undefined) {
    slots = new CommitSlots();
    slotsOfPorts.set(port, slots);
  }
  return slots;
}

const slotsOfPorts = new WeakMap<FsPort, CommitSlots>();
