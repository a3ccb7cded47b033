import { ENTRY_START, hasAt, LENGTH_BYTES, MAGIC } from "./bytes.js";
import { Fkwal2Error } from "./error.js";

/** What became of a payload: a value, or why it is no entry. */
export type Fkwal2Decoded<T> = { readonly value: T } | { readonly error: Error };

/**
 * Decodes a payload. The format has no checksum: what this refuses is all that tells a damaged entry from a good one. The bytes
 * are a view of the file. Called once for each complete frame, and for what may be one behind damage. Payloads are JSON; behind
 * damage, what has a zero byte in it is not even offered.
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

/** Bytes that a walk wants to see: from `offset`, at least and at most so many. Never beyond the end of the file. */
export interface WantedBytes {
  readonly offset: number;
  readonly atLeast: number;
  readonly atMost: number;
}

/** A walk through a file. It asks for bytes and never reads them itself, so that one algorithm serves memory and storage. */
export type Walk<R> = Generator<WantedBytes, R, Uint8Array>;

/** What is walked through, and what is done on the way. */
export interface WalkOptions<T> {
  readonly fileBytes: number;
  readonly decode: Fkwal2Decode<T>;
  /** A frame whose length is greater, and fits into the file, ends the walk: WAL_TOO_LARGE. */
  readonly maxEntryBytes: number;
  /** The file's name, for that error. */
  readonly key?: string | undefined;
  /** Called for each entry in the order of the file; `salvaged`: it was found behind damage, or behind a foreign header. */
  readonly visit: (frame: Fkwal2Frame<T>, salvaged: boolean) => void;
}

/** What a walk found, beside the entries. */
export interface Walked {
  /** How many entries stand before the first bytes that are none. */
  readonly frames: number;
  /** How many were found behind them. */
  readonly salvaged: number;
  /** Where the good frames end: the header counts, a torn or foreign one does not. */
  readonly validBytes: number;
  readonly tail: Fkwal2Tail;
}

/**
 * Walks through a FKWALv2 file: the header, then frames of a length and a payload, then what lies behind the last good one, which is
 * judged as FKWAL2.md says. Whatever the bytes, it answers, and asks for nothing because of a length that the file cannot hold.
 *
 * Each byte is asked for a few times at most: a candidate behind damage is read only up to its first zero byte, and two that have
 * none cannot overlap, since the length of the second one has zeros.
 */
export function* walkFkwal2<T>(options: WalkOptions<T>): Walk<Walked> {
  const { fileBytes, visit } = options;
  if (fileBytes === 0) return { frames: 0, salvaged: 0, validBytes: 0, tail: { kind: "clean" } };
  const header = yield exactly(0, Math.min(MAGIC.length, fileBytes));
  if (!hasAt(header, MAGIC, 0)) return yield* walkWithoutHeader(options, header);
  for (let offset = MAGIC.length, frames = 0; ; frames++) {
    const found = yield* frameAt(options, offset, frames);
    if (!("payload" in found)) return { frames, validBytes: offset, ...(yield* judgeTail(options, offset, frames, found)) };
    visit(found, false);
    offset = endOf(found);
  }
}

/** Why there is no entry at an offset: the file ends before it does, or it is whole and does not decode. */
type NoFrame = { readonly missing: "end" } | { readonly missing: "entry"; readonly error: Error };

type Judged = Pick<Walked, "tail" | "salvaged">;

/** As much as is asked for at once where any number of bytes will do. */
const WINDOW_BYTES = 2 ** 20;

function* judgeTail<T>(options: WalkOptions<T>, offset: number, frame: number, found: NoFrame): Walk<Judged> {
  const discardedBytes = options.fileBytes - offset;
  if (discardedBytes === 0) return { tail: { kind: "clean" }, salvaged: 0 };
  const torn: Judged = { tail: { kind: "torn", discardedBytes }, salvaged: 0 };
  if (yield* isAllZero(offset, options.fileBytes)) return torn; // Blocks that were allocated and never written.
  const { salvaged } = yield* search(options, offset, frame);
  if (found.missing === "end" && salvaged === 0) return torn;
  const cause = found.missing === "entry" ? found.error : undefined;
  return { tail: { kind: "damaged", frame, offset, cause }, salvaged };
}

