/**
 * The bytes of a segment: its header, the headers of its frames, the bodies of `begin` and `trim`, and where frames lie.
 * FORMAT.md has the tables. Little endian; numbers above 2^53 − 1 are refused.
 */
import { crc32c } from "@holdfast/bytes";

import { shortCrc, type FrameCheck } from "./checksum.js";
import { readU32, readU64, writeU32, writeU64 } from "./little-endian.js";

export { frameCheck, type FrameCheck } from "./checksum.js";

/** Bytes of the segment header, the first of the file. */
export const SEGMENT_HEADER_BYTES = 4096;
/** Where the `begin` frame lies, alone in its block. */
export const BEGIN_OFFSET = 4096;
/** Where the first frame after `begin` lies; also the smallest `durableThrough`. */
export const FIRST_FRAME_OFFSET = 8192;
/** Bytes of a frame's header. */
export const FRAME_HEADER_BYTES = 48;
/** Bytes of the body of `trim`. */
export const TRIM_BODY_BYTES = 16;
/** Markers and seals start at a multiple of this, so that no block holds a commit and its only evidence. */
export const BLOCK_BYTES = 4096;
/** The largest frame, header included. */
export const MAX_FRAME_BYTES: number = 16 * 1024 * 1024;
/** The most records in one commit. */
export const MAX_RECORDS_PER_COMMIT = 1_048_576;
/** The largest segment file that is read: 1 GiB, a frame that went beyond it, and 1 MiB of prepared space. */
export const MAX_SEGMENT_FILE_BYTES: number = 1024 * 1024 * 1024 + MAX_FRAME_BYTES + 1024 * 1024;

/** What a frame is. `commit` has records, the others have none. */
export const FrameKind = { commit: 1, begin: 2, marker: 3, seal: 4, trim: 5 } as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** What is known when the file is made. */
export interface SegmentHeader {
  /** 16 bytes: random for each log, equal in all its segments. */
  readonly logId: Uint8Array;
  /** The segment's number, as in the file's name. */
  readonly number: number;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  /** 8 bytes, random for each segment. */
  readonly salt: Uint8Array;
  /** Where commits and trims may start. */
  readonly commitAlignBytes: 8 | 4096;
}

/**
 * - `invalid`: not a header of this segment, or a damaged one.
 * - `unsupported`: a sound header of another version, or with flags that are not known here.
 */
export type DecodedSegmentHeader =
  | { readonly state: "valid"; readonly header: SegmentHeader }
  | { readonly state: "invalid" }
  | { readonly state: "unsupported"; readonly version: number; readonly flags: number };

/** The fields of a frame's header. */
export interface FrameHeader {
  kind: FrameKind;
  /** Bytes behind the header. */
  bodyBytes: number;
  /** 0 unless a commit. */
  recordCount: number;
  /** Sequence number of the first record; without records, the next sequence number. */
  firstSeq: number;
  /** Unix milliseconds, never less than in the frame before. */
  committedAtMs: number;
  /** Bytes of the segment that the writer knew to be durable before it wrote the frame; `begin`: 0. */
  durableThrough: number;
  /** Checksum of the body, continued from the frame's seed; 0 without a body. */
  bodyCrc: number;
}

/**
 * What stands at a frame's place.
 *
 * - `absent`: no frame header of this segment and offset, or a damaged one.
 * - `valid`: a header that can be believed.
 * - `contradictory`: its checksum fits and its fields cannot be: no crash leaves that behind, and no writer of this version.
 */
export type FrameHeaderState = "absent" | "valid" | "contradictory";

/** What is kept of the log: the first sequence number and the lowest segment. */
export interface Floor {
  readonly seq: number;
  readonly number: number;
}

/** The segment that the history comes from, and how many of its bytes belong to it. */
export interface Predecessor {
  readonly number: number;
  /** At least 8,192; a frame's end. History in that file ends there. */
  readonly provenBytes: number;
}

/** The log that a restored one was made from, and the last sequence number that both have. */
export interface ParentLog {
  /** 16 bytes, not all of them 0. */
  readonly logId: Uint8Array;
  readonly seq: number;
}

