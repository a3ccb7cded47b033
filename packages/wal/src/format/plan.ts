/**
 * What to make of the segments of a log: a pure function from scans to a plan. FORMAT.md, "The plan".
 */
import { lastSeqAt, trimFloorAt, type SegmentIdentity, type SegmentScan, type UnsupportedScan, type WalkedScan } from "./scan.js";
import { BEGIN_OFFSET, FrameKind, type Begin, type Floor, type SegmentHeader } from "./segment.js";
import { higherFloor, type WalkedFrame } from "./walk.js";

/** What planning wants to know next about a segment that was listed. */
export type PlanRequest =
  /** The result of `scanSegment`. */
  | { readonly kind: "scan"; readonly number: number }
  /** The result of `identifySegment`; the file is part of the history, and its frames need not be read. */
  | { readonly kind: "identity"; readonly number: number };

/** The answer: of the kind that was asked for, or `missing` if the file is no longer there. */
export type PlanAnswer =
  | { readonly kind: "scan"; readonly scan: SegmentScan }
  | { readonly kind: "identity"; readonly identity: SegmentIdentity }
  | { readonly kind: "missing" };

/** There is no log yet. */
export interface NewLogPlan {
  readonly kind: "new";
  /** The number of the first segment to make. */
  readonly newNumber: number;
  /** From the header of a creation that was cut short. */
  readonly logId: Uint8Array | undefined;
  /** From the begin of a creation that was cut short: where its sequence numbers were to start, and its parent. */
  readonly begin: Begin | undefined;
  /** Files of creations that were cut short, ascending. They carry nothing. */
  readonly voids: readonly number[];
}

/** The log must not be opened. Nothing is to be changed. */
export interface PlanError {
  readonly kind: "error";
  readonly code: "WAL_CORRUPT" | "WAL_SEGMENT_MISSING" | "WAL_UNSUPPORTED_VERSION";
  readonly segment: number;
  /** In the segment, where there is one. */
  readonly offset: number | undefined;
  /** A phrase for messages. */
  readonly reason: string;
}

/** A segment of the history. */
export interface ChainLink {
  readonly number: number;
  readonly header: SegmentHeader;
  /** Sequence number of its first record, if it has one. */
  readonly firstSeq: number;
  /** Last sequence number below `provenBytes`; `firstSeq − 1` if it has no record. */
  readonly lastSeq: number;
  /** History in this file ends here. At least 8,192. */
  readonly provenBytes: number;
}

/** How far the history has been followed back: a segment of it, and what its begin says of the one before it. */
export interface ChainEnd {
  readonly link: ChainLink;
  readonly begin: Begin;
}

/** There is a log, and this is its newest part: all that opening has to know. */
export interface HeadPlan {
  readonly kind: "head";
  readonly logId: Uint8Array;
  /** The newest established segment. The next segment names it as predecessor, with its `provenBytes` and `lastSeq`. */
  readonly head: ChainEnd;
  /** The segment that the unproven commits are copied from, and that the tail is reported of. */
  readonly source: { readonly number: number; readonly header: SegmentHeader };
  /** The commits of the source to be copied, each as one frame, in order. They carry `lastSeq + 1` to `nextSeq − 1`. */
  readonly copy: readonly WalkedFrame[];
  /** The next sequence number when the copies are made. */
  readonly nextSeq: number;
  /** What is kept. */
  readonly floor: Floor;
  /** The part of {@link floor} that is known to be durable. What is above it was only seen: it is obeyed, and power loss may take it. */
  readonly provenFloorSeq: number;
  /** The number of the next segment. 2^53 if all are used up. */
  readonly newNumber: number;
  readonly tornTail: { readonly number: number; readonly offset: number; readonly bytes: number } | undefined;
  /** Whether the last thing written is a seal. */
  readonly closedCleanly: boolean;
  /** The next frame must not be older. */
  readonly lastCommittedAtMs: number;
}

/** There is a log, and this is the whole of its state. */
export interface RecoveredPlan extends Omit<HeadPlan, "kind" | "head"> {
  readonly kind: "recovered";
  readonly head: number;
  /** What the head itself stands on. */
  readonly headBegin: Begin;
  /** Proven bytes of the head. */
  readonly end: number;
  /** The last sequence number that is proven. */
  readonly lastSeq: number;
  /** The segments from the one that holds the floor to the head, ascending. */
  readonly chain: readonly ChainLink[];
  /** What is kept; `seq` is at least the first sequence number that is there. */
  readonly floor: Floor;
  /** Files above the floor that are not in the chain, ascending. To be removed only when the copies are durable. */
  readonly voids: readonly number[];
  /** Files below the floor, ascending. To be removed only when the floor was written again or is proven. */
  readonly belowFloor: readonly number[];
}

