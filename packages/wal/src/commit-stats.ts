import type { CommitBuffer } from "./commit-buffer.js";
import type { LogStats } from "./types.js";

/** Counts commits. */
export class CommitStats {
  #commits = 0;
  #records = 0;
  #payloadBytes = 0;
  #latencyLast = 0;
  #latencySum = 0;
  #latencyMax = 0;
  #recordsLast = 0;
  #recordsMax = 0;

  add(commit: CommitBuffer, latencyMs: number): void {
    this.#commits++;
    this.#records += commit.recordCount;
    this.#payloadBytes += commit.payloadBytes;
    this.#latencyLast = latencyMs;
    this.#latencySum += latencyMs;
    if (latencyMs > this.#latencyMax) this.#latencyMax = latencyMs;
    this.#recordsLast = commit.recordCount;
    if (commit.recordCount > this.#recordsMax) this.#recordsMax = commit.recordCount;
  }

  now(): Pick<LogStats, "commits" | "records" | "payloadBytes" | "commitLatencyMs" | "commitRecords"> {
    const commits = Math.max(this.#commits, 1);
    return {
      commits: this.#commits,
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      commitLatencyMs: { last: this.#latencyLast, mean: this.#latencySum / commits, max: this.#latencyMax },
      commitRecords: { last: this.#recordsLast, mean: this.#records / commits, max: this.#recordsMax },
    };
  }
}
