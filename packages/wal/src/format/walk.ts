import type { FrameCheck } from "./checksum.js";
import {
  BLOCK_BYTES,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  decodeTrimBody,
  inspectFrameHeader,
  newFrameHeader,
  place,
  roundUp,
  type Begin,
  type Floor,
  type FrameHeader,
  type FrameHeaderState,
} from "./segment.js";
import { crcOf, holds, load, type Reading, type View } from "./window.js";

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

/** What the walk has found so far. */
export interface Walk {
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

/** What the walk needs to know of the segment. */
export interface WalkedSegment {
  readonly number: number;
  readonly alignBytes: 8 | 4096;
  readonly check: FrameCheck;
}

/** A walk that has met no frame but the begin. */
export function newWalk(begin: Begin): Walk {
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

/** Walks the valid frames from 8,192 on into `walk`. Answers a reason if it met damage, at `walk.end`. */
export function* walkFrames(view: View, segment: WalkedSegment, walk: Walk): Reading<string | undefined> {
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
function walkInMemory(view: View, segment: WalkedSegment, walk: Walk, frame: FrameHeader): Halt {
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

/** Takes in that everything below `durableThrough` was durable, and forgets the frames for which that is all there is to know. */
export function vouch(walk: Walk, durableThrough: number): void {
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

/** Takes a frame whose checksums fit into the walk, or answers why it cannot follow the frames before it. */
function take(view: View, segment: WalkedSegment, walk: Walk, offset: number, frame: FrameHeader): string | undefined {
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

function isMarker(frame: FrameHeader): boolean {
  return frame.kind === FrameKind.marker || frame.kind === FrameKind.seal;
}

/** Why a walk in memory stopped. */
type Halt =
  | { readonly kind: "end"; readonly reason: string | undefined }
  | { readonly kind: "load" }
  | { readonly kind: "stream"; readonly offset: number };

/** Bodies up to this size are brought into one window, larger ones are checked window by window. */
const WHOLE_BODY_BYTES = 64 * 1024;
const LOAD: Halt = { kind: "load" };
const END: Halt = { kind: "end", reason: undefined };
