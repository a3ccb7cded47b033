/**
 * What a segment file holds, told from its bytes alone: pure, total, in bounded memory. FORMAT.md, "The scan".
 */
import { crc32c } from "@holdfast/bytes";

import { frameCheck, type FrameCheck } from "./checksum.js";
import {
  BEGIN_OFFSET,
  BLOCK_BYTES,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  MAX_SEGMENT_FILE_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeBegin,
  decodeSegmentHeader,
  decodeTrimBody,
  inspectFrameHeader,
  newFrameHeader,
  place,
  roundUp,
  type Begin,
  type Floor,
  type FrameHeader,
  type FrameHeaderState,
  type SegmentHeader,
} from "./segment.js";

/** The most bytes that a scan asks for at once. */
export const SCAN_WINDOW_BYTES: number = 1024 * 1024;
/** The bytes of a file that {@link identifySegment} needs. */
export const IDENTITY_BYTES: number = FIRST_FRAME_OFFSET;

/** Bytes of the file that a scan asks for: inside the file, at most {@link SCAN_WINDOW_BYTES}. */
export interface ByteWindow {
  readonly offset: number;
  readonly length: number;
}

/** A frame that the scan found valid. */
export interface WalkedFrame {
  readonly offset: number;
  readonly kind: FrameKind;
  readonly bodyBytes: number;
  readonly recordCount: number;
  readonly firstSeq: number;
  readonly committedAtMs: number;
  /** What a `trim` states. */
  readonly floor?: Floor | undefined;
}

/**
 * What follows the last valid frame. `sealed`: it is a seal. `clean`: only zeros. `torn`: something else, from `offset` (the
 * end of the last valid frame) through the last byte that is not zero.
 */
export type Tail =
  | { readonly state: "sealed" }
  | { readonly state: "clean" }
  | { readonly state: "torn"; readonly offset: number; readonly bytes: number };

/** No sound header, and nothing behind it: the file was being made. */
export interface AbsentScan {
  readonly class: "absent";
  readonly number: number;
}

/** A sound header of a version or with flags that are not known here. */
export interface UnsupportedScan {
  readonly class: "unsupported";
  readonly number: number;
  readonly version: number;
  readonly flags: number;
}

/** What was durable is gone. `reason` is a phrase for messages. */
export interface DamagedScan {
  readonly class: "damaged";
  readonly number: number;
  readonly offset: number;
  readonly reason: string;
}

/** A header, no `begin`, and no frame: made ahead, or `begin` was being written. */
export interface PreparedScan {
  readonly class: "prepared";
  readonly number: number;
  readonly header: SegmentHeader;
}

/**
 * A segment with a `begin`.
 *
 * - `begun`: a switch without a commit, or copies of which it is not known that all are durable.
 * - `established`: part of the history for ever.
 */
export interface WalkedScan {
  readonly class: "begun" | "established";
  readonly number: number;
  readonly fileBytes: number;
  readonly header: SegmentHeader;
  readonly begin: Begin;
  /** End of the last valid frame, 8,192 if there is none. */
  readonly end: number;
  /** The last sequence number below `end`. */
  readonly lastSeq: number;
  /** The bytes that a valid frame header vouches for; 0 if there is no such header. */
  readonly proven: number;
  /** Where {@link frames} begins: the end of the last frame that is not listed, the last sequence number and the largest floor below it. */
  readonly listedFrom: { readonly end: number; readonly lastSeq: number; readonly trimFloor: Floor | undefined };
  /** `established`: the valid frames that end above `proven`. `begun`: all valid frames. Ascending. */
  readonly frames: readonly WalkedFrame[];
  /** The largest floor of the valid `trim` frames. */
  readonly trimFloor: Floor | undefined;
  readonly tail: Tail;
  /** Of the last valid frame, `begin` included. */
  readonly lastCommittedAtMs: number;
}

/** What a scan tells about a segment. */
export type SegmentScan = AbsentScan | UnsupportedScan | DamagedScan | PreparedScan | WalkedScan;

