/**
 * What a segment file holds, told from its bytes alone: pure, total, in bounded memory. FORMAT.md, "The scan".
 */
import { frameCheck } from "./checksum.js";
import { search } from "./search.js";
import {
  BEGIN_OFFSET,
  FIRST_FRAME_OFFSET,
  FrameKind,
  MAX_SEGMENT_FILE_BYTES,
  SEGMENT_HEADER_BYTES,
  decodeBegin,
  decodeSegmentHeader,
  type Begin,
  type Floor,
  type SegmentHeader,
} from "./segment.js";
import { frameEnd, higherFloor, newWalk, vouch, walkFrames, type Walk, type WalkedFrame } from "./walk.js";
import { load, type ByteWindow, type View } from "./window.js";

/** The bytes of a file that {@link identifySegment} needs. */
export const IDENTITY_BYTES: number = FIRST_FRAME_OFFSET;


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

const NO_BYTES = new Uint8Array(0);

function damaged(number: number, offset: number, reason: string): DamagedScan {
  return { class: "damaged", number, offset, reason };
}

function tailOf(walk: Walk, nonZeroEnd: number): Tail {
  if (walk.lastKind === FrameKind.seal) return { state: "sealed" };
  return nonZeroEnd <= walk.end ? { state: "clean" } : { state: "torn", offset: walk.end, bytes: nonZeroEnd - walk.end };
}
