import type { FsPort } from "@holdfast/storage/ports";

/** How many flushes run at a time. libuv has four threads by default: two stay free for everything else in the process. */
const COMMIT_SLOTS = 2;

/** How many commits may pass a background flush that waits. */
const PATIENCE = 16;

/**
 * Permits for calls that wait for the disk to flush: synced writes, fsync, fdatasync. Each occupies a thread of the pool for a
 * whole flush, so however many logs a process has, at most {@link COMMIT_SLOTS} of them run at a time. First come, first
 * served. Background work (filling space ahead) takes at most one of the slots, and only when no commit waits or after it was
 * passed by {@link PATIENCE} of them.
 *
 * One set for each port and thread: worker threads of a process share libuv's threads but not this count.
 */
export class CommitSlots {
  #free = COMMIT_SLOTS;
  #backgroundRuns = false;
  #passed = 0;
  readonly #commits: (() => void)[] = [];
  readonly #background: (() => void)[] = [];

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
    return new Promise((resolve) => this.#commits.push(resolve));
  }

  release(): void {
    const background = this.#backgroundRuns ? undefined : this.#background[0];
    if (this.#commits.length > 0 && (background === undefined || this.#passed < PATIENCE)) {
      if (background !== undefined) this.#passed += 1;
      this.#commits.shift()?.();
    } else if (background !== undefined) {
      this.#background.shift();
      this.#backgroundRuns = true;
      this.#passed = 0;
      background();
    } else {
      this.#free += 1;
    }
  }

  takeBackground(): Promise<void> {
    if (!this.#backgroundRuns && this.tryTake()) {
      this.#backgroundRuns = true;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#background.push(resolve));
  }

  releaseBackground(): void {
    this.#backgroundRuns = false;
    this.release();
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