/** Header and `begin` of a segment whose frames are not read. */
export type SegmentIdentity =
  | { readonly class: "identified"; readonly number: number; readonly fileBytes: number; readonly header: SegmentHeader; readonly begin: Begin }
  | UnsupportedScan
  | DamagedScan;

/** Thrown by a scan that is given fewer bytes than it asked for. A mistake of the caller, not a property of the file. */
export class ShortWindowError extends Error {
  constructor(window: ByteWindow, got: number) {
    super(`Asked for ${window.length} bytes at ${window.offset}, was given ${got}.`);
    this.name = "ShortWindowError";
  }
}

/**
 * Scans a segment file: yields what it wants to read, takes the bytes, returns what it found. Never throws because of what the
 * bytes are. Reads everything from the start about once; holds one window and, of what it returns, the list of frames. The
 * bytes it is given are used until it asks for the next, so one buffer can serve all of them.
 *
 * @param number - The segment's number, from the file's name.
 * @param fileBytes - The file's size.
 * @throws {@link ShortWindowError} when given fewer bytes than asked for.
 */
export function* scanSegment(number: number, fileBytes: number): Generator<ByteWindow, SegmentScan, Uint8Array> {
  if (fileBytes > MAX_SEGMENT_FILE_BYTES) return damaged(number, MAX_SEGMENT_FILE_BYTES, "the file is larger than a segment can be");
  const view: View = { fileBytes, offset: 0, bytes: NO_BYTES };
  if (fileBytes > 0) yield* load(view, 0);
  const decoded = decodeSegmentHeader(view.bytes, number);
  if (decoded.state === "unsupported") return { class: "unsupported", number, version: decoded.version, flags: decoded.flags };
  // A file grows beyond its header only when that is durable.
  if (decoded.state === "invalid") return fileBytes <= SEGMENT_HEADER_BYTES ? { class: "absent", number } : damaged(number, 0, "the segment header is damaged");
  const header = decoded.header;
  const check = frameCheck(header.salt);
  const begun = decodeBegin(view.bytes, BEGIN_OFFSET, number, check);
  if (begun.state === "contradictory") return damaged(number, BEGIN_OFFSET, "the begin frame contradicts itself");
  if (begun.state === "absent") {
    const { headers } = yield* search(view, FIRST_FRAME_OFFSET, check);
    return headers === 0 ? { class: "prepared", number, header } : damaged(number, BEGIN_OFFSET, "frames follow a damaged begin frame");
  }
  const walk = newWalk(begun.begin);
  const flaw = yield* walkFrames(view, { number, alignBytes: header.commitAlignBytes, check }, walk);
  if (flaw !== undefined) return damaged(number, walk.end, flaw);
  const evidence = yield* search(view, walk.end, check);
  if (evidence.contradictory) return damaged(number, walk.end, "a frame header contradicts itself");
  const proven = Math.max(walk.proven, evidence.proven);
  if (proven > walk.end) return damaged(number, walk.end, "what was durable here is damaged");
  vouch(walk, proven);
  return {
    class: walk.established ? "established" : "begun",
    number,
    fileBytes,
    header,
    begin: begun.begin,
    end: walk.end,
    lastSeq: walk.lastSeq,
    proven,
    listedFrom: { end: walk.listedFromEnd, lastSeq: walk.listedFromSeq, trimFloor: walk.listedFromFloor },
    frames: walk.frames.slice(walk.listed),
    trimFloor: walk.trimFloor,
    tail: tailOf(walk, evidence.nonZeroEnd),
    lastCommittedAtMs: walk.lastCommittedAtMs,
  };
}

/** {@link scanSegment} over bytes in memory. */
export function scanBytes(number: number, bytes: Uint8Array): SegmentScan {
  const scan = scanSegment(number, bytes.length);
  let step = scan.next();
  while (step.done !== true) step = scan.next(bytes.subarray(step.value.offset, step.value.offset + step.value.length));
  return step.value;
}

/**
 * Header and `begin` of a segment that must have both, from the first {@link IDENTITY_BYTES} bytes of its file (fewer if the
 * file is shorter).
 */
