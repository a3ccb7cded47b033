import { hasCode, isHoldfastError } from "@holdfast/storage";
import { WalError } from "./errors.js";
import type { SeqRange } from "./seq-range.js";

/**
 * The failure that a log ends with. What is on the disk is not known then: the records in `concerned` may be lost or kept. A
 * writer that was fenced knows more: what it was refused is not there, unless an answer was lost before.
 */
export function failureBy(cause: unknown, operation: string, concerned: SeqRange): WalError {
  const at = isHoldfastError(cause) ? { key: cause.key, offset: cause.offset, backend: cause.backend } : {};
  const isFenced = hasCode(cause, "WAL_FENCED");
  const code = isFenced ? "WAL_FENCED" : "WAL_POISONED";
  const message = isFenced ? cause.message : `a write of the log failed; close it, open it again, and compare nextSeq with ${concerned.last}`;
  const outcome = (isFenced ? cause.outcome : undefined) ?? "unknown";
  return new WalError(code, message, { operation, ...at, outcome, firstSeq: concerned.first, lastSeq: concerned.last, cause });
}

/** What every call is answered after that. */
export function refusalAfter(failure: WalError, operation: string): WalError {
  const { code, firstSeq, lastSeq } = failure;
  const message = "an earlier write of the log failed; close it and open it again";
  return new WalError(code, message, { operation, outcome: "not_applied", firstSeq, lastSeq, cause: failure });
}