/** What is known when a segment is put to use: the content of its `begin` frame. */
export interface Begin {
  /** `undefined`: the log's first segment. */
  readonly predecessor: Predecessor | undefined;
  /** Last sequence number below the predecessor's proven bytes; in the first segment one less than where the log starts. */
  readonly lastSeq: number;
  /** Last sequence number that is copied here from unproven frames; equals `lastSeq` if there are none. */
  readonly inheritedThrough: number;
  readonly floor: Floor;
  /** The log this one was restored from, and the sequence number there. */
  readonly parent: ParentLog | undefined;
  /** Unix milliseconds, not less than in any frame before. */
  readonly committedAtMs: number;
}

/** `contradictory`: as in {@link FrameHeaderState}, for the body as well. */
export type DecodedBegin =
  | { readonly state: "valid"; readonly begin: Begin }
  | { readonly state: "absent" }
  | { readonly state: "contradictory" };

/** The 4,096 bytes that a segment file starts with. */
export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(MAGIC, 0);
  bytes[8] = FORMAT_VERSION;
  bytes[10] = header.commitAlignBytes === BLOCK_BYTES ? FLAG_BLOCK_ALIGNED : 0;
  bytes.set(header.logId.subarray(0, 16), 16);
  writeU64(bytes, 32, header.number);
  writeU64(bytes, 40, header.createdAtMs);
  bytes.set(header.salt.subarray(0, 8), 48);
  writeU32(bytes, HEADER_CRC_AT, crc32c(bytes.subarray(0, HEADER_CRC_AT), 0));
  return bytes;
}

/**
 * Reads the header of segment `number` from the first bytes of its file (128 are enough; fewer are `invalid`).
 * Magic and checksum are checked before version and flags are believed, and those before everything else.
 */
export function decodeSegmentHeader(bytes: Uint8Array, number: number): DecodedSegmentHeader {
  if (bytes.length < HEADER_CRC_AT + 4) return INVALID;
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return INVALID;
  if (readU32(bytes, HEADER_CRC_AT) !== crc32c(bytes.subarray(0, HEADER_CRC_AT), 0)) return INVALID;
  const versionAndFlags = readU32(bytes, 8);
  const version = versionAndFlags & 0xffff;
  const flags = versionAndFlags >>> 16;
  if (version !== FORMAT_VERSION || (flags & ~FLAG_BLOCK_ALIGNED) !== 0) return { state: "unsupported", version, flags };
  const createdAtMs = readU64(bytes, 40);
  if (readU64(bytes, 32) !== number || number < 1 || createdAtMs < 0) return INVALID;
  if (!isZero(bytes, 12, 16) || !isZero(bytes, 56, HEADER_CRC_AT)) return INVALID;
  const commitAlignBytes = flags === FLAG_BLOCK_ALIGNED ? BLOCK_BYTES : 8;
  return { state: "valid", header: { logId: bytes.slice(16, 32), number, createdAtMs, salt: bytes.slice(48, 56), commitAlignBytes } };
}

/** Where a commit or trim goes behind a frame that ends at `end`: its header never straddles two 512-byte sectors. */
export function place(end: number, alignBytes: 8 | 4096): number {
  const offset = roundUp(end, alignBytes);
  const left = SECTOR_BYTES - (offset % SECTOR_BYTES);
  return left < FRAME_HEADER_BYTES ? offset + left : offset;
}

/** The smallest multiple of `multiple` that is at least `value`. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** A frame header to decode into. */
export function newFrameHeader(): FrameHeader {
  return { kind: FrameKind.marker, bodyBytes: 0, recordCount: 0, firstSeq: 0, committedAtMs: 0, durableThrough: 0, bodyCrc: 0 };
}

/**
 * Writes the 48 bytes of a frame's header at `target[at]`. Allocates nothing.
 *
 * @param frame - All fields within the format's limits; `bodyCrc` is `crc32c(body, seed)`, 0 without a body.
 * @param mark - The segment's {@link FrameCheck.mark}.
 * @param seed - The segment's {@link FrameCheck.seedAt} of the frame's offset in the file.
 */
export function encodeFrameHeader(target: Uint8Array, at: number, frame: Readonly<FrameHeader>, mark: number, seed: number): void {
  writeU32(target, at, mark);
  writeU32(target, at + 4, frame.kind);
  writeU32(target, at + 8, frame.bodyBytes);
  writeU32(target, at + 12, frame.recordCount);
  writeU64(target, at + 16, frame.firstSeq);
  writeU64(target, at + 24, frame.committedAtMs);
  writeU64(target, at + 32, frame.durableThrough);
  writeU32(target, at + 40, frame.bodyCrc);
  writeU32(target, at + FRAME_CRC_AT, shortCrc(target, at, at + FRAME_CRC_AT, seed));
}

