import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link SnapshotError}; the README's table says what to do about each.
 *
 * - `SNAPSHOT_CORRUPT`: bytes of a snapshot are damaged; `key` and `offset` say where. Nothing was changed.
 * - `SNAPSHOT_UNSUPPORTED_VERSION`: written by a newer version of the format. Nothing was changed.
 * - `SNAPSHOT_AHEAD_OF_LOG`: the log ends before a snapshot that was made of it: the log has lost what was durable.
 * - `SNAPSHOT_GAP`: the log begins behind what the newest readable snapshot needs: events between the two are missing.
 * - `SNAPSHOT_OF_ANOTHER_LOG`: the newest readable snapshot was made of another log than the one beside it.
 * - `SNAPSHOT_INVALID_ARGUMENT`: an option or argument out of its stated bounds; `not_applied`.
 * - `SNAPSHOT_WORKER_FAILED`: the worker that builds a snapshot could not; commits go on.
 * - `STATE_EVENT_REJECTED`: the reducer refused the event; nothing was written.
 * - `STATE_CONFLICT`: a commit that this one was built on was not written, and so neither was this one. May be tried again.
 * - `STATE_CODEC_FAILED`: a codec refused an event or state, or stored bytes of one; `seq` says which.
 * - `STATE_REPLAY_FAILED`: the reducer or a migration refused a stored event; `seq` says which. Nothing was changed.
 * - `STATE_UNSUPPORTED_VERSION`: a stored event or state has another version than this program's, and no way to migrate it.
 * - `STATE_CLOSED`: the store is closed; `not_applied`.
 */
export type SnapshotErrorCode =
  | "SNAPSHOT_CORRUPT"
  | "SNAPSHOT_UNSUPPORTED_VERSION"
  | "SNAPSHOT_AHEAD_OF_LOG"
  | "SNAPSHOT_GAP"
  | "SNAPSHOT_OF_ANOTHER_LOG"
  | "SNAPSHOT_INVALID_ARGUMENT"
  | "SNAPSHOT_WORKER_FAILED"
  | "STATE_EVENT_REJECTED"
  | "STATE_CONFLICT"
  | "STATE_CODEC_FAILED"
  | "STATE_REPLAY_FAILED"
  | "STATE_UNSUPPORTED_VERSION"
  | "STATE_CLOSED";

/** Details of a {@link SnapshotError}. */
export interface SnapshotErrorDetails extends ErrorDetails {
  /** The event's sequence number, or that of a snapshot. */
  readonly seq?: number | undefined;
}

/** An error of snapshots and of the state store. Errors of the log and of the storage underneath pass through as they are. */
export class SnapshotError extends HoldfastError {
  declare readonly code: SnapshotErrorCode;
  readonly seq: number | undefined;

  constructor(code: SnapshotErrorCode, message: string, details: SnapshotErrorDetails) {
    super(code, message, details);
    this.seq = details.seq;
  }
}

/** SNAPSHOT_INVALID_ARGUMENT unless `value` is a whole number within the bounds. */
export function requireWholeNumber(operation: string, name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(operation, `${name} is ${String(value)}; it must be a whole number from ${min} to ${max}`);
}

/** SNAPSHOT_INVALID_ARGUMENT, `not_applied`. @param message - What is wrong, and what is allowed. */
export function invalidArgument(operation: string, message: string): SnapshotError {
  return new SnapshotError("SNAPSHOT_INVALID_ARGUMENT", message, { operation, outcome: "not_applied" });
}
