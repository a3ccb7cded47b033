/**
 * The body of a commit: its records one after the other, each `u32 length ‖ bytes`. The object log stores the same body.
 */
import { readU32 } from "./little-endian.js";

/** Whether `bytes[bodyStart..bodyEnd)` is there and consists of exactly `recordCount` records. Allocates nothing. */
export function isWholeBody(bytes: Uint8Array, bodyStart: number, bodyEnd: number, recordCount: number): boolean {
  if (bodyEnd > bytes.length) return false;
  let at = bodyStart;
  for (let left = recordCount; left > 0; left -= 1) {
    if (at + LENGTH_BYTES > bodyEnd) return false;
    at += LENGTH_BYTES + readU32(bytes, at);
  }
  return at === bodyEnd;
}

/** Bytes before each record of a body. */
const LENGTH_BYTES = 4;
