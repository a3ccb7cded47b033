import { ENTRY_START, hasAt, LENGTH_BYTES, MAGIC } from "./bytes.js";

/** What became of a payload: a value, or why it is no entry. */
export type Fkwal2Decoded<T> = { readonly value: T } | { readonly error: Error };

/**
 * Decodes a payload. The format has no checksum: what this refuses is all that tells a damaged entry from a good one. The bytes
 * are a view of the file. Called once for each complete frame, and for what may be one behind damage.
 */
export type Fkwal2Decode<T> = (payload: Uint8Array) => Fkwal2Decoded<T>;

/** An entry and where it stands. */
export interface Fkwal2Frame<T> {
  /** Where its length begins, in bytes from the start of the file. */
  readonly offset: number;
  /** A view of the file. */
  readonly payload: Uint8Array;
  readonly value: T;
}

/**
 * What lies behind the good frames.
 *
 * - `clean`: nothing.
 * - `torn`: what an interrupted write left, or space that was never written. It was never acknowledged; a writer cuts it off.
 * - `damaged`: something that nobody's interrupted write leaves, at `offset`, where frame number `frame` would begin. A writer
 *   must not go on, or what stands behind it would be lost. `cause`: why the frame is no entry, if it is complete.
 * - `foreign`: the file does not begin with the header or a part of it.
 */
export type Fkwal2Tail =
  | { readonly kind: "clean" }
  | { readonly kind: "torn"; readonly discardedBytes: number }
  | { readonly kind: "damaged"; readonly frame: number; readonly offset: number; readonly cause: Error | undefined }
  | { readonly kind: "foreign" };

/** What a file holds. */
export interface Fkwal2Scan<T> {
  /** The entries in order, up to the first bytes that are none. */
  readonly frames: readonly Fkwal2Frame<T>[];
  /** Where the good frames end: the header counts, a torn or foreign one does not. */
  readonly validBytes: number;
  readonly tail: Fkwal2Tail;
  /** Entries found behind damage, or behind a foreign header, in order. */
  readonly salvaged: readonly Fkwal2Frame<T>[];
}

/**
 * Reads a FKWALv2 file: the header, then frames of a length and a payload. Total: whatever the bytes, it answers, and allocates
 * nothing because of a length in them. The format is that of ferrokinesis 0.7.0, `src/persistence.rs`; what is torn and what is
 * damaged is decided as FKWAL2.md says.
 *
 * @param bytes - The whole file; an absent one is an empty one.
 */
export function scanFkwal2<T>(bytes: Uint8Array, decode: Fkwal2Decode<T>): Fkwal2Scan<T> {
  if (bytes.length === 0) return { frames: [], validBytes: 0, tail: { kind: "clean" }, salvaged: [] };
  if (!hasAt(bytes, MAGIC, 0)) return scanWithoutHeader(bytes, decode);
  const frames: Fkwal2Frame<T>[] = [];
  for (let offset = MAGIC.length; ; ) {
    const found = frameAt(bytes, offset, decode);
    if (!("payload" in found)) return { frames, validBytes: offset, ...judgeTail(bytes, offset, frames.length, found, decode) };
    frames.push(found);
    offset = endOf(found);
  }
}

/** Why there is no entry at an offset: the file ends before it does, or it is whole and does not decode. */
type NoFrame = { readonly missing: "end" } | { readonly missing: "entry"; readonly error: Error };

type Judged<T> = Pick<Fkwal2Scan<T>, "tail" | "salvaged">;

function judgeTail<T>(bytes: Uint8Array, offset: number, frame: number, found: NoFrame, decode: Fkwal2Decode<T>): Judged<T> {
  const discardedBytes = bytes.length - offset;
  if (discardedBytes === 0) return { tail: { kind: "clean" }, salvaged: [] };
  const torn = { tail: { kind: "torn", discardedBytes }, salvaged: [] } as const;
  if (isAllZero(bytes, offset)) return torn; // Blocks that were allocated and never written.
  const salvaged = search(bytes, offset, decode);
  if (found.missing === "end" && salvaged.length === 0) return torn;
  const cause = found.missing === "entry" ? found.error : undefined;
  return { tail: { kind: "damaged", frame, offset, cause }, salvaged };
}

/** A part of the header and nothing else is torn. A part of it and an entry is damage: somebody appended behind a torn header. */
function scanWithoutHeader<T>(bytes: Uint8Array, decode: Fkwal2Decode<T>): Fkwal2Scan<T> {
  const nothing = { frames: [], validBytes: 0 };
  let matching = 0;
  while (matching < bytes.length && bytes[matching] === MAGIC[matching]) matching += 1;
  if (matching === bytes.length) return { ...nothing, tail: { kind: "torn", discardedBytes: bytes.length }, salvaged: [] };
  const salvaged = search(bytes, 0, decode);
  const appended = salvaged[0] !== undefined && salvaged[0].offset >= 1 && salvaged[0].offset <= matching;
  return { ...nothing, tail: appended ? { kind: "damaged", frame: 0, offset: 0, cause: undefined } : { kind: "foreign" }, salvaged };
}

/**
 * Looks for entries from `from` on: the beginning of a payload, whose length stands before it, fits into the file, and covers
 * what decodes. Linear in effect: the length of a candidate has zero bytes, which no payload may have, so that a candidate's
 * decoding ends at the next candidate's length at the latest.
 */
function search<T>(bytes: Uint8Array, from: number, decode: Fkwal2Decode<T>): readonly Fkwal2Frame<T>[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Fkwal2Frame<T>[] = [];
  let at = haystack.indexOf(ENTRY_START, from + LENGTH_BYTES);
  while (at >= 0) {
    const frame = frameAt(bytes, at - LENGTH_BYTES, decode);
    if ("payload" in frame) found.push(frame);
    const next = "payload" in frame ? endOf(frame) + LENGTH_BYTES : at + ENTRY_START.length;
    at = haystack.indexOf(ENTRY_START, next);
  }
  return found;
}

function frameAt<T>(bytes: Uint8Array, offset: number, decode: Fkwal2Decode<T>): Fkwal2Frame<T> | NoFrame {
  const start = offset + LENGTH_BYTES;
  if (start > bytes.length) return { missing: "end" };
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, LENGTH_BYTES);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true); // Rounded above 2^53, and then far too large anyway.
  if (length > bytes.length - start) return { missing: "end" };
  const payload = bytes.subarray(start, start + length);
  const decoded = decode(payload);
  return "value" in decoded ? { offset, payload, value: decoded.value } : { missing: "entry", error: decoded.error };
}

function endOf(frame: Fkwal2Frame<unknown>): number {
  return frame.offset + LENGTH_BYTES + frame.payload.length;
}

function isAllZero(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
