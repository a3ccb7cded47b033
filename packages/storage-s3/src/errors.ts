import type { HttpPortError } from "@holdfast/storage/ports";
import { isHoldfastError, StorageError, type HoldfastError, type StorageErrorCode, type WriteOutcome } from "@holdfast/storage";

/** The `backend` of every error of this package. */
export const BACKEND_NAME = "s3";

/** What an error is about. */
export interface Failure {
  /** The public operation. */
  readonly operation: string;
  /** A key or a prefix. */
  readonly key?: string | undefined;
  /** For writes. Absent for reads: it decides between STORAGE_READ_FAILED and STORAGE_WRITE_FAILED. */
  readonly outcome?: WriteOutcome | undefined;
}

/** Details of a {@link RequestFailure}. */
export interface RequestFailureDetails {
  /** The store's word for it, such as `"SlowDown"`, or one of ours, such as `"NoAnswer"`. */
  readonly code: string;
  /** Of the response, where there was one. */
  readonly status?: number | undefined;
  /** Whether the store may have acted on the request, or may yet. */
  readonly outcome: WriteOutcome;
  /** Whether another attempt may go better. */
  readonly transient: boolean;
  /** How long the store asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** The store's name for the exchange, for its support. */
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/** What went wrong with one request. Becomes a StorageError where the operation is known. */
export class RequestFailure extends Error {
  readonly code: string;
  readonly status: number | undefined;
  readonly outcome: WriteOutcome;
  readonly transient: boolean;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;

  constructor(message: string, details: RequestFailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "RequestFailure";
    this.code = details.code;
    this.status = details.status;
    this.outcome = details.outcome;
    this.transient = details.transient;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
  }
}

/** A failure that another attempt may not meet and that left nothing behind: an answer that cannot be believed. */
export function badAnswer(message: string, cause?: unknown): RequestFailure {
  return new RequestFailure(message, { code: "BadAnswer", outcome: "unknown", transient: true, cause });
}

/** The same failure, which another attempt may not meet. */
export function asTransient(failure: RequestFailure, cause?: unknown): RequestFailure {
  const { message, code, status, outcome, retryAfterMs, requestId } = failure;
  return new RequestFailure(message, { code, status, outcome, transient: true, retryAfterMs, requestId, cause });
}

/** A failure of the connection. */
export function noAnswer(error: HttpPortError): RequestFailure {
  return new RequestFailure(`no answer: ${error.message}`, { code: "NoAnswer", outcome: error.outcome, transient: true, cause: error });
}

/**
 * Turns what a request threw into a {@link StorageError}. What already is an error of this project stays as it is.
 *
 * @param failure - `outcome`, where there is one, is the worst of the attempts before; that of `cause` is added to it.
 */
export function toStorageError(cause: unknown, failure: Failure): HoldfastError {
  if (isHoldfastError(cause)) return cause;
  const request = cause instanceof RequestFailure ? cause : undefined;
  const outcome = failure.outcome === undefined ? undefined : worst(failure.outcome, request?.outcome ?? "not_applied");
  const code = codeOf(request) ?? (outcome === undefined ? "STORAGE_READ_FAILED" : "STORAGE_WRITE_FAILED");
  const what = request?.message ?? "unexpected error";
  return storageError(code, what, { ...failure, outcome, cause, retryable: request?.transient ?? false });
}

/** A {@link StorageError} of this backend; the message begins with operation and key. */
export function storageError(
  code: StorageErrorCode,
  what: string,
  details: Failure & { readonly cause?: unknown; readonly retryable?: boolean; readonly failedKeys?: readonly string[] },
): StorageError {
  const about = details.key === undefined ? "" : ` ${details.key}`;
  return new StorageError(code, `${details.operation}${about}: ${what}`, { ...details, backend: BACKEND_NAME });
}

/** @throws Always: STORAGE_INVALID_ARGUMENT. */
export function invalidArgument(what: string, failure: Failure): StorageError {
  return storageError("STORAGE_INVALID_ARGUMENT", what, failure);
}

function worst(one: WriteOutcome, other: WriteOutcome): WriteOutcome {
  return one === "unknown" ? one : other;
}

function codeOf(request: RequestFailure | undefined): StorageErrorCode | undefined {
  if (request === undefined) return undefined;
  if (FULL_CODES.has(request.code) || request.status === 507) return "STORAGE_FULL";
  if (request.code === "EntityTooLarge" || request.status === 413) return "STORAGE_TOO_LARGE";
  if (request.status === 401 || request.status === 403 || request.code === "NoCredentials") return "STORAGE_ACCESS_DENIED";
  return undefined;
}

/** What stores answer that are full or at a quota; S3 itself never is. */
const FULL_CODES: ReadonlySet<string> = new Set(["XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"]);
