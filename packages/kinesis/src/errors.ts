import type { JsonFaultReason } from "@holdfast/bytes/json";
import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link KinesisError}; the README's table says what to do about each. What is wrong with the log is said by the errors of
 * `@holdfast/wal/fkwal2`, what is wrong with the storage by its own.
 *
 * - `KINESIS_INVALID_STATE`: bytes that are no state, or a state that has no bytes; `path`, `reason` and, when reading, `offset`.
 * - `KINESIS_INVALID_RECORD`: bytes that are no record, with `offset`; or a record that has no bytes.
 * - `KINESIS_AMBIGUOUS_TRANSITION`: a stream is being changed, and the state does not say into what; `path`.
 * - `KINESIS_SNAPSHOT_CORRUPT`: `snapshot.bin` is no state; `path`, `reason` and `offset`. Nothing was changed.
 * - `KINESIS_TOO_LARGE`: a snapshot or an entry is larger than `maxStateBytes`. Nothing was changed; when writing `not_applied`.
 * - `KINESIS_RETAINED_LIMIT`: the state would retain more bytes than `maxRetainedBytes`; `not_applied`.
 * - `KINESIS_CHANGED`: somebody wrote to the log since it was read, without the lock; `not_applied`. Or, when loading without the lock, the
 *   snapshot was replaced again and again; `retryable`.
 * - `KINESIS_POISONED`: an earlier write failed, and nobody knows what it left; `not_applied`, and `cause` is that failure.
 * - `KINESIS_CLOSED`: the directory is closed; `not_applied`.
 * - `KINESIS_INVALID_ARGUMENT`: an option out of its stated bounds.
 * - `KINESIS_EVENT_REFUSED`: an event about what is not there; `not_applied`.
 * - `KINESIS_NOT_EMPTY`: something is where a migration was to write; `not_applied`.
 * - `KINESIS_MIGRATION_FAILED`: what a migration has written does not read as what it has read. The source was not changed.
 */
export type KinesisErrorCode =
  | "KINESIS_INVALID_STATE"
  | "KINESIS_INVALID_RECORD"
  | "KINESIS_AMBIGUOUS_TRANSITION"
  | "KINESIS_SNAPSHOT_CORRUPT"
  | "KINESIS_TOO_LARGE"
  | "KINESIS_RETAINED_LIMIT"
  | "KINESIS_CHANGED"
  | "KINESIS_POISONED"
  | "KINESIS_CLOSED"
  | "KINESIS_INVALID_ARGUMENT"
  | "KINESIS_EVENT_REFUSED"
  | "KINESIS_NOT_EMPTY"
  | "KINESIS_MIGRATION_FAILED";

/** What is wrong with bytes or a value. */
export type KinesisFaultReason = JsonFaultReason;

/** Details of a {@link KinesisError}. */
export interface KinesisErrorDetails extends ErrorDetails {
  readonly path?: string | undefined;
  readonly reason?: KinesisFaultReason | undefined;
}

/** An error of this package. */
export class KinesisError extends HoldfastError {
  declare readonly code: KinesisErrorCode;
  /** Where in the state: `streams[0].shards[1].ShardId`, `""` for all of it. Entries of maps by position, since keys are data. */
  readonly path: string | undefined;
  readonly reason: KinesisFaultReason | undefined;

  constructor(code: KinesisErrorCode, message: string, details: KinesisErrorDetails) {
    super(code, message, details);
    this.path = details.path;
    this.reason = details.reason;
  }
}
