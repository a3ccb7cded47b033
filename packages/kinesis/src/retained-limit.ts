import { KinesisError } from "./errors.js";

/** What counts for the limit. */
interface Retaining {
  readonly retainedBytes: bigint;
}

/** The most that a state may retain, or no limit. */
export class RetainedLimit {
  readonly #maxBytes: bigint | undefined;

  /** @throws KINESIS_INVALID_ARGUMENT unless `maxBytes` is `undefined` or 1 to 2^64 − 1. */
  constructor(maxBytes: bigint | undefined) {
    if (maxBytes !== undefined && (maxBytes < 1n || maxBytes >= 2n ** 64n)) {
      throw new KinesisError("KINESIS_INVALID_ARGUMENT", "maxRetainedBytes must be from 1 to 2^64 - 1", { operation: "open" });
    }
    this.#maxBytes = maxBytes;
  }

  /** @throws KINESIS_RETAINED_LIMIT if `retained` and `added` together are over the limit. */
  checkAdded(retained: bigint, added: bigint): void {
    const limit = this.#maxBytes;
    if (limit === undefined || retained + added <= limit) return;
    // The words of the original, which its clients may know.
    const message = `Retained bytes limit exceeded: ${retained.toString()} + ${added.toString()} > ${limit.toString()}.`;
    throw new KinesisError("KINESIS_RETAINED_LIMIT", message, { operation: "append", outcome: "not_applied" });
  }

  /** Refuses a state over the limit, unless it retains no more than the one before: what is over must be able to shrink. */
  checkState(before: Retaining | undefined, after: Retaining): void {
    const retained = before?.retainedBytes ?? 0n;
    if (after.retainedBytes > retained) this.checkAdded(retained, after.retainedBytes - retained);
  }
}
