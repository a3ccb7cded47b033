/**
 * Little-endian integers at a place in a byte array, without a view object per call. Bytes that are not there read as zero;
 * callers check lengths.
 */

/** Unsigned 32-bit integer at `at`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return readI32(bytes, at) >>> 0;
}

/** The same 32 bits as a signed integer, which is what checksum arithmetic works on. */
export function readI32(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** Unsigned 64-bit integer at `at` if it is at most 2^53 − 1, else −1. */
export function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at + 4);
  return high > 0x1f_ffff ? -1 : high * TWO_TO_32 + readU32(bytes, at);
}

/** Writes `value` (0 to 2^32 − 1) at `at`. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Writes `value` (0 to 2^53 − 1) as 64 bits at `at`. */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value >>> 0);
  writeU32(bytes, at + 4, Math.floor(value / TWO_TO_32));
}

const TWO_TO_32 = 0x1_0000_0000;
