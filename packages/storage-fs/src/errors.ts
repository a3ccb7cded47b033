import { isHoldfastError, StorageError, type HoldfastError, type StorageErrorCode, type WriteOutcome } from "@holdfast/storage";

/** What an error is about. */
export interface Failure {
  /** The public operation. */
  readonly operation: string;
  /** A key, a prefix, or a lock file. */
  readonly key?: string | undefined;
  /** For writes. Absent for reads: it decides between STORAGE_READ_FAILED and STORAGE_WRITE_FAILED. */
  readonly outcome?: WriteOutcome | undefined;
  readonly offset?: number | undefined;
}

/** Why something below the operations refuses: becomes a StorageError of the operation that met it. */
export class Refusal extends Error {
  readonly storageCode: StorageErrorCode;

  constructor(storageCode: StorageErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.storageCode = storageCode;
  }
}

/**
 * Turns what the file system threw into a {@link StorageError}, by its `code`. What already is an error of this project stays
 * as it is.
 */
export function toStorageError(cause: unknown, failure: Failure): HoldfastError {
  if (isHoldfastError(cause)) return cause;
  if (cause instanceof Refusal) {
    return storageError(cause.storageCode, `${failure.operation}: ${cause.message}`, { ...failure, cause: cause.cause });
  }
  const system = systemCode(cause);
  const code = CODES.get(system ?? "") ?? (failure.outcome === undefined ? "STORAGE_READ_FAILED" : "STORAGE_WRITE_FAILED");
  const about = failure.key === undefined ? "" : ` ${quote(failure.key)}`;
  return storageError(code, `${failure.operation}${about}: ${EXPLANATIONS[code] ?? "failed"} (${system ?? "unexpected error"})`, {
    ...failure,
    cause,
    retryable: failure.outcome !== "unknown" && (code === "STORAGE_FULL" || system === "EAGAIN" || system === "EINTR"),
  });
}

/** A {@link StorageError} of this backend. */
export function storageError(
  code: StorageErrorCode,
  message: string,
  details: Failure & { readonly cause?: unknown; readonly retryable?: boolean; readonly failedKeys?: readonly string[] },
): StorageError {
  return new StorageError(code, message, { ...details, backend: "fs" });
}

/** The `code` of a system error, for example `"ENOENT"`. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What a call of the file system answers, or `undefined` where it says ENOENT. */
export async function absentIsUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the error says only that there is no room: nothing is broken, and it may pass. */
export function isFull(error: unknown): boolean {
  return CODES.get(systemCode(error) ?? "") === "STORAGE_FULL";
}

/** Whether the error says that the operating system refuses access, or that the medium is read-only. */
export function isDenied(error: unknown): boolean {
  return CODES.get(systemCode(error) ?? "") === "STORAGE_ACCESS_DENIED";
}

/** A key or path in quotation marks, for a message: what is not printable is escaped. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

const CODES: ReadonlyMap<string, StorageErrorCode> = new Map<string, StorageErrorCode>([
  ["ENOSPC", "STORAGE_FULL"],
  ["EDQUOT", "STORAGE_FULL"],
  ["EMFILE", "STORAGE_FULL"],
  ["ENFILE", "STORAGE_FULL"],
  ["EACCES", "STORAGE_ACCESS_DENIED"],
  ["EPERM", "STORAGE_ACCESS_DENIED"],
  ["EROFS", "STORAGE_ACCESS_DENIED"],
  ["ELOOP", "STORAGE_UNSAFE_PATH"],
  ["ENOTDIR", "STORAGE_UNSAFE_PATH"],
  ["EISDIR", "STORAGE_UNSAFE_PATH"],
  ["ENXIO", "STORAGE_UNSAFE_PATH"],
  ["ENAMETOOLONG", "STORAGE_INVALID_KEY"],
  ["ENOTSUP", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
  ["EOPNOTSUPP", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
  ["ENOSYS", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
  ["ENOLCK", "STORAGE_UNSUPPORTED_FILE_SYSTEM"],
]);

const EXPLANATIONS: Partial<Record<StorageErrorCode, string>> = {
  STORAGE_FULL: "no space, quota, inodes or file descriptors left",
  STORAGE_ACCESS_DENIED: "access denied or read-only medium",
  STORAGE_UNSAFE_PATH: "something that is no plain file or directory stands in the path",
  STORAGE_INVALID_KEY: "the path is longer than the file system allows",
  STORAGE_UNSUPPORTED_FILE_SYSTEM: "the file system cannot do this",
};
