/** What is known about a write that failed: it certainly did not happen, or it may have. */
export type WriteOutcome = "not_applied" | "unknown";

/** What every error of this project carries beside its message. */
export interface ErrorDetails {
  /** The public operation that failed, for example `"create"` or `"append"`. */
  readonly operation: string;
  /** The storage key or file the error is about. Never a payload, a credential or a signed URL. */
  readonly key?: string | undefined;
  /** `StorageBackend.name` of the backend, for messages. */
  readonly backend?: string | undefined;
  /** Byte offset within `key`, where there is one. */
  readonly offset?: number | undefined;
  /** Whether the same call may succeed later without anything being repaired. Default false. */
  readonly retryable?: boolean | undefined;
  /** For writes: whether the write may have happened. Absent for reads. */
  readonly outcome?: WriteOutcome | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for("holdfast.error") as never;

/**
 * Base of all Holdfast errors. Recognise one by its `code` with {@link hasCode}, not by `instanceof`: the brand also works
 * where a package is installed twice.
 */
export class HoldfastError extends Error {
  /** Stable, unique over all packages, prefixed by package: `STORAGE_…`, `WAL_…`. */
  readonly code: string;
  readonly operation: string;
  readonly key: string | undefined;
  readonly backend: string | undefined;
  readonly offset: number | undefined;
  readonly retryable: boolean;
  readonly outcome: WriteOutcome | undefined;

  constructor(code: string, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.operation = details.operation;
    this.key = details.key;
    this.backend = details.backend;
    this.offset = details.offset;
    this.retryable = details.retryable ?? false;
    this.outcome = details.outcome;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether `error` is a Holdfast error with this code. Works across duplicate installs of a package.
 *
 * @param error - Anything that was thrown.
 * @param code - The code to compare with, for example `"STORAGE_LOCKED"`.
 */
export function hasCode<Code extends string>(error: unknown, code: Code): error is HoldfastError & { readonly code: Code } {
  return isHoldfastError(error) && error.code === code;
}

/** Whether `error` was made by any Holdfast package, in any copy of it. */
export function isHoldfastError(error: unknown): error is HoldfastError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/**
 * Codes of {@link StorageError}. A code exists only where a caller would act differently; the README's table says how.
 *
 * - `STORAGE_ALREADY_EXISTS`: `create` met an object of that key. It is durable when this is thrown. Outcome `unknown` where an attempt
 *   before was not answered: what it made may have been there, and have been removed.
 * - `STORAGE_NOT_FOUND`: `open` in mode `continue` met no file.
 * - `STORAGE_CLOSED`: the backend, file or lock was closed.
 * - `STORAGE_POISONED`: an earlier write of this handle failed; what it left behind is not known. Open anew.
 * - `STORAGE_FULL`: no space, quota, inodes or file descriptors. `not_applied`; may be tried again.
 * - `STORAGE_TOO_LARGE`: the body is over what the backend can write in one atomic step.
 * - `STORAGE_LOCKED`: another process, thread or handle holds the lock. `key` names the lock file.
 * - `STORAGE_INVALID_KEY`: a key, prefix or id that cannot be a storage name.
 * - `STORAGE_INVALID_ARGUMENT`: an option out of its stated bounds.
 * - `STORAGE_UNSAFE_PATH`: a symbolic link or something else that is no plain file or directory stands inside the root.
 * - `STORAGE_UNSUPPORTED_FILE_SYSTEM`: the file system cannot keep a promise of the contract (locks, links).
 * - `STORAGE_UNSUPPORTED_STORE`: the object store cannot keep a promise of the contract (conditional writes, order of lists).
 * - `STORAGE_ACCESS_DENIED`: the operating system or the store refuses access, or the medium is read-only.
 * - `STORAGE_READ_FAILED`: reading failed below the contract. Says nothing about the data.
 * - `STORAGE_WRITE_FAILED`: writing failed below the contract; see `outcome`.
 * - `STORAGE_REMOVE_FAILED`: some keys could not be removed; see {@link StorageError.failedKeys}.
 */
export type StorageErrorCode =
  | "STORAGE_ALREADY_EXISTS"
  | "STORAGE_NOT_FOUND"
  | "STORAGE_CLOSED"
  | "STORAGE_POISONED"
  | "STORAGE_FULL"
  | "STORAGE_TOO_LARGE"
  | "STORAGE_LOCKED"
  | "STORAGE_INVALID_KEY"
  | "STORAGE_INVALID_ARGUMENT"
  | "STORAGE_UNSAFE_PATH"
  | "STORAGE_UNSUPPORTED_FILE_SYSTEM"
  | "STORAGE_UNSUPPORTED_STORE"
  | "STORAGE_ACCESS_DENIED"
  | "STORAGE_READ_FAILED"
  | "STORAGE_WRITE_FAILED"
  | "STORAGE_REMOVE_FAILED";

/** Details of a {@link StorageError}. */
export interface StorageErrorDetails extends ErrorDetails {
  /** For `STORAGE_REMOVE_FAILED`: the keys that are not known to be removed. */
  readonly failedKeys?: readonly string[] | undefined;
}

/** An error of a storage backend. */
export class StorageError extends HoldfastError {
  declare readonly code: StorageErrorCode;
  /** For `STORAGE_REMOVE_FAILED`: the keys that are not known to be removed; else empty. */
  readonly failedKeys: readonly string[];

  constructor(code: StorageErrorCode, message: string, details: StorageErrorDetails) {
    super(code, message, details);
    this.failedKeys = details.failedKeys ?? [];
  }
}
