import { crc32cPure } from "./crc32c-pure.js";
import { BytesError } from "./errors.js";

/**
 * A function that computes CRC-32C: of `bytes`, of any length and at any place in memory, continued from the CRC `initial` of what
 * comes before them, 0 at the beginning. Both CRCs are unsigned 32-bit integers.
 */
export type Crc32c = (bytes: Uint8Array, initial: number) => number;

/** The ASCII digits 1 to 9, of which the check value by which a CRC is known is computed. */
export const CHECK_INPUT: Uint8Array = Uint8Array.of(0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39);
/** The CRC-32C of {@link CHECK_INPUT}. */
export const CHECK_VALUE = 0xe3069283;

/**
 * Compares a function with the pure one: over the check value, and over pieces of many lengths, aligned in memory and not, each by
 * itself and continued from the piece before it.
 *
 * @throws BytesError BYTES_INVALID_IMPLEMENTATION with the first call that failed.
 */
export function requireCrc32c(implementation: Crc32c): void {
  requireAnswer(implementation, CHECK_INPUT, 0, CHECK_VALUE);
  const bytes = variedBytes(LENGTHS.reduce((sum, length) => sum + length));
  let at = 0;
  let crcBefore = 0;
  for (const length of LENGTHS) {
    const piece = bytes.subarray(at, at + length);
    requireAnswer(implementation, piece, 0, crc32cPure(piece));
    const crc = crc32cPure(piece, crcBefore);
    requireAnswer(implementation, piece, crcBefore, crc);
    at += length;
    crcBefore = crc;
  }
}

/** Around the words, blocks and pieces in which implementations work. One after the other they begin at words and inside them. */
const LENGTHS: readonly number[] = [0, 1, 7, 8, 9, 63, 64, 208, 255, 256, 1023, 0, 4097, 16_640, 65_537];

/** Bytes in which all values occur and no two places look alike: those of a linear congruential generator (Numerical Recipes). */
export function variedBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function requireAnswer(implementation: Crc32c, bytes: Uint8Array, initial: number, expected: number): void {
  const call = `of ${bytes.length} bytes at byte offset ${bytes.byteOffset} of their buffer, continued from ${initial}`;
  let answer: unknown;
  try {
    answer = implementation(bytes, initial);
  } catch (cause) {
    throw new BytesError("BYTES_INVALID_IMPLEMENTATION", `the function failed to compute the CRC-32C ${call}`, { operation: OPERATION, cause });
  }
  if (answer === expected) return;
  const answered = typeof answer === "number" ? answer : `a value of type ${typeof answer}`;
  throw new BytesError("BYTES_INVALID_IMPLEMENTATION", `the function answered ${answered} and not ${expected} for the CRC-32C ${call}`, { operation: OPERATION });
}

const OPERATION = "useCrc32c";