export function identifySegment(number: number, fileBytes: number, firstBytes: Uint8Array): SegmentIdentity {
  const decoded = decodeSegmentHeader(firstBytes, number);
  if (decoded.state === "unsupported") return { class: "unsupported", number, version: decoded.version, flags: decoded.flags };
  if (decoded.state === "invalid") return damaged(number, 0, "the segment header is damaged");
  const begun = decodeBegin(firstBytes, BEGIN_OFFSET, number, frameCheck(decoded.header.salt));
  if (begun.state !== "valid") return damaged(number, BEGIN_OFFSET, "the begin frame is damaged");
  return { class: "identified", number, fileBytes, header: decoded.header, begin: begun.begin };
}

/** The last sequence number of the frames that end at or below `end`, or `undefined` if no frame that is listed ends there. */
export function lastSeqAt(scan: WalkedScan, end: number): number | undefined {
  if (end === scan.listedFrom.end) return scan.listedFrom.lastSeq;
  const frame = scan.frames.find((it) => frameEnd(it) >= end);
  return frame !== undefined && frameEnd(frame) === end ? frame.firstSeq + frame.recordCount - 1 : undefined;
}

/** The largest floor of the `trim` frames that end at or below `end`, of those that are not listed in any case. */
export function trimFloorAt(scan: WalkedScan, end: number): Floor | undefined {
  return scan.frames.reduce((floor, it) => (frameEnd(it) <= end ? higherFloor(floor, it.floor) : floor), scan.listedFrom.trimFloor);
}

/** The larger one of two floors: of equal sequence numbers the one with the higher segment. */
export function higherFloor<T extends Floor | undefined>(floor: T, other: Floor | undefined): T | Floor {
  if (other === undefined) return floor;
  if (floor === undefined) return other;
  return other.seq > floor.seq || (other.seq === floor.seq && other.number > floor.number) ? other : floor;
}

/** First byte behind a frame. */
export function frameEnd(frame: { readonly offset: number; readonly bodyBytes: number }): number {
  return frame.offset + FRAME_HEADER_BYTES + frame.bodyBytes;
}

/** The part of the file that is in memory. */
interface View {
  readonly fileBytes: number;
  offset: number;
  bytes: Uint8Array;
}

/** What the walk has found so far. */
interface Walk {
  readonly begin: Begin;
  end: number;
  lastSeq: number;
  lastKind: FrameKind;
  lastCommittedAtMs: number;
  proven: number;
  trimFloor: Floor | undefined;
  /** End of the frame that completes what was inherited, once it was walked. */
  inheritedEnd: number | undefined;
  established: boolean;
  /** Valid frames; those before index `listed` are no longer wanted. */
  readonly frames: WalkedFrame[];
  listed: number;
  listedFromEnd: number;
  listedFromSeq: number;
  listedFromFloor: Floor | undefined;
}

/** What the search behind the end has found. */
interface Evidence {
  headers: number;
  proven: number;
  contradictory: boolean;
  /** End of the last byte that is not zero, 0 if there is none. */
  nonZeroEnd: number;
}

/** What the walk needs to know of the segment. */
interface Segment {
  readonly number: number;
  readonly alignBytes: 8 | 4096;
  readonly check: FrameCheck;
}

/** Why a walk in memory stopped. */
type Halt =
  | { readonly kind: "end"; readonly reason: string | undefined }
  | { readonly kind: "load" }
  | { readonly kind: "stream"; readonly offset: number };

type Reading<T> = Generator<ByteWindow, T, Uint8Array>;

const NO_BYTES = new Uint8Array(0);
/** Bodies up to this size are brought into one window, larger ones are checked window by window. */
const WHOLE_BODY_BYTES = 64 * 1024;
const LOAD: Halt = { kind: "load" };
const END: Halt = { kind: "end", reason: undefined };

function damaged(number: number, offset: number, reason: string): DamagedScan {
  return { class: "damaged", number, offset, reason };
}