/** What opening a log has to do, or why it cannot. */
export type RecoveryPlan = NewLogPlan | PlanError | RecoveredPlan;

/**
 * Plans the recovery of a log: yields what it wants to know, takes the answers, returns the plan. Asks for scans from the newest
 * segment down to the head, then for the identities of the segments before it. Changes nothing, and never throws because of what
 * it is told about a file.
 *
 * @param numbers - The numbers of all segment files that are there, ascending, each once.
 */
export function* planRecovery(numbers: readonly number[]): Planning<RecoveryPlan> {
  const plan = yield* planHead(numbers);
  if (plan.kind !== "head") return plan;
  const { head, floor } = plan;
  const chain = [head.link];
  let first = head;
  for (;;) {
    const before = yield* followBack(first, numbers, floor);
    if (before === undefined) break;
    if ("kind" in before) return before;
    chain.push(before.link);
    first = before;
  }
  const lowest = Math.min(floor.number, first.link.number);
  const inChain = new Set(chain.map((it) => it.number));
  return {
    ...plan,
    kind: "recovered",
    head: head.link.number,
    headBegin: head.begin,
    end: head.link.provenBytes,
    lastSeq: head.link.lastSeq,
    chain: chain.reverse(),
    floor: { seq: Math.max(floor.seq, first.link.firstSeq), number: floor.number },
    voids: numbers.filter((it) => it >= lowest && !inChain.has(it)),
    belowFloor: numbers.filter((it) => it < lowest),
  };
}

/** The first part of {@link planRecovery}, and all that opening needs: its work is bounded by the newest segments. */
export function* planHead(numbers: readonly number[]): Planning<HeadPlan | NewLogPlan | PlanError> {
  const found = yield* findHead(numbers);
  if (found.kind !== "found") return found;
  const { head, candidates } = found;
  const followers = candidates.filter((it) => it.begin.predecessor?.number === head.number);
  const end = followers.reduce((most, it) => Math.max(most, it.begin.predecessor?.provenBytes ?? 0), head.proven);
  const lastSeq = lastSeqAt(head, end);
  if (lastSeq === undefined || !followers.every((it) => agrees(head, it.begin))) {
    return corrupt(head.number, head.end, "it does not reach what is stated of it");
  }

  const source = furthest(head, candidates);
  const copy = source.frames.filter((it) => it.kind === FrameKind.commit && it.firstSeq + it.recordCount - 1 > lastSeq);
  const first = copy[0];
  if (first !== undefined && first.firstSeq !== lastSeq + 1) return corrupt(source.number, first.offset, "its commits do not continue the history");

  return {
    kind: "head",
    logId: head.header.logId,
    head: {
      link: { number: head.number, header: head.header, firstSeq: head.begin.lastSeq + 1, lastSeq, provenBytes: end },
      begin: head.begin,
    },
    source: { number: source.number, header: source.header },
    copy,
    nextSeq: source.lastSeq + 1,
    floor: [...candidates.map((it) => it.begin.floor), head.trimFloor, source.trimFloor].reduce<Floor>(higherFloor, head.begin.floor),
    provenFloorSeq: higherFloor(head.begin.floor, trimFloorAt(head, end)).seq,
    newNumber: (numbers.at(-1) ?? 0) + 1,
    tornTail: source.tail.state === "torn" ? { number: source.number, offset: source.tail.offset, bytes: source.tail.bytes } : undefined,
    closedCleanly: source.tail.state === "sealed",
    lastCommittedAtMs: candidates.reduce((latest, it) => Math.max(latest, it.lastCommittedAtMs), head.lastCommittedAtMs),
  };
}

/**
 * The segment of the history before another one, or `undefined` if that one holds the floor or is the log's first. Asks for one
 * identity.
 *
 * @param numbers - As for {@link planRecovery}.
 */
export function* followBack(after: ChainEnd, numbers: readonly number[], floor: Floor): Planning<ChainEnd | PlanError | undefined> {
  const { predecessor, lastSeq } = after.begin;
  if (predecessor === undefined) return undefined;
  if (predecessor.number < floor.number) {
    return after.link.firstSeq > floor.seq ? corrupt(after.link.number, BEGIN_OFFSET, "it starts behind the first record that is kept") : undefined;
  }
  const { number, provenBytes } = predecessor;
  if (!isListed(numbers, number)) return missing(number);
  const answer = yield { kind: "identity", number };
  if (answer.kind !== "identity") return missing(number);
  const { identity } = answer;
  if (identity.class === "unsupported") return unsupported(identity);
  if (identity.class === "damaged") return corrupt(number, identity.offset, identity.reason);
  if (!sameBytes(identity.header.logId, after.link.header.logId)) return corrupt(number, 0, ANOTHER_LOG);
  if (identity.fileBytes < provenBytes) return corrupt(number, identity.fileBytes, "the file is shorter than what was durable in it");
  if (identity.begin.lastSeq > lastSeq) return corrupt(number, BEGIN_OFFSET, "it starts behind the segment that follows it");
  return { link: { number, header: identity.header, firstSeq: identity.begin.lastSeq + 1, lastSeq, provenBytes }, begin: identity.begin };
}

