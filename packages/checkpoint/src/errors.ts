import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link CheckpointError}; the README's table says what to do about each.
 *
 * - `CHECKPOINT_MALFORMED`: bytes are no checkpoint state; `offset` says where the read began that failed.
 * - `CHECKPOINT_TOO_LARGE`: a state that its fields cannot hold, or more operators or sources than is allowed.
 * - `CHECKPOINT_INVALID_ARGUMENT`: an option or argument out of its stated bounds; `not_applied`.
 * - `CHECKPOINT_CORRUPT`: a stored checkpoint is damaged, or that of another stream; `key` and `offset` say where. Nothing was changed.
 * - `CHECKPOINT_UNSUPPORTED_VERSION`: written by a newer version of the format. Nothing was changed.
 * - `CHECKPOINT_CONFLICT`: another state is stored under this sequence; nothing was written.
 * - `CHECKPOINT_FENCED`: another owner has taken the stream over. This one saves nothing any more.
 * - `CHECKPOINT_CAPTURE_FAILED`: an operator or source threw while it was captured; see `cause`. Nothing was saved.
 * - `CHECKPOINT_MISMATCH`: a checkpoint and the registered operators and sources do not belong together. Nothing was restored.
 * - `CHECKPOINT_RESTORE_FAILED`: an operator refused its state; see `cause`. Those before it have theirs.
 * - `CHECKPOINT_NOT_RECOVERED`: `recover` has to come before the first event.
 * - `CHECKPOINT_CLOSED`: the store or manager is closed; `not_applied`.
 */
export type CheckpointErrorCode =
  | "CHECKPOINT_MALFORMED"
  | "CHECKPOINT_TOO_LARGE"
  | "CHECKPOINT_INVALID_ARGUMENT"
  | "CHECKPOINT_CORRUPT"
  | "CHECKPOINT_UNSUPPORTED_VERSION"
  | "CHECKPOINT_CONFLICT"
  | "CHECKPOINT_FENCED"
  | "CHECKPOINT_CAPTURE_FAILED"
  | "CHECKPOINT_MISMATCH"
  | "CHECKPOINT_RESTORE_FAILED"
  | "CHECKPOINT_NOT_RECOVERED"
  | "CHECKPOINT_CLOSED";

/** Details of a {@link CheckpointError}. */
export interface CheckpointErrorDetails extends ErrorDetails {
  readonly streamId?: string | undefined;
  readonly sequence?: bigint | undefined;
}

/** An error of checkpoints. Errors of the storage underneath pass through as they are. */
export class CheckpointError extends HoldfastError {
  declare readonly code: CheckpointErrorCode;
  readonly streamId: string | undefined;
  readonly sequence: bigint | undefined;

  constructor(code: CheckpointErrorCode, message: string, details: CheckpointErrorDetails) {
    super(code, message, details);
    this.streamId = details.streamId;
    this.sequence = details.sequence;
  }
}

/** CHECKPOINT_INVALID_ARGUMENT for a call that changed nothing; `message` names the argument and its bounds. */
export function invalidArgument(operation: string, message: string): CheckpointError {
  return new CheckpointError("CHECKPOINT_INVALID_ARGUMENT", message, { operation, outcome: "not_applied" });
}

/** CHECKPOINT_INVALID_ARGUMENT unless `value` is a whole number within the bounds. */
export function requireWholeNumber(operation: string, name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(operation, `${name} is ${String(value)}; it must be a whole number from ${min} to ${max}`);
}

/** CHECKPOINT_INVALID_ARGUMENT unless `value` is a bigint from 0 to 2^64 − 1. */
export function requireU64(operation: string, name: string, value: bigint): bigint {
  if (typeof value === "bigint" && BigInt.asUintN(64, value) === value) return value;
  throw invalidArgument(operation, `${name} is ${String(value)}; it must be a bigint from 0 to 2^64 - 1`);
}
