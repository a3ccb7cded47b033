import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link ReplicaError}; the README's table says what to do about each.
 *
 * - `REPLICA_NOT_FOUND`: there is no such snapshot or WAL segment.
 * - `REPLICA_CONFLICT`: at this position there is an object with other content. Nothing was replaced.
 * - `REPLICA_CORRUPT`: bytes of an object are damaged, or stand where they do not belong; `key` and `offset` say where.
 * - `REPLICA_UNSUPPORTED_VERSION`: written by a newer version of the format. Nothing was changed.
 * - `REPLICA_TOO_LARGE`: an object holds more than the caller allows.
 * - `REPLICA_GAP`: WAL that a restore needs is not there; `position` is the first one that is missing.
 * - `REPLICA_FENCED`: another replicator has taken the generation over. This one writes nothing more.
 * - `REPLICA_SOURCE_CHANGED`: the log that is replicated was replaced by another one, or has lost what was replicated already.
 * - `REPLICA_TARGET_NOT_EMPTY`: where a log was to be restored something is; nothing was changed.
 * - `REPLICA_CLOSED`: the replicator was closed.
 * - `REPLICA_OBJECT_GONE`: an object was removed while it was being restored from. A newer snapshot has taken its place.
 * - `REPLICA_GENERATION_MISMATCH`: two positions, or a segment and an iterator, belong to different generations.
 * - `REPLICA_OUT_OF_ORDER`: a segment that was announced to an iterator does not follow the one before it.
 * - `REPLICA_NO_GENERATION`, `REPLICA_NO_SNAPSHOT`, `REPLICA_NO_WAL_SEGMENT`: there is none of what was asked for.
 * - `REPLICA_INVALID_ARGUMENT`: an option, name or position out of its stated bounds; `not_applied`.
 */
export type ReplicaErrorCode =
  | "REPLICA_NOT_FOUND"
  | "REPLICA_CONFLICT"
  | "REPLICA_CORRUPT"
  | "REPLICA_UNSUPPORTED_VERSION"
  | "REPLICA_TOO_LARGE"
  | "REPLICA_GAP"
  | "REPLICA_FENCED"
  | "REPLICA_SOURCE_CHANGED"
  | "REPLICA_TARGET_NOT_EMPTY"
  | "REPLICA_CLOSED"
  | "REPLICA_OBJECT_GONE"
  | "REPLICA_GENERATION_MISMATCH"
  | "REPLICA_OUT_OF_ORDER"
  | "REPLICA_NO_GENERATION"
  | "REPLICA_NO_SNAPSHOT"
  | "REPLICA_NO_WAL_SEGMENT"
  | "REPLICA_INVALID_ARGUMENT";

/** Details of a {@link ReplicaError}. */
export interface ReplicaErrorDetails extends ErrorDetails {
  /** The position in a replica that the error is about, as `formatPos` writes it. */
  readonly position?: string | undefined;
}

/** An error of a replica. Errors of the log and of the storage underneath pass through as they are. */
export class ReplicaError extends HoldfastError {
  declare readonly code: ReplicaErrorCode;
  readonly position: string | undefined;

  constructor(code: ReplicaErrorCode, message: string, details: ReplicaErrorDetails) {
    super(code, message, details);
    this.position = details.position;
  }
}

/** REPLICA_INVALID_ARGUMENT, `not_applied`. @param message - What is wrong, and what is allowed. */
export function invalidArgument(operation: string, message: string): ReplicaError {
  return new ReplicaError("REPLICA_INVALID_ARGUMENT", message, { operation, outcome: "not_applied" });
}