/**
 * The header of the frame at `offset` of the file, whose bytes are at `bytes[at]`, or `undefined` if it is not valid.
 * Whether the body fits is another question. With `into` it allocates nothing, and `into` is what it returns.
 */
export function decodeFrameHeader(
  bytes: Uint8Array,
  at: number,
  offset: number,
  check: FrameCheck,
  into: FrameHeader = newFrameHeader(),
): FrameHeader | undefined {
  return inspectFrameHeader(bytes, at, offset, check, into) === "valid" ? into : undefined;
}

/** As {@link decodeFrameHeader}, and tells a header that is not there from one that contradicts itself. `into` is set if `valid`. */
export function inspectFrameHeader(bytes: Uint8Array, at: number, offset: number, check: FrameCheck, into: FrameHeader): FrameHeaderState {
  if (at + FRAME_HEADER_BYTES > bytes.length) return "absent";
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== check.mark) return "absent";
  if (view.getInt32(at + FRAME_CRC_AT, true) !== shortCrc(bytes, at, at + FRAME_CRC_AT, check.seedAt(offset))) return "absent";
  const kindAndZeros = view.getUint32(at + 4, true);
  if (kindAndZeros < FrameKind.commit || kindAndZeros > FrameKind.trim) return "contradictory";
  into.kind = kindAndZeros as FrameKind;
  into.bodyBytes = view.getUint32(at + 8, true);
  into.recordCount = view.getUint32(at + 12, true);
  into.firstSeq = viewedU64(view, at + 16);
  into.committedAtMs = viewedU64(view, at + 24);
  into.durableThrough = viewedU64(view, at + 32);
  into.bodyCrc = view.getUint32(at + 40, true);
  return fitsTogether(into, offset) ? "valid" : "contradictory";
}

/** The block of a `begin` frame: 4,096 bytes for {@link BEGIN_OFFSET}, padded with zeros. */
export function encodeBegin(begin: Begin, check: FrameCheck): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const body = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + BEGIN_BODY_BYTES);
  if (begin.predecessor !== undefined) {
    writeU64(body, 0, begin.predecessor.number);
    writeU64(body, 8, begin.predecessor.provenBytes);
  }
  writeU64(body, 16, begin.lastSeq);
  writeU64(body, 24, begin.inheritedThrough);
  writeU64(body, 32, begin.floor.seq);
  writeU64(body, 40, begin.floor.number);
  if (begin.parent !== undefined) {
    body.set(begin.parent.logId.subarray(0, 16), 48);
    writeU64(body, 64, begin.parent.seq);
  }
  const seed = check.seedAt(BEGIN_OFFSET);
  const header: FrameHeader = {
    kind: FrameKind.begin,
    bodyBytes: BEGIN_BODY_BYTES,
    recordCount: 0,
    firstSeq: begin.lastSeq + 1,
    committedAtMs: begin.committedAtMs,
    durableThrough: 0,
    bodyCrc: crc32c(body, seed),
  };
  encodeFrameHeader(bytes, 0, header, check.mark, seed);
  return bytes;
}

/**
 * Reads the `begin` frame of segment `number`, whose bytes start at `bytes[at]`; fewer than its 144 bytes are `absent`.
 */
export function decodeBegin(bytes: Uint8Array, at: number, number: number, check: FrameCheck): DecodedBegin {
  const header = newFrameHeader();
  const state = inspectFrameHeader(bytes, at, BEGIN_OFFSET, check, header);
  if (state !== "valid") return state === "absent" ? ABSENT : CONTRADICTORY;
  const body = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + BEGIN_BODY_BYTES);
  if (body.length < BEGIN_BODY_BYTES || crc32c(body, check.seedAt(BEGIN_OFFSET)) !== header.bodyCrc) return ABSENT;
  const begin = decodeBeginBody(body, header.committedAtMs);
  return begin !== undefined && header.firstSeq === begin.lastSeq + 1 && isPossibleBegin(begin, number) ? { state: "valid", begin } : CONTRADICTORY;
}

/** Writes the 16 bytes of the body of a `trim` frame at `target[at]`. */
export function encodeTrimBody(target: Uint8Array, at: number, floor: Floor): void {
  writeU64(target, at, floor.seq);
  writeU64(target, at + 8, floor.number);
}

/**
 * Reads the body of a `trim` frame at `bytes[at]`. `undefined` if it cannot be: numbers out of range, a floor above the next
 * sequence number (`firstSeq` of the frame) or above the segment `number` itself.
 */
