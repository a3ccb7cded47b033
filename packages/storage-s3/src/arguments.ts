import type { ByteRange } from "@holdfast/storage";
import { invalidArgument, type Failure } from "./errors.js";

/** @throws STORAGE_INVALID_ARGUMENT unless offset and length are integers from 0 on. */
export function checkRange(range: ByteRange | undefined, failure: Failure): void {
  if (range === undefined || (isSize(range.offset) && isSize(range.length))) return;
  throw invalidArgument("offset and length of a range must be integers from 0 on", failure);
}

/** @throws STORAGE_INVALID_ARGUMENT unless all of the range has room in `into`. */
export function checkRoom(into: Uint8Array | undefined, range: ByteRange | undefined, failure: Failure): void {
  if (into === undefined || into.byteLength >= (range?.length ?? Infinity)) return;
  throw invalidArgument("into needs a range, and at least its length", failure);
}

/** @throws STORAGE_INVALID_ARGUMENT unless `value` is an integer from `min` to `max`. The message calls it by its name. */
export function checkBetween(name: string, value: number, min: number, max: number, failure: Failure): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalidArgument(`${name} must be an integer from ${min} to ${max}`, failure);
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
