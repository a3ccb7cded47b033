import { crc32c } from "@holdfast/bytes";

import { readI32, readU32 } from "./little-endian.js";

/** What the frames of one segment are checked with; made from the segment's salt by {@link frameCheck}. */
export interface FrameCheck {
  /** First field of every frame of the segment: the low 32 bits of the salt. */
  readonly mark: number;
  /** Checksum of salt and frame offset, which every checksum of the frame at that offset continues. */
  readonly seedAt: (offset: number) => number;
}

/** What the frames of a segment with this salt (8 bytes) are checked with. */
export function frameCheck(salt: Uint8Array): FrameCheck {
  return { mark: readU32(salt, 0), seedAt: createFrameSeed(salt) };
}

/**
 * Seed(o): from a segment's salt (8 bytes), a function from a frame's offset (0 to 2^53 − 1) to the CRC-32C of the 16 bytes
 * `salt ‖ u64 offset`. A frame is therefore valid at one offset of one segment only. The function allocates nothing.
 */
export function createFrameSeed(salt: Uint8Array): (offset: number) => number {
  const start = ~crc32c(salt, 0);
  return (offset) => ~step(step(start ^ offset) ^ (offset / 0x1_0000_0000)) >>> 0;
}

/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `bytes[from..to)`, continued from `crc`. For the 44 bytes of a frame
 * header: without the view of them that `crc32c` would need, which costs more than the checksum. Answers the 32 bits as a signed
 * integer, which engines pass around without allocating.
 */
export function shortCrc(bytes: Uint8Array, from: number, to: number, crc: number): number {
  let state = ~crc;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    state ^= readI32(bytes, at);
    state =
      (TABLE[1792 + (state & 0xff)] ?? 0) ^
      (TABLE[1536 + ((state >>> 8) & 0xff)] ?? 0) ^
      (TABLE[1280 + ((state >>> 16) & 0xff)] ?? 0) ^
      (TABLE[1024 + (state >>> 24)] ?? 0) ^
      (TABLE[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (TABLE[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (TABLE[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (TABLE[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < to; at += 1) state = (state >>> 8) ^ (TABLE[(state ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~state;
}

/** Four bytes at once. */
function step(word: number): number {
  return (
    (TABLE[768 + (word & 0xff)] ?? 0) ^
    (TABLE[512 + ((word >>> 8) & 0xff)] ?? 0) ^
    (TABLE[256 + ((word >>> 16) & 0xff)] ?? 0) ^
    (TABLE[word >>> 24] ?? 0)
  );
}

/** Eight tables in one array, so that eight bytes are looked up at once ("slicing-by-8", Kounavis and Berry 2005). */
const TABLE = slicingTables();

function slicingTables(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f6_3b78 : 0);
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at += 1) {
    const before = table[at - 256] ?? 0;
    table[at] = (before >>> 8) ^ (table[before & 0xff] ?? 0);
  }
  return table;
}
