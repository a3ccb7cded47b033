/**
 * Indexes and offsets as litestream writes them: hexadecimal, exact up to 2^63 − 1. They are bigints here, since a number would
 * round the upper half of them.
 */
import { invalidArgument } from "./errors.js";

/** The largest index and offset of any layout: 2^63 − 1. */
export const MAX_POSITION_NUMBER: bigint = (1n << 63n) - 1n;

/** Sixteen hexadecimal digits. @throws REPLICA_INVALID_ARGUMENT unless 0 ≤ index < 2^63. */
export function formatIndex(index: bigint): string {
  return hex(requirePositionNumber("formatIndex", "index", index), 16);
}

/** Sixteen hexadecimal digits. @throws REPLICA_INVALID_ARGUMENT unless 0 ≤ offset < 2^63. */
export function formatOffset(offset: bigint): string {
  return hex(requirePositionNumber("formatOffset", "offset", offset), 16);
}

/**
 * Reads an index: hexadecimal digits of either case, any number of leading zeros, below 2^63.
 *
 * @throws REPLICA_INVALID_ARGUMENT.
 */
export function parseIndex(text: string): bigint {
  return parse("parseIndex", "index", text);
}

/** As {@link parseIndex}, for an offset. */
export function parseOffset(text: string): bigint {
  return parse("parseOffset", "offset", text);
}

/** Lower-case hexadecimal, padded with zeros to `digits`; longer where the value is larger. */
export function hex(value: bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** Answers `value` if it is from 0 to 2^63 − 1, else throws REPLICA_INVALID_ARGUMENT. */
function requirePositionNumber(operation: string, name: string, value: bigint): bigint {
  if (value >= 0n && value <= MAX_POSITION_NUMBER) return value;
  throw invalidArgument(operation, `${name} is ${value.toString()}; it must be from 0 to 2^63 - 1`);
}

function parse(operation: string, name: string, text: string): bigint {
  const digits = /^0*([0-9a-fA-F]{1,16})$/.exec(text)?.[1];
  if (digits === undefined) throw invalidArgument(operation, `cannot parse ${name}: ${JSON.stringify(text)}`);
  const value = BigInt(`0x${digits}`);
  if (value > MAX_POSITION_NUMBER) throw invalidArgument(operation, `${name} too large: ${JSON.stringify(text)}`);
  return value;
}
