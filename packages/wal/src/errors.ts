import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link WalError}; the README's table says what to do about each.
 *
 * - `WAL_CORRUPT`: bytes that were once durable are damaged; `key` and `offset` say where. Nothing was changed.
 * - `WAL_SEGMENT_MISSING`: a segment that the log needs is not there; `key` names it. Nothing was changed.
 * - `WAL_UNSUPPORTED_VERSION`: written by a newer version of the format. Nothing was changed.
 * - `WAL_NOT_A_LOG`: the prefix holds something else, or a log whose restore is not complete. Nothing was changed.
 * - `WAL_READ_FAILED`: the storage could not be read. Says nothing about the data; may be tried again.
 * - `WAL_TRIMMED`: the sequence number asked for is below {@link WalError.firstSeq}.
 * - `WAL_TOO_LARGE`: a record or batch over `maxCommitBytes`; `not_applied`.
 * - `WAL_CONFLICT`: `expectedSeq` was not the next sequence number; `not_applied`.
 * - `WAL_FULL`: sequence numbers have come within 1,048,576 of 2^53, or segment numbers have reached 2^53 − 1; `not_applied`.
 * - `WAL_POISONED`: an earlier write failed. Close, open again, and compare `nextSeq` with the error's `lastSeq`.
 * - `WAL_FENCED`: on object storage another writer has taken the log over. Final for this handle; what it acknowledged is kept.
 * - `WAL_CLOSED`: the log or reader is closed, `not_applied`; or the log was closed under a loop that still had records to read.
 * - `WAL_CODEC_FAILED`: the codec refused a value (`append`: `not_applied`) or a stored record (`read`: `seq` says which).
 * - `WAL_INVALID_ARGUMENT`: an option or argument out of its stated bounds.
 */
export type WalErrorCode =
  | "WAL_CORRUPT"
  | "WAL_SEGMENT_MISSING"
  | "WAL_UNSUPPORTED_VERSION"
  | "WAL_NOT_A_LOG"
  | "WAL_READ_FAILED"
  | "WAL_TRIMMED"
  | "WAL_TOO_LARGE"
  | "WAL_CONFLICT"
  | "WAL_FULL"
  | "WAL_POISONED"
  | "WAL_FENCED"
  | "WAL_CLOSED"
  | "WAL_CODEC_FAILED"
  | "WAL_INVALID_ARGUMENT";

/** Details of a {@link WalError}. */
export interface WalErrorDetails extends ErrorDetails {
  /** `WAL_TRIMMED`: the first sequence number that is kept. A failed commit: the first one it concerns. */
  readonly firstSeq?: number | undefined;
  /** A failed commit: the last sequence number it concerns. */
  readonly lastSeq?: number | undefined;
  /** `WAL_CODEC_FAILED`: the record. `WAL_CONFLICT`: the sequence number that would have been next. */
  readonly seq?: number | undefined;
  /** On object storage: the position in the log that the error is about. */
  readonly position?: number | undefined;
}

/** An error of the write-ahead log. Errors of the storage underneath arrive as `cause`, or as `StorageError` where nothing is to be added. */
export class WalError extends HoldfastError {
  declare readonly code: WalErrorCode;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  readonly seq: number | undefined;
  readonly position: number | undefined;

  constructor(code: WalErrorCode, message: string, details: WalErrorDetails) {
    super(code, message, details);
    this.firstSeq = details.firstSeq;
    this.lastSeq = details.lastSeq;
    this.seq = details.seq;
    this.position = details.position;
  }
}

/** The error of a log among whose objects `restoring.marker` stands, by whoever restores it. */
export function notRestored(key: string): WalError {
  const message = "this log is being restored, or its restore was interrupted; restore it into an empty place again";
  return new WalError("WAL_NOT_A_LOG", message, { operation: "openLog", key });
}