/** A computation that asks for what it needs to know about files. */
export type Planning<T> = Generator<PlanRequest, T, PlanAnswer>;

interface FoundHead {
  readonly kind: "found";
  readonly head: WalkedScan;
  /** Begun, not established, above the head: each follows it, or was to take its place. Newest first. */
  readonly candidates: readonly WalkedScan[];
}

/** Scans from the newest segment downwards until one is established, by what it holds or by what a newer one states of it. */
function* findHead(numbers: readonly number[]): Planning<FoundHead | NewLogPlan | PlanError> {
  const candidates: WalkedScan[] = [];
  const headers: SegmentHeader[] = [];
  /** The largest number that a candidate names. The head cannot lie below it. */
  let named = 0;
  for (const number of numbers.toReversed()) {
    if (number < named) break;
    const answer = yield { kind: "scan", number };
    if (answer.kind !== "scan") continue;
    const { scan } = answer;
    if (scan.class === "unsupported") return unsupported(scan);
    if (scan.class === "damaged") return corrupt(number, scan.offset, scan.reason);
    if (scan.class !== "absent") {
      const differs = headers.some((it) => !sameBytes(it.logId, scan.header.logId));
      if (differs) return corrupt(number, 0, ANOTHER_LOG);
      headers.push(scan.header);
    }
    if (scan.class === "established" || (scan.class === "begun" && number === named)) {
      const misled = candidates.find((it) => it.begin.predecessor?.number !== number && !takesPlaceOf(scan, it.begin));
      if (misled !== undefined) return corrupt(misled.number, BEGIN_OFFSET, "it does not follow the newest established segment");
      return { kind: "found", head: scan, candidates };
    }
    if (scan.class === "begun") {
      candidates.push(scan);
      named = Math.max(named, scan.begin.predecessor?.number ?? 0);
    } else if (number === named) {
      return corrupt(number, scan.class === "absent" ? 0 : BEGIN_OFFSET, "a later segment follows it, and it is empty");
    }
  }
  if (named > 0) return missing(named);
  return {
    kind: "new",
    newNumber: (numbers.at(-1) ?? 0) + 1,
    logId: headers[0]?.logId,
    begin: candidates[0]?.begin,
    voids: numbers,
  };
}

/** Whether a segment was to take the place of `head`: it stands on what the head stands on, and holds what the head holds. */
function takesPlaceOf(head: WalkedScan, { predecessor, lastSeq }: Begin): boolean {
  const before = head.begin.predecessor;
  return before !== undefined && predecessor?.number === before.number && predecessor.provenBytes === before.provenBytes && lastSeq === head.begin.lastSeq;
}

/** Whether the walk of `head` reaches what the begin of a later segment states of it. */
function agrees(head: WalkedScan, { predecessor, lastSeq }: Begin): boolean {
  const provenBytes = predecessor?.provenBytes ?? 0;
  // Below the frames that the scan lists only the order can be checked. No writer states less than is proven.
  return provenBytes < head.listedFrom.end ? lastSeq <= head.listedFrom.lastSeq : lastSeqAt(head, provenBytes) === lastSeq;
}

/** The segment whose walk reaches the highest sequence number; of equals the newest. */
function furthest(head: WalkedScan, candidates: readonly WalkedScan[]): WalkedScan {
  return [...candidates, head].reduce((best, it) => (it.lastSeq > best.lastSeq ? it : best));
}

/** Whether an ascending list has a number. */
function isListed(numbers: readonly number[], number: number): boolean {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? Infinity) < number) low = middle + 1;
    else high = middle;
  }
  return numbers[low] === number;
}

const ANOTHER_LOG = "it belongs to another log";

function corrupt(segment: number, offset: number, reason: string): PlanError {
  return { kind: "error", code: "WAL_CORRUPT", segment, offset, reason };
}

function missing(segment: number): PlanError {
  return { kind: "error", code: "WAL_SEGMENT_MISSING", segment, offset: undefined, reason: "a later segment follows it, and it is not there" };
}

function unsupported(scan: UnsupportedScan): PlanError {
  const reason = `its format version is ${scan.version}, with flags ${scan.flags}`;
  return { kind: "error", code: "WAL_UNSUPPORTED_VERSION", segment: scan.number, offset: 0, reason };
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
