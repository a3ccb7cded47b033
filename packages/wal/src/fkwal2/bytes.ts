/** The first bytes of every file: "FKWALv2" and a line feed. */
export const MAGIC: Uint8Array = Uint8Array.of(0x46, 0x4b, 0x57, 0x41, 0x4c, 0x76, 0x32, 0x0a);

/** Bytes of a frame's length, which stands before its payload. */
export const LENGTH_BYTES = 8;

/**
 * How every payload begins that an implementation has written: `{"Snapshot":`. A payload is JSON whose texts escape the quote
 * and whose byte strings are numbers, so these bytes stand nowhere else in it.
 */
export const ENTRY_START: Uint8Array = new TextEncoder().encode('{"Snapshot":');

/** Whether `bytes` has `part` at `offset`. */
export function hasAt(bytes: Uint8Array, part: Uint8Array, offset: number): boolean {
  return offset + part.length <= bytes.length && part.every((byte, index) => bytes[offset + index] === byte);
}
