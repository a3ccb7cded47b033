import { isReadable } from "./block.js";
import { breaks } from "./configuration.js";
import type { Configuration } from "./configuration.js";
import { FrameKind } from "./frame.js";
import { scanSegment } from "./scan.js";
import type { SegmentScan } from "./scan.js";
import type { Segment } from "./segment.js";
import { MAX_SEGMENTS, MAX_SEQ } from "./state.js";
import type { State } from "./state.js";

/** What an open would do now. */
export interface Plan {
  readonly refusal: undefined;
  /** Number of the newest segment that is established, 0 for a new log. */
  readonly head: number;
  /** Where proven history ends in the head, in frames. */
  readonly end: number;
  /** Last sequence number below {@link end}. */
  readonly lastSeq: number;
  /** Number of the segment that shows most of the unproven records, 0 if there is none. */
  readonly source: number;
  /** Last sequence number it shows; {@link lastSeq} if there is nothing to copy. */
  readonly copyThrough: number;
  readonly floorSeq: number;
  readonly floorNumber: number;
  /** The largest floor that is proven: stated by the head's begin, or by a trim in the head below {@link end}. */
  readonly provenFloorSeq: number;
  /** Number of the segment to be made next. */
  readonly newNumber: number;
  /** By sequence number: the record that the log shows, 0 for none. */
  readonly values: readonly number[];
}

/** Opening would be an error, and nothing would be changed. */
export interface Refusal {
  readonly refusal: string;
}

/** The plan of FORMAT.md: a function from scans, and so from the view. */
export function planRecovery(state: State, configuration: Configuration): Plan | Refusal {
  const draft: Draft = {
    refusal: undefined,
    head: 0,
    end: 0,
    lastSeq: 0,
    source: 0,
    copyThrough: 0,
    floorSeq: 1,
    floorNumber: 1,
    provenFloorSeq: 1,
    newNumber: state.newestNumber + 1,
    values: new Array<number>(MAX_SEQ + 1).fill(0),
  };
  const found = findHead(state, draft, configuration);
  if (found.refusal !== undefined) return found;
  if (found.headScan !== undefined) {
    readHead(state, draft, found.headScan);
    const brokenLink = followChain(state, draft);
    if (brokenLink !== undefined) return refuse(brokenLink);
  }
  readSource(state, draft, found, configuration);
  return draft;
}

/** A plan that is being made. */
type Draft = { -readonly [Field in keyof Plan]: Plan[Field] } & { readonly values: number[] };

interface Found {
  readonly refusal: undefined;
  headScan: SegmentScan | undefined;
  /** The candidate above the head that reaches furthest; of equals the newest. */
  source: number;
  sourceScan: SegmentScan | undefined;
}

/** `named` of a segment that no newer begin names. */
const NOT_NAMED = -1;

/** Walks down from the newest segment to the first that is established, by itself or by what a newer begin says. */
function findHead(state: State, draft: Draft, configuration: Configuration): Found | Refusal {
  const found: Found = { refusal: undefined, headScan: undefined, source: 0, sourceScan: undefined };
  /** By number: the proven end that a newer, unfinished begin states. */
  const named = new Array<number>(MAX_SEGMENTS + 1).fill(NOT_NAMED);
  let isPredecessorNamed = false;
  /** Bit set of the numbers above the head that are begun and not established. */
  let candidates = 0;
  for (const segment of state.newestFirst) {
    const statedEnd = named[segment.number] ?? NOT_NAMED;
    const isNamed = statedEnd !== NOT_NAMED;
    if (!segment.inView) {
      if (isNamed) return refuse("segment missing");
      continue;
    }
    const scan = scanSegment(segment, configuration);
    switch (scan.class) {
      case "damaged":
        return refuse(`damage in ${segment.number}`);
      case "absent":
      case "prepared":
        if (isNamed) return refuse("named segment has no begin");
        continue;
      case "begun":
        if (!breaks(configuration, "floor of a begun segment ignored")) raiseFloor(draft, segment.floorSeq, segment.floorNumber);
        if (isNamed) break;
        candidates |= 1 << segment.number;
        if (isBetterSource(scan, found, configuration)) {
          found.source = segment.number;
          found.sourceScan = scan;
        }
        if (segment.predecessor !== 0 && !breaks(configuration, "statement of an unfinished begin ignored")) {
          isPredecessorNamed = true;
          named[segment.predecessor] = Math.max(named[segment.predecessor] ?? NOT_NAMED, segment.predecessorEnd);
        }
        continue;
      case "established":
        raiseFloor(draft, segment.floorSeq, segment.floorNumber);
        break;
    }
    for (const candidate of state.segments) {
      if (((candidates >> candidate.number) & 1) === 0 || candidate.predecessor === segment.number) continue;
      if (!takesPlaceOf(segment, candidate, configuration)) return refuse("a candidate does not follow the head");
      if (candidate.number === found.source && breaks(configuration, "a segment in the head's place is no source")) forgetSource(found);
    }
    draft.head = segment.number;
    draft.end = Math.max(scan.proven, statedEnd, 0);
    found.headScan = scan;
    return scan.end < draft.end ? refuse("proven bytes gone") : found;
  }
  return isPredecessorNamed ? refuse("segment missing") : found;
}