function newWalk(begin: Begin): Walk {
  return {
    begin,
    end: FIRST_FRAME_OFFSET,
    lastSeq: begin.lastSeq,
    lastKind: FrameKind.begin,
    lastCommittedAtMs: begin.committedAtMs,
    proven: 0,
    trimFloor: undefined,
    inheritedEnd: begin.inheritedThrough === begin.lastSeq ? FIRST_FRAME_OFFSET : undefined,
    established: false,
    frames: [],
    listed: 0,
    listedFromEnd: FIRST_FRAME_OFFSET,
    listedFromSeq: begin.lastSeq,
    listedFromFloor: undefined,
  };
}

/** Brings the window that starts in the block of `offset` into memory. */
function* load(view: View, offset: number): Reading<void> {
  const from = offset - (offset % BLOCK_BYTES);
  const window: ByteWindow = { offset: from, length: Math.min(SCAN_WINDOW_BYTES, view.fileBytes - from) };
  const bytes = yield window;
  if (bytes.length < window.length) throw new ShortWindowError(window, bytes.length);
  view.offset = from;
  view.bytes = bytes.subarray(0, window.length);
}

/** Whether `length` bytes at `offset` are in memory. */
function holds(view: View, offset: number, length: number): boolean {
  return offset >= view.offset && offset + length <= view.offset + view.bytes.length;
}

/** Walks the valid frames from 8,192 on into `walk`. Answers a reason if it met damage, at `walk.end`. */
function* walkFrames(view: View, segment: Segment, walk: Walk): Reading<string | undefined> {
  const frame = newFrameHeader();
  for (;;) {
    const halt = walkInMemory(view, segment, walk, frame);
    if (halt.kind === "end") return halt.reason;
    if (halt.kind === "load") {
      yield* load(view, place(walk.end, segment.alignBytes));
    } else {
      if (!(yield* longBodyFits(view, halt.offset, segment.check, frame))) return undefined;
      const reason = take(view, segment, walk, halt.offset, frame);
      if (reason !== undefined) return reason;
    }
  }
}

/**
 * Walks the frames that are in memory. `load`: the next one is not, or not whole. `stream`: its header is in `frame`, its body
 * is to be checked window by window. `end`: there is no further frame, or (with a reason) there is damage.
 */
function walkInMemory(view: View, segment: Segment, walk: Walk, frame: FrameHeader): Halt {
  for (;;) {
    const commitAt = place(walk.end, segment.alignBytes);
    const markerAt = roundUp(walk.end, BLOCK_BYTES);
    let offset = commitAt;
    let state = headerAt(view, segment.check, commitAt, frame);
    if (state === "valid" && commitAt !== markerAt && isMarker(frame)) state = "absent";
    if (state === "absent" && commitAt !== markerAt) {
      offset = markerAt;
      state = headerAt(view, segment.check, markerAt, frame);
      if (state === "valid" && !isMarker(frame)) state = "absent";
    }
    if (state === "absent") return END;
    if (state === "elsewhere") return LOAD;
    if (state === "contradictory") return { kind: "end", reason: "a frame header contradicts itself" };
    const start = offset + FRAME_HEADER_BYTES;
    if (start + frame.bodyBytes > view.fileBytes) return END;
    if (!holds(view, start, frame.bodyBytes)) return frame.bodyBytes > WHOLE_BODY_BYTES ? { kind: "stream", offset } : LOAD;
    if (frame.bodyBytes > 0 && crcOf(view, start, start + frame.bodyBytes, segment.check.seedAt(offset)) !== frame.bodyCrc) return END;
    const reason = take(view, segment, walk, offset, frame);
    if (reason !== undefined) return { kind: "end", reason };
  }
}

/** The state of the frame header at `offset`. Where the file ends before it, there is none; `elsewhere`: it is not in memory. */
function headerAt(view: View, check: FrameCheck, offset: number, into: FrameHeader): FrameHeaderState | "elsewhere" {
  if (offset + FRAME_HEADER_BYTES > view.fileBytes) return "absent";
  if (!holds(view, offset, FRAME_HEADER_BYTES)) return "elsewhere";
  return inspectFrameHeader(view.bytes, offset - view.offset, offset, check, into);
}

