import type { CommitBuffer } from "./commit-buffer.js";
import type { CommitCursor, CommitRange } from "./device.js";
import { RecentCommits } from "./recent-commits.js";

/** Those who follow a log in its writer's process. While there are any, the newest commits are kept for them in memory. */
export class Followers {
  readonly #wakes = new Set<() => void>();
  readonly #recent: RecentCommits;

  /** @param prefix - The log's, for messages. */
  constructor(prefix: string) {
    this.#recent = new RecentCommits(prefix);
  }

  /**
   * Somebody follows from now on.
   *
   * @param wake - Called when there may be more to read, or no more to come.
   * @returns What ends it.
   */
  add(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => {
      this.#wakes.delete(wake);
      if (this.#wakes.size === 0) this.#recent.clear();
    };
  }

  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** Keeps a commit that was written, if anybody follows. */
  written(commit: CommitBuffer): void {
    if (this.#wakes.size > 0) this.#recent.add(commit);
  }

  /** The commits of a range, if all of them are still in memory; else they have to be read back. */
  recent(range: CommitRange): CommitCursor | undefined {
    return this.#recent.commits(range);
  }
}
