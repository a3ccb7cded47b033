import { Block, Fill, isReadable } from "./block.js";
import { breaks } from "./configuration.js";
import type { Configuration } from "./configuration.js";
import { FrameKind } from "./frame.js";
import type { Frame } from "./frame.js";
import type { Segment } from "./segment.js";

/**
 * What one segment is, judged by its own bytes. `absent`: never finished, nothing was ever written behind the header.
 * `damaged`: what was durable is gone. `prepared`: made, never begun. `begun`: has a begin, but not all of its copies are
 * vouched for. `established`: part of the history for ever.
 */
export type SegmentClass = "absent" | "damaged" | "prepared" | "begun" | "established";

/** What the scan of one segment finds. */
export interface SegmentScan {
  readonly class: SegmentClass;
  /** Number of valid frames before the first one that is not. */
  readonly end: number;
  /** Last sequence number before {@link end}. */
  readonly lastSeq: number;
  /** Frames that are proven durable: the largest `durableThrough` of all valid headers; −1 if there is no valid header. */
  readonly proven: number;
  /** Begun or established, and all of its copies can be read. Recovery must not care; one broken rule does. */
  readonly isComplete: boolean;
}

/** The scan of FORMAT.md: pure, total, a function of the view. */
export function scanSegment(segment: Segment, configuration: Configuration): SegmentScan {
  if (!isReadable(segment.header)) return frameless(hasBytesBehindHeader(segment) ? "damaged" : "absent");
  const proven = provenByHeaders(segment, segment.frames.length, configuration);
  if (!isReadable(segment.begin)) return frameless(proven === NO_HEADER ? "prepared" : "damaged");
  return walk(segment, proven, configuration);
}

/** `proven` of a segment without a valid frame header. */
const NO_HEADER = -1;
/** More frames than there are: the walk did not reach `inheritedThrough`. */
const OUT_OF_REACH = 99;

function frameless(segmentClass: SegmentClass): SegmentScan {
  return { class: segmentClass, end: 0, lastSeq: 0, proven: NO_HEADER, isComplete: false };
}

/** The file grows only after its header is durable, so anything else than zeros behind a bad header means damage. */
function hasBytesBehindHeader(segment: Segment): boolean {
  if (segment.begin !== Block.zero || segment.fill === Fill.garbage) return true;
  for (const frame of segment.frames) if (frame.isTouched) return true;
  return false;
}

/** The largest statement among the first `count` frames, walked or found by the search for evidence. */
function provenByHeaders(segment: Segment, count: number, configuration: Configuration): number {
  let proven = NO_HEADER;
  for (const frame of segment.frames) {
    if (frame.index >= count) break;
    if (frame.hasValidHeader) proven = Math.max(proven, frame.durableThrough);
    if (breaks(configuration, "checksum without salt") && isForged(frame)) proven = Math.max(proven, frame.index + 1);
  }
  return proven;
}

/** A payload that looks like a frame and vouches for what is before it, in a commit whose header is not there. */
function isForged(frame: Frame): boolean {
  return frame.kind === FrameKind.commit && !isReadable(frame.header) && isReadable(frame.body);
}

function walk(segment: Segment, provenByAll: number, configuration: Configuration): SegmentScan {
  let end = 0;
  let lastSeq = segment.predecessorLastSeq;
  let copiesEnd = segment.inheritedThrough === lastSeq ? 0 : OUT_OF_REACH;
  for (const frame of segment.frames) {
    if (!frame.isValid) break;
    end = frame.index + 1;
    if (frame.kind !== FrameKind.commit) continue;
    if (frame.seq !== lastSeq + 1) return frameless("damaged");
    lastSeq = frame.seq;
    if (lastSeq === segment.inheritedThrough) copiesEnd = end;
  }

  let proven = provenByAll;
  if (breaks(configuration, "no search for evidence behind the tail")) proven = provenByHeaders(segment, end, configuration);
  if (proven > end) return frameless("damaged");
  if (breaks(configuration, "untouched-sector rule") && hasTouchedTail(segment, end)) return frameless("damaged");
  if (breaks(configuration, "segment counts from its first frame") && end > 0) copiesEnd = Math.min(copiesEnd, 1);
  if (breaks(configuration, "segment counts from its begin")) {
    copiesEnd = 0;
    proven = Math.max(proven, 0);
  }

  const isComplete = copiesEnd !== OUT_OF_REACH && (copiesEnd > 0 || proven !== NO_HEADER);
  const isEstablished = isComplete && (proven >= copiesEnd || breaks(configuration, "a complete segment may be named"));
  return { class: isEstablished ? "established" : "begun", end, lastSeq, proven, isComplete };
}

/** All blocks of the first frame behind the end were written to. */
function hasTouchedTail(segment: Segment, end: number): boolean {
  const frame = segment.frames[end];
  return frame !== undefined && frame.header !== Block.zero && (frame.kind !== FrameKind.commit || frame.body !== Block.zero);
}