/** Whether the checksum of a body fits that does not fit one window. */
function* longBodyFits(view: View, offset: number, check: FrameCheck, frame: FrameHeader): Reading<boolean> {
  const end = offset + FRAME_HEADER_BYTES + frame.bodyBytes;
  let crc = check.seedAt(offset);
  for (let at = offset + FRAME_HEADER_BYTES; at < end; ) {
    if (!holds(view, at, 1)) yield* load(view, at);
    const to = Math.min(end, view.offset + view.bytes.length);
    crc = crcOf(view, at, to, crc);
    at = to;
  }
  return crc === frame.bodyCrc;
}

/** Continues `crc` over bytes of the file that are in memory. */
function crcOf(view: View, from: number, to: number, crc: number): number {
  return crc32c(view.bytes.subarray(from - view.offset, to - view.offset), crc);
}

/** Takes a frame whose checksums fit into the walk, or answers why it cannot follow the frames before it. */
function take(view: View, segment: Segment, walk: Walk, offset: number, frame: FrameHeader): string | undefined {
  const { kind, bodyBytes, recordCount, firstSeq, committedAtMs } = frame;
  if (firstSeq !== walk.lastSeq + 1) return "the sequence numbers do not continue";
  // A trim that is lost leaves no gap in the sequence numbers. The marker behind it knows that something was here.
  if (frame.durableThrough > walk.end) return "what was durable here is damaged";
  const isTrim = kind === FrameKind.trim;
  const floor = isTrim ? decodeTrimBody(view.bytes, offset + FRAME_HEADER_BYTES - view.offset, firstSeq, segment.number) : undefined;
  if (isTrim && floor === undefined) return "a trim frame contradicts itself";
  walk.trimFloor = higherFloor(walk.trimFloor, floor);
  walk.end = offset + FRAME_HEADER_BYTES + bodyBytes;
  walk.lastSeq = firstSeq + recordCount - 1;
  walk.lastKind = kind;
  walk.lastCommittedAtMs = Math.max(walk.lastCommittedAtMs, committedAtMs);
  if (walk.lastSeq >= walk.begin.inheritedThrough) walk.inheritedEnd ??= walk.end;
  walk.frames.push({ offset, kind, bodyBytes, recordCount, firstSeq, committedAtMs, floor });
  vouch(walk, frame.durableThrough);
  return undefined;
}

/** Takes in that everything below `durableThrough` was durable, and forgets the frames for which that is all there is to know. */
function vouch(walk: Walk, durableThrough: number): void {
  if (durableThrough === 0) return;
  walk.proven = Math.max(walk.proven, durableThrough);
  if (walk.inheritedEnd === undefined || walk.proven < walk.inheritedEnd) return;
  walk.established = true;
  for (let frame = walk.frames[walk.listed]; frame !== undefined; frame = walk.frames[walk.listed]) {
    if (frameEnd(frame) > walk.proven) break;
    walk.listedFromEnd = frameEnd(frame);
    walk.listedFromSeq = frame.firstSeq + frame.recordCount - 1;
    walk.listedFromFloor = higherFloor(walk.listedFromFloor, frame.floor);
    walk.listed += 1;
  }
  if (walk.listed >= 1024 && walk.listed * 2 >= walk.frames.length) {
    walk.frames.splice(0, walk.listed);
    walk.listed = 0;
  }
}

/**
 * Looks at every eighth byte from `from` on for a frame header, and goes on behind the body of each one found. Whether the
 * bodies fit does not matter: a header states what was durable before it was written.
 */
function* search(view: View, from: number, check: FrameCheck): Reading<Evidence> {
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

function tailOf(walk: Walk, nonZeroEnd: number): Tail {
  if (walk.lastKind === FrameKind.seal) return { state: "sealed" };
  return nonZeroEnd <= walk.end ? { state: "clean" } : { state: "torn", offset: walk.end, bytes: nonZeroEnd - walk.end };
}

function isMarker(frame: FrameHeader): boolean {
  return frame.kind === FrameKind.marker || frame.kind === FrameKind.seal;
}
