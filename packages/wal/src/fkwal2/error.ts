import { WalError, type WalErrorDetails } from "../errors.js";

/**
 * Codes of {@link Fkwal2Error}; FKWAL2.md says what to do about each.
 *
 * - `WAL_CORRUPT`: bytes of the file are damaged, or entries were appended behind a torn one. Nothing was changed.
 * - `WAL_NOT_A_LOG`: the file begins with something else than the header, or a part of it. Nothing was changed.
 * - `WAL_TOO_LARGE`: an entry is larger than `maxEntryBytes`. Nothing was changed.
 * - `WAL_CONFLICT`: somebody wrote to the file since it was opened, without the lock; `not_applied`.
 * - `WAL_POISONED`: an earlier write failed, and nobody knows what it left; `not_applied`, and `cause` is that failure.
 * - `WAL_READ_FAILED`: the file became shorter while it was read. May be tried again.
 * - `WAL_CLOSED`: the log is closed; `not_applied`.
 * - `WAL_INVALID_ARGUMENT`: an entry that no reader could read, or an option out of its bounds.
 */
export type Fkwal2ErrorCode =
  | "WAL_CORRUPT"
  | "WAL_NOT_A_LOG"
  | "WAL_TOO_LARGE"
  | "WAL_CONFLICT"
  | "WAL_POISONED"
  | "WAL_READ_FAILED"
  | "WAL_CLOSED"
  | "WAL_INVALID_ARGUMENT";

/** Details of a {@link Fkwal2Error}. */
export interface Fkwal2ErrorDetails extends WalErrorDetails {
  /** The frame, counted from 0. */
  readonly frame?: number | undefined;
}

/** An error of a FKWALv2 file. `offset` is where the first bad byte's frame begins, from the start of the file. */
export class Fkwal2Error extends WalError {
  declare readonly code: Fkwal2ErrorCode;
  /** The frame, counted from 0: as many good ones stand before it. */
  readonly frame: number | undefined;

  constructor(code: Fkwal2ErrorCode, message: string, details: Fkwal2ErrorDetails) {
    super(code, message, details);
    this.frame = details.frame;
  }
}
