import type { FrameCheck } from "./checksum.js";
import { FRAME_HEADER_BYTES, inspectFrameHeader, newFrameHeader, roundUp, type FrameHeader } from "./segment.js";
import { holds, load, type Reading, type View } from "./window.js";

/** What the search behind the end has found. */
export interface Evidence {
  headers: number;
  proven: number;
  contradictory: boolean;
  /** End of the last byte that is not zero, 0 if there is none. */
  nonZeroEnd: number;
}

/**
 * Looks at every eighth byte from `from` on for a frame header, and goes on behind the body of each one found. Whether the
 * bodies fit does not matter: a header states what was durable before it was written.
 */
export function* search(view: View, from: number, check: FrameCheck): Reading<Evidence> {
  const evidence: Evidence = { headers: 0, proven: 0, contradictory: false, nonZeroEnd: 0 };
  const frame = newFrameHeader();
  // Frames start at multiples of 8. Up to 7 bytes of padding before the first carry nothing.
  for (let at = roundUp(from, 8); at < view.fileBytes; ) {
    if (!holds(view, at, Math.min(FRAME_HEADER_BYTES, view.fileBytes - at))) yield* load(view, at);
    at = searchInMemory(view, at, check, frame, evidence);
  }
  return evidence;
}

/** Searches what is in memory from `at` on. Answers where to go on. */
function searchInMemory(view: View, from: number, check: FrameCheck, frame: FrameHeader, evidence: Evidence): number {
  const { bytes, offset } = view;
  const nonZeroEnd = endOfNonZero(bytes, from - offset);
  if (nonZeroEnd > from - offset) evidence.nonZeroEnd = Math.max(evidence.nonZeroEnd, offset + nonZeroEnd);
  // Where only zeros follow there is no header: its kind is not zero.
  const last = Math.min(bytes.length - FRAME_HEADER_BYTES, nonZeroEnd - 1);
  let at = from - offset;
  while (at <= last) {
    const found = findFrameHeader(bytes, at, last, offset, check, frame);
    if (found < 0) break;
    evidence.headers += 1;
    if (inspectFrameHeader(bytes, found, offset + found, check, frame) === "valid") {
      evidence.proven = Math.max(evidence.proven, frame.durableThrough);
      at = roundUp(found + FRAME_HEADER_BYTES + frame.bodyBytes, 8);
      evidence.nonZeroEnd = Math.max(evidence.nonZeroEnd, Math.min(offset + at, view.fileBytes));
    } else {
      evidence.contradictory = true;
      at = found + 8;
    }
  }
  const windowEnd = offset + bytes.length;
  // The last 40 bytes of the window may be the start of a header that the next window shows whole.
  const next = windowEnd === view.fileBytes ? windowEnd : windowEnd - FRAME_HEADER_BYTES + 8;
  return Math.max(next, offset + at);
}

/** Index of the first frame header, valid or contradictory, at `at`, `at + 8` … `last`, else −1. */
function findFrameHeader(bytes: Uint8Array, at: number, last: number, offset: number, check: FrameCheck, into: FrameHeader): number {
  const mark = check.mark;
  if (mark < 0) return -1;
  const low = mark & 0xff;
  for (let index = at; index <= last; index += 8) {
    if (bytes[index] === low && inspectFrameHeader(bytes, index, offset + index, check, into) !== "absent") return index;
  }
  return -1;
}

/** End of the last byte of `bytes[from..]` that is not zero, `from` if all are. */
function endOfNonZero(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && (bytes.byteOffset + end) % 4 !== 0 && bytes[end - 1] === 0) end -= 1;
  if ((bytes.byteOffset + end) % 4 === 0) {
    const first = roundUp(bytes.byteOffset + from, 4) / 4;
    const words = new Int32Array(bytes.buffer, 0, Math.floor((bytes.byteOffset + end) / 4));
    let word = words.length;
    while (word > first && words[word - 1] === 0) word -= 1;
    end = Math.max(from, Math.min(end, word * 4 - bytes.byteOffset));
  }
  while (end > from && bytes[end - 1] === 0) end -= 1;
  return end;
}