/** Whether `candidate` was to take the place of `head`: it stands on what the head stands on. */
function takesPlaceOf(head: Segment, candidate: Segment, configuration: Configuration): boolean {
  return (
    (head.predecessor !== 0 || breaks(configuration, "place of the first segment taken")) &&
    candidate.predecessor === head.predecessor &&
    candidate.predecessorEnd === head.predecessorEnd &&
    candidate.predecessorLastSeq === head.predecessorLastSeq
  );
}

function forgetSource(found: Found): void {
  found.source = 0;
  found.sourceScan = undefined;
}

function isBetterSource(scan: SegmentScan, found: Found, configuration: Configuration): boolean {
  if (breaks(configuration, "copies only from the head")) return false;
  if (breaks(configuration, "copies only from a complete candidate")) return scan.isComplete && found.source === 0;
  return found.sourceScan === undefined || scan.lastSeq > found.sourceScan.lastSeq;
}

/** Takes over what is proven in the head. Trims count unproven too: they need not be proven to be obeyed. */
function readHead(state: State, draft: Draft, scan: SegmentScan): void {
  const head = state.segment(draft.head);
  draft.lastSeq = head.predecessorLastSeq;
  draft.provenFloorSeq = head.floorSeq;
  for (const frame of head.frames) {
    if (frame.index >= scan.end) break;
    if (frame.kind === FrameKind.trim) {
      raiseFloor(draft, frame.seq, frame.value);
      if (frame.index < draft.end) draft.provenFloorSeq = Math.max(draft.provenFloorSeq, frame.seq);
    }
    if (frame.kind === FrameKind.commit && frame.index < draft.end) {
      draft.lastSeq = frame.seq;
      draft.values[frame.seq] = frame.value;
    }
  }
}

/** From the head to its predecessor, and so on down to the floor. Returns what is wrong with it. */
function followChain(state: State, draft: Draft): string | undefined {
  let segment = state.segment(draft.head);
  while (segment.number > draft.floorNumber && segment.predecessor >= draft.floorNumber) {
    const predecessor = state.segment(segment.predecessor);
    const wrong = checkLink(predecessor, segment, draft.values);
    if (wrong !== undefined) return wrong;
    segment = predecessor;
  }
  return undefined;
}

/** Reads `predecessor` as far as `successor` states, into `values`. Returns why it is not what the successor states. */
function checkLink(predecessor: Segment, successor: Segment, values: number[]): string | undefined {
  if (!predecessor.inView) return "segment missing";
  if (!isReadable(predecessor.header) || !isReadable(predecessor.begin)) return "header or begin damaged";
  let lastSeq = predecessor.predecessorLastSeq;
  for (const frame of predecessor.frames) {
    if (frame.index >= successor.predecessorEnd) break;
    if (!frame.isValid) return "damage below the proven end";
    if (frame.kind === FrameKind.commit) values[++lastSeq] = frame.value;
  }
  return lastSeq === successor.predecessorLastSeq ? undefined : "last sequence differs";
}

/** Chooses between the candidates above the head and the head itself, and takes over what the source shows above proven history. */
function readSource(state: State, draft: Draft, found: Found, configuration: Configuration): void {
  const { headScan } = found;
  let { source, sourceScan } = found;
  const headReachesFurther =
    sourceScan === undefined ||
    (headScan !== undefined &&
      headScan.lastSeq > sourceScan.lastSeq &&
      !breaks(configuration, "copies only from a complete candidate"));
  if (headReachesFurther) {
    source = draft.head;
    sourceScan = headScan;
  }
  draft.source = source;
  draft.copyThrough = draft.lastSeq;
  // Without a head the log is new: what is there was left by a creation that was cut short.
  if (sourceScan === undefined || headScan === undefined) return;
  for (const frame of state.segment(source).frames) {
    if (frame.index >= sourceScan.end) break;
    if (frame.kind === FrameKind.trim) raiseFloor(draft, frame.seq, frame.value);
    if (frame.kind === FrameKind.commit && frame.seq > draft.copyThrough) {
      draft.copyThrough = frame.seq;
      draft.values[frame.seq] = frame.value;
    }
  }
}

function raiseFloor(draft: Draft, floorSeq: number, floorNumber: number): void {
  if (floorSeq <= draft.floorSeq) return;
  draft.floorSeq = floorSeq;
  draft.floorNumber = floorNumber;
}

function refuse(refusal: string): Refusal {
  return { refusal };
}