export function decodeTrimBody(bytes: Uint8Array, at: number, firstSeq: number, number: number): Floor | undefined {
  const floor = { seq: readU64(bytes, at), number: readU64(bytes, at + 8) };
  return at + TRIM_BODY_BYTES <= bytes.length && isPossibleFloor(floor, firstSeq, number) ? floor : undefined;
}

const MAGIC = Uint8Array.from("HFWALSEG", (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;
const FLAG_BLOCK_ALIGNED = 1;
const HEADER_CRC_AT = 124;
const FRAME_CRC_AT = 44;
const SECTOR_BYTES = 512;
const BEGIN_BODY_BYTES = 96;
const INVALID: DecodedSegmentHeader = { state: "invalid" };
const ABSENT: DecodedBegin = { state: "absent" };
const CONTRADICTORY: DecodedBegin = { state: "contradictory" };

/**
 * A view of the array that was read last. Headers are read many from one array, and a view for each would cost more than reading
 * it; without a view the integers are put together byte by byte, which takes half as long again (Node 20: 90 and 130 ns a header).
 */
let lastView: DataView = new DataView(new ArrayBuffer(0));
let lastViewed: Uint8Array = new Uint8Array(lastView.buffer);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes === lastViewed) return lastView;
  lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  lastViewed = bytes;
  return lastView;
}

/** `readU64` from a view. */
function viewedU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high > 0x1f_ffff ? -1 : high * 0x1_0000_0000 + view.getUint32(at, true);
}

/** The rules between the fields of a header whose checksum fits. `readU64` answers −1 for what is too large. */
function fitsTogether(frame: FrameHeader, offset: number): boolean {
  if (frame.firstSeq < 1 || frame.committedAtMs < 0) return false;
  if (frame.kind === FrameKind.begin) {
    return offset === BEGIN_OFFSET && frame.durableThrough === 0 && frame.recordCount === 0 && frame.bodyBytes === BEGIN_BODY_BYTES;
  }
  if (offset < FIRST_FRAME_OFFSET || frame.durableThrough < FIRST_FRAME_OFFSET || frame.durableThrough > offset) return false;
  if (frame.kind === FrameKind.commit) {
    return (
      frame.recordCount >= 1 &&
      frame.recordCount <= MAX_RECORDS_PER_COMMIT &&
      frame.bodyBytes >= 4 * frame.recordCount &&
      frame.bodyBytes <= MAX_FRAME_BYTES - FRAME_HEADER_BYTES &&
      frame.recordCount - 1 <= Number.MAX_SAFE_INTEGER - frame.firstSeq
    );
  }
  if (frame.recordCount !== 0) return false;
  return frame.kind === FrameKind.trim ? frame.bodyBytes === TRIM_BODY_BYTES : frame.bodyBytes === 0 && frame.bodyCrc === 0;
}

function decodeBeginBody(body: Uint8Array, committedAtMs: number): Begin | undefined {
  const number = readU64(body, 0);
  const provenBytes = readU64(body, 8);
  const parentSeq = readU64(body, 64);
  const hasParent = !isZero(body, 48, 64);
  if (number === 0 ? provenBytes !== 0 : number < 0 || provenBytes < FIRST_FRAME_OFFSET) return undefined;
  if ((hasParent ? parentSeq < 0 : parentSeq !== 0) || !isZero(body, 72, BEGIN_BODY_BYTES)) return undefined;
  return {
    predecessor: number === 0 ? undefined : { number, provenBytes },
    lastSeq: readU64(body, 16),
    inheritedThrough: readU64(body, 24),
    floor: { seq: readU64(body, 32), number: readU64(body, 40) },
    parent: hasParent ? { logId: body.slice(48, 64), seq: parentSeq } : undefined,
    committedAtMs,
  };
}

function isPossibleBegin(begin: Begin, number: number): boolean {
  if (begin.predecessor === undefined ? begin.inheritedThrough !== begin.lastSeq : begin.predecessor.number >= number) return false;
  if (begin.lastSeq < 0 || begin.inheritedThrough < begin.lastSeq) return false;
  return isPossibleFloor(begin.floor, begin.inheritedThrough + 1, number);
}

function isPossibleFloor(floor: Floor, nextSeq: number, number: number): boolean {
  return floor.seq >= 1 && floor.seq <= nextSeq && floor.number >= 1 && floor.number <= number;
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
