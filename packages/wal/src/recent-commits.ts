import type { CommitBuffer } from "./commit-buffer.js";
import type { CommitCursor, CommitRange, StoredCommit } from "./device.js";

/**
 * The newest commits, kept in memory while somebody follows the log. Who has caught up is given what was just written from here instead of
 * reading it back: from a disk that has it in no cache, or with a request to object storage.
 */
export class RecentCommits {
  readonly #prefix: string;
  /** One behind the other, oldest first. */
  readonly #commits: StoredCommit[] = [];
  #bytes = 0;

  /** @param prefix - The log's, for messages. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Copies a commit that was written; older ones make room for it. One over {@link MAX_BYTES} is read back, and what was before it as well. */
  add(commit: CommitBuffer): void {
    const { firstSeq, recordCount, committedAtMs, bodyBytes } = commit;
    if (bodyBytes > MAX_BYTES) {
      this.clear();
      return;
    }
    const bytes = new Uint8Array(bodyBytes);
    bytes.set(commit.bytes.subarray(commit.start, commit.end));
    this.#commits.push({ firstSeq, recordCount, committedAtMs, bytes, start: 0, end: bodyBytes, key: this.#prefix, offset: 0 });
    this.#bytes += bodyBytes;
    while (this.#bytes > MAX_BYTES) this.#bytes -= this.#commits.shift()?.end ?? 0;
  }

  clear(): void {
    this.#commits.length = 0;
    this.#bytes = 0;
  }

  /**
   * The commits of a range, in copies that belong to the caller, if all of them are here.
   *
   * @returns `undefined` if the range begins before what is kept, or goes backwards.
   */
  commits({ from, to, reverse }: CommitRange): CommitCursor | undefined {
    const [oldest] = this.#commits;
    if (reverse || oldest === undefined || from < oldest.firstSeq) return undefined;
    let chunk: readonly StoredCommit[] | undefined = this.#commits
      .filter(({ firstSeq, recordCount }) => firstSeq <= to && from < firstSeq + recordCount)
      .map((commit) => ({ ...commit, bytes: new Uint8Array(commit.bytes) }));
    return {
      next() {
        const answer = chunk?.length === 0 ? undefined : chunk;
        chunk = undefined;
        return Promise.resolve(answer);
      },
    };
  }
}

/** The most bytes of records that are kept. A follower that is further behind reads what is stored. */
const MAX_BYTES = 1024 * 1024;
