import type { ByteRange, StorageError } from "@holdfast/storage";
import { storageError, type Failure } from "./errors.js";

/** @throws STORAGE_INVALID_ARGUMENT unless `root` can be a path and the modes are permission bits. */
export function checkOpening(root: string, fileMode: number, directoryMode: number): void {
  const failure = { operation: "open", outcome: "not_applied" } as const;
  if (typeof root !== "string" || root === "" || root.includes("\0")) throw invalid(failure, "root must be a path");
  for (const mode of [fileMode, directoryMode]) {
    if (!isSize(mode) || mode > 0o777) throw invalid(failure, "modes must be integers from 0 to 0o777");
  }
}

/** @throws STORAGE_INVALID_ARGUMENT unless offset and length are integers from 0 on. */
export function checkRange(range: ByteRange | undefined, failure: Failure): void {
  if (range === undefined || (isSize(range.offset) && isSize(range.length))) return;
  throw invalid(failure, "offset and length of a range must be integers from 0 on");
}

/** @throws STORAGE_INVALID_ARGUMENT unless all of the range has room in `into`. */
export function checkRoom(into: Uint8Array | undefined, range: ByteRange | undefined, failure: Failure): void {
  if (into === undefined || into.byteLength >= (range?.length ?? Infinity)) return;
  throw invalid(failure, "into needs a range, and at least its length");
}

/** @throws STORAGE_INVALID_ARGUMENT unless `value` is an integer from 0 on. The message calls it by its name. */
export function checkSize(name: string, value: number, failure: Failure): void {
  if (!isSize(value)) throw invalid(failure, `${name} must be an integer from 0 on`);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function invalid(failure: Failure, message: string): StorageError {
  return storageError("STORAGE_INVALID_ARGUMENT", `${failure.operation}: ${message}`, failure);
}
