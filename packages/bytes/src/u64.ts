import { BytesError, requireInteger } from "./errors.js";

/** The largest unsigned 64-bit integer, 2^64 − 1. */
export const MAX_U64 = 0xffff_ffff_ffff_ffffn;

/**
 * Reads an unsigned 64-bit integer in decimal: digits only, no sign, no leading zeros, at most 2^64 − 1.
 *
 * @throws BYTES_OUT_OF_RANGE for anything else.
 */
export function u64FromDecimal(text: string): bigint {
  const value = /^(?:0|[1-9][0-9]{0,19})$/.test(text) ? BigInt(text) : -1n;
  return requireU64("u64FromDecimal", value);
}

/**
 * Writes an unsigned 64-bit integer in decimal, without leading zeros.
 *
 * @throws BYTES_OUT_OF_RANGE unless 0 ≤ value ≤ 2^64 − 1.
 */
export function u64ToDecimal(value: bigint): string {
  return requireU64("u64ToDecimal", value).toString();
}

/**
 * The same integer as a number, exactly.
 *
 * @throws BYTES_OUT_OF_RANGE beyond ±(2^53 − 1), where a number would be rounded.
 */
export function toSafeInteger(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new BytesError("BYTES_OUT_OF_RANGE", `${value.toString()} is beyond 2^53 - 1 and cannot be an exact number`, {
    operation: "toSafeInteger",
  });
}

/**
 * Twenty decimal digits, padded with zeros: the form of numbers in names, in which order of text is order of value.
 *
 * @param value - 0 to 2^64 − 1 as a bigint, or to 2^53 − 1 as a number.
 * @throws BYTES_OUT_OF_RANGE for anything else.
 */
export function decimal20(value: number | bigint): string {
  if (typeof value === "bigint") requireU64("decimal20", value);
  else requireInteger("decimal20", "value", value);
  return String(value).padStart(20, "0");
}

/** The inverse of {@link decimal20}; `undefined` unless `text` is exactly twenty digits with a value up to 2^64 − 1. */
export function parseDecimal20(text: string): bigint | undefined {
  if (!/^[0-9]{20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= MAX_U64 ? value : undefined;
}

/** Answers `value` if it is from 0 to 2^64 − 1, else throws BYTES_OUT_OF_RANGE. */
export function requireU64(operation: string, value: bigint): bigint {
  if (value >= 0n && value <= MAX_U64) return value;
  throw new BytesError("BYTES_OUT_OF_RANGE", "the value is not an integer from 0 to 2^64 - 1", { operation });
}