/** A part of the header and nothing else is torn. A part of it and an entry is damage: somebody appended behind a torn header. */
function* walkWithoutHeader<T>(options: WalkOptions<T>, header: Uint8Array): Walk<Walked> {
  const { fileBytes } = options;
  const nothing = { frames: 0, validBytes: 0 };
  let matching = 0;
  while (matching < header.length && header[matching] === MAGIC[matching]) matching += 1;
  if (matching === fileBytes) return { ...nothing, salvaged: 0, tail: { kind: "torn", discardedBytes: fileBytes } };
  const { salvaged, firstOffset } = yield* search(options, 0, 0);
  const appended = firstOffset !== undefined && firstOffset >= 1 && firstOffset <= matching;
  return { ...nothing, salvaged, tail: appended ? { kind: "damaged", frame: 0, offset: 0, cause: undefined } : { kind: "foreign" } };
}

/**
 * Looks for entries from `from` on: the beginning of a payload, whose length stands before it, fits into the file, and covers
 * what decodes.
 */
function* search<T>(options: WalkOptions<T>, from: number, frame: number): Walk<{ readonly salvaged: number; readonly firstOffset: number | undefined }> {
  const { fileBytes, visit } = options;
  let salvaged = 0;
  let firstOffset: number | undefined;
  for (let at = from + LENGTH_BYTES; at + ENTRY_START.length <= fileBytes; ) {
    const window = yield { offset: at, atLeast: ENTRY_START.length, atMost: Math.min(WINDOW_BYTES, fileBytes - at) };
    const index = indexOf(window, ENTRY_START);
    if (index < 0) {
      at += window.length - ENTRY_START.length + 1; // Its first bytes may be the last ones of the window.
      continue;
    }
    const start = at + index;
    const found = yield* candidateAt(options, start - LENGTH_BYTES, frame + salvaged);
    at = start + ENTRY_START.length;
    if (found === undefined) continue;
    visit(found, true);
    firstOffset ??= found.offset;
    salvaged += 1;
    at = endOf(found) + LENGTH_BYTES;
  }
  return { salvaged, firstOffset };
}

/** The entry at an offset where one may be. JSON has no zero bytes; so what has is not read further. */
function* candidateAt<T>(options: WalkOptions<T>, offset: number, frame: number): Walk<Fkwal2Frame<T> | undefined> {
  const end = yield* endAt(options.fileBytes, offset);
  if (end === undefined || (yield* hasZero(offset + LENGTH_BYTES, end))) return undefined;
  const found = yield* frameAt(options, offset, frame);
  return "payload" in found ? found : undefined;
}

function* frameAt<T>(options: WalkOptions<T>, offset: number, frame: number): Walk<Fkwal2Frame<T> | NoFrame> {
  const end = yield* endAt(options.fileBytes, offset);
  if (end === undefined) return { missing: "end" };
  const start = offset + LENGTH_BYTES;
  if (end - start > options.maxEntryBytes) {
    const message = `frame ${frame} of ${options.key ?? "the log"}, at offset ${offset}, has ${end - start} bytes, more than ${options.maxEntryBytes}`;
    throw new Fkwal2Error("WAL_TOO_LARGE", message, { operation: "readFkwal2Log", key: options.key, frame, offset });
  }
  const payload = end === start ? NO_BYTES : yield exactly(start, end - start);
  const decoded = options.decode(payload);
  return "value" in decoded ? { offset, payload, value: decoded.value } : { missing: "entry", error: decoded.error };
}

/** Where the frame at an offset ends by its length; `undefined` if that is behind the end of the file. */
function* endAt(fileBytes: number, offset: number): Walk<number | undefined> {
  const start = offset + LENGTH_BYTES;
  if (start > fileBytes) return undefined;
  const bytes = yield exactly(offset, LENGTH_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true); // Rounded above 2^53, and then far too large anyway.
  return length > fileBytes - start ? undefined : start + length;
}

function* isAllZero(from: number, end: number): Walk<boolean> {
  for (let at = from; at < end; ) {
    const window = yield { offset: at, atLeast: 1, atMost: Math.min(WINDOW_BYTES, end - at) };
    if (window.some((byte) => byte !== 0)) return false;
    at += window.length;
  }
  return true;
}

function* hasZero(from: number, end: number): Walk<boolean> {
  for (let at = from; at < end; ) {
    const window = yield { offset: at, atLeast: 1, atMost: Math.min(WINDOW_BYTES, end - at) };
    if (window.includes(0)) return true;
    at += window.length;
  }
  return false;
}

const NO_BYTES = new Uint8Array();

function exactly(offset: number, bytes: number): WantedBytes {
  return { offset, atLeast: bytes, atMost: bytes };
}

function endOf(frame: Fkwal2Frame<unknown>): number {
  return frame.offset + LENGTH_BYTES + frame.payload.length;
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(part);
}
