import { describe, expect, test } from "vitest";

import type { PlanAnswer, PlanRequest, RecoveredPlan, RecoveryPlan } from "../src/format/plan.js";
import type { SegmentIdentity, SegmentScan, Tail, WalkedScan } from "../src/format/scan.js";
import { frameEnd, type WalkedFrame } from "../src/format/walk.js";
import { FrameKind, type Begin, type Floor, type SegmentHeader } from "../src/format/segment.js";
import { planWith } from "./support/log-files.js";
import { fill } from "./support/segment-builder.js";

const LOG_ID = fill(16, 0xa0);
const OTHER_LOG_ID = fill(16, 0xb0);
const TORN: Tail = { state: "torn", offset: 9000, bytes: 50 };

/*
 * Frames in these scans have 100 bytes each, header included, and stand one behind the other from 8,192 on, which no real
 * segment would have: planning does not look.
 */

describe("the newest segment that is not named by another", () => {
  // Segment 7 is established and has records 1 to 5; the one on top of it is of each class in turn.
  const head = established(7, { seqs: [1, 5], proven: 5 });

  test.each<[string, SegmentScan | undefined, Partial<RecoveredPlan>]>([
    ["missing: nothing", undefined, { newNumber: 8, voids: [] }],
    ["absent: void", { class: "absent", number: 9 }, { newNumber: 10, voids: [9] }],
    ["prepared: void", prepared(9), { newNumber: 10, voids: [9] }],
    ["begun: a candidate", begun(9, { predecessor: [7, 5], lastSeq: 5 }), { newNumber: 10, voids: [9] }],
  ])("%s", (_, scan, expected) => {
    const plan = planOf(...(scan === undefined ? [head] : [head, scan]));
    expect(plan).toMatchObject({ kind: "recovered", head: 7, end: at(5), lastSeq: 5, nextSeq: 6, copy: [], belowFloor: [], ...expected });
    expect(chainOf(plan)).toEqual([7]);
  });

  test("damaged: refused, also if it might have been void", () => {
    expect(planOf(head, damaged(9, 4096))).toEqual(error("WAL_CORRUPT", 9, 4096, "harmed"));
  });

  test("unsupported: refused", () => {
    const plan = planOf(head, { class: "unsupported", number: 9, version: 2, flags: 3 });
    expect(plan).toEqual(error("WAL_UNSUPPORTED_VERSION", 9, 0, "its format version is 2, with flags 3"));
  });

  test("established: the head", () => {
    const plan = planOf(head, established(9, { predecessor: [7, 5], seqs: [6, 8], proven: 3 }));
    expect(plan).toMatchObject({ kind: "recovered", head: 9, end: at(3), lastSeq: 8, nextSeq: 9, newNumber: 10, voids: [] });
    expect(chainOf(plan)).toEqual([7, 9]);
  });
});

describe("a segment that a newer begun one names", () => {
  // Segment 9 is begun and says that history goes through frame 5 of segment 7, which is of each class in turn.
  const newer = begun(9, { predecessor: [7, 5], lastSeq: 5 });

  test("missing: refused", () => {
    expect(planOf(newer)).toMatchObject({ kind: "error", code: "WAL_SEGMENT_MISSING", segment: 7, offset: undefined });
    expect(planOf(established(6, { seqs: [1, 2], proven: 2 }), newer)).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 7 });
    expect(planOf(prepared(8), newer)).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 7 });
  });

  test("gone since it was listed: refused", () => {
    const scans = new Map([[9, newer]]);
    const plan = planWith([7, 9], ({ number }) => {
      const scan = scans.get(number);
      return scan === undefined ? { kind: "missing" } : { kind: "scan", scan };
    });
    expect(plan).toMatchObject({ kind: "error", code: "WAL_SEGMENT_MISSING", segment: 7 });
  });

  test.each<[string, SegmentScan, number]>([
    ["absent", { class: "absent", number: 7 }, 0],
    ["damaged", damaged(7, 12_345), 12_345],
    ["prepared", prepared(7), 4096],
  ])("%s: refused", (_, scan, offset) => {
    expect(planOf(scan, newer)).toMatchObject({ kind: "error", code: "WAL_CORRUPT", segment: 7, offset });
  });

  test("unsupported: refused", () => {
    expect(planOf({ class: "unsupported", number: 7, version: 2, flags: 0 }, newer)).toMatchObject({ code: "WAL_UNSUPPORTED_VERSION", segment: 7 });
  });

  test("begun: established by that statement, if the walk reaches it", () => {
    const inherited = { predecessor: [3, 2] as const, lastSeq: 2, inheritedThrough: 5 };
    const below = established(3, { seqs: [1, 2], proven: 2 });
    const named = begun(9, { predecessor: [7, 3], lastSeq: 5 });
    const plan = planOf(below, begun(7, { ...inherited, seqs: [3, 5] }), named);
    expect(plan).toMatchObject({ kind: "recovered", head: 7, end: at(3), lastSeq: 5, nextSeq: 6, copy: [], voids: [9] });
    expect(chainOf(plan)).toEqual([3, 7]);
    // Not as far, or with another last sequence number there.
    expect(planOf(below, begun(7, { ...inherited, seqs: [3, 4] }), named)).toMatchObject({ code: "WAL_CORRUPT", segment: 7, offset: at(2) });
    const other = begun(9, { predecessor: [7, 3], lastSeq: 4 });
    expect(planOf(below, begun(7, { ...inherited, seqs: [3, 5] }), other)).toMatchObject({ code: "WAL_CORRUPT", segment: 7, offset: at(3) });
    // Not named, the same segment is a candidate.
    expect(planOf(below, begun(7, { ...inherited, seqs: [3, 5] }))).toMatchObject({ head: 3, nextSeq: 6, copy: [{}, {}, {}] });
  });

  test("begun, and nothing is in it: established by that statement", () => {
    const plan = planOf(begun(7, {}), begun(9, { predecessor: [7, 0], lastSeq: 0 }));
    expect(plan).toMatchObject({ kind: "recovered", head: 7, end: 8192, lastSeq: 0, nextSeq: 1 });
  });

  test("established: proven through the larger of what it proves and what is stated", () => {
    const commits = { seqs: [1, 6] } as const;
    expect(planOf(established(7, { ...commits, proven: 4 }), newer)).toMatchObject({ head: 7, end: at(5), lastSeq: 5, nextSeq: 7, copy: [{ firstSeq: 6 }] });
    expect(planOf(established(7, { ...commits, proven: 6 }), newer)).toMatchObject({ head: 7, end: at(6), lastSeq: 6, nextSeq: 7, copy: [] });
  });

  test.each<[string, WalkedScan]>([
    ["it ends before what is stated", established(7, { seqs: [1, 4], proven: 4 })],
    ["what is stated is not the end of a frame", established(7, { seqs: [1, 6], proven: 4, shift: 8 })],
    ["another last sequence number is there", established(7, { seqs: [3, 7], proven: 4 })],
    ["another last sequence number was there", established(7, { seqs: [1, 7], proven: 7 })],
  ])("established, but %s: refused", (_, scan) => {
    const stated = scan.proven === at(7) ? begun(9, { predecessor: [7, 5], lastSeq: 9 }) : newer;
    expect(planOf(scan, stated)).toMatchObject({ kind: "error", code: "WAL_CORRUPT", segment: 7, offset: scan.end });
  });

  test("proven bytes that are not the end of a frame: refused", () => {
    expect(planOf({ ...established(7, { seqs: [1, 4], proven: 2 }), proven: at(3) - 4 })).toMatchObject({ code: "WAL_CORRUPT", segment: 7, offset: at(4) });
  });
});

describe("several begun segments", () => {
  const head = established(7, { seqs: [1, 5], proven: 3 });

  test("the largest of what they state counts", () => {
    const plan = planOf(head, begun(8, { predecessor: [7, 4], lastSeq: 4 }), begun(9, { predecessor: [7, 3], lastSeq: 3 }));
    expect(plan).toMatchObject({ head: 7, end: at(4), lastSeq: 4, voids: [8, 9], newNumber: 10 });
  });

  test("one that names another segment than the newest established is refused", () => {
    const newest = established(8, { predecessor: [7, 3], seqs: [4, 4], proven: 1 });
    for (const stated of [{ predecessor: [7, 2], lastSeq: 2 }, { predecessor: [7, 3], lastSeq: 2 }, { predecessor: [7, 4], lastSeq: 3 }] as const) {
      expect(planOf(head, newest, begun(9, stated))).toMatchObject({ code: "WAL_CORRUPT", segment: 9, offset: 4096 });
    }
    expect(planOf(head, begun(9, {}))).toMatchObject({ code: "WAL_CORRUPT", segment: 9, offset: 4096 });
    expect(planOf(established(5, { seqs: [1, 1], proven: 1 }), begun(8, { predecessor: [5, 1], lastSeq: 1 }), begun(9, { predecessor: [7, 3], lastSeq: 3 }))).toMatchObject({
      code: "WAL_SEGMENT_MISSING",
      segment: 7,
    });
  });

  test("one that was to take the place of the newest established is a source, and states nothing about it", () => {
    // Segment 8 has 4 to 6, of which 6 is not proven. Segment 9 stands on what 8 stands on, and got as far as 5, 6 or 7.
    const newest = established(8, { predecessor: [7, 3], seqs: [4, 6], proven: 2 });
    const taking = (last: number) => begun(9, { predecessor: [7, 3], lastSeq: 3, inheritedThrough: 7, seqs: [4, last] });
    const expected = { kind: "recovered", head: 8, end: at(2), lastSeq: 5, voids: [9], newNumber: 10 };
    expect(planOf(head, newest, taking(5))).toMatchObject({ ...expected, source: { number: 8 }, copy: [{ firstSeq: 6 }], nextSeq: 7 });
    expect(planOf(head, newest, taking(6))).toMatchObject({ ...expected, source: { number: 9 }, copy: [{ firstSeq: 6 }], nextSeq: 7 });
    expect(planOf(head, newest, taking(7))).toMatchObject({ ...expected, source: { number: 9 }, copy: [{ firstSeq: 6 }, { firstSeq: 7 }], nextSeq: 8 });
    // Without segment 8 it is as if there had never been one.
    expect(planOf(head, taking(5))).toMatchObject({ head: 7, end: at(3), lastSeq: 3, source: { number: 9 }, copy: [{ firstSeq: 4 }, { firstSeq: 5 }] });
    // Nothing can take the place of a log's first segment.
    expect(planOf(head, begun(9, { seqs: [1, 5] }))).toMatchObject({ code: "WAL_CORRUPT", segment: 9, offset: 4096 });
  });

  test("one that took the place of a segment is the head, and the other is void", () => {
    const replaced = established(8, { predecessor: [7, 3], seqs: [4, 6], proven: 3 });
    const plan = planOf(established(7, { seqs: [1, 3], proven: 3 }), replaced, established(9, { predecessor: [7, 3], inheritedThrough: 6, seqs: [4, 7], proven: 3 }));
    expect(plan).toMatchObject({ kind: "recovered", head: 9, lastSeq: 6, voids: [8], copy: [{ firstSeq: 7 }] });
    expect(chainOf(plan)).toEqual([7, 9]);
  });

  test("every segment that is scanned must be of one log, void ones too", () => {
    const plan = error("WAL_CORRUPT", 7, 0, "it belongs to another log");
    expect(planOf(head, { ...begun(9, { predecessor: [7, 3], lastSeq: 3 }), header: headerOf(9, OTHER_LOG_ID) })).toEqual(plan);
    expect(planOf(head, { ...prepared(9), header: headerOf(9, OTHER_LOG_ID) })).toEqual(plan);
    expect(planOf(prepared(7), { ...prepared(9), header: headerOf(9, OTHER_LOG_ID) })).toEqual(plan);
  });
});

describe("the unproven commits", () => {
  const tails: readonly Tail[] = [{ state: "clean" }, { state: "sealed" }, TORN];
  const rows = tails.flatMap((tail) => [0, 1, 3].map((count) => [tail.state, count, tail] as const));

  test.each(rows)("behind the head, tail %s, %i of them", (_, count, tail) => {
    const plan = planOf(established(7, { seqs: [1, 4 + count], proven: 4, tail }));
    expectCopies(plan, { source: 7, lastSeq: 4, count, tail });
  });

  test.each(rows)("in a candidate that reaches further, tail %s, %i of them", (_, count, tail) => {
    const head = established(7, { seqs: [1, 4], proven: 4, tail: TORN });
    const candidate = begun(9, { predecessor: [7, 4], lastSeq: 4, inheritedThrough: 7, seqs: count === 0 ? undefined : [5, 4 + count], tail });
    expectCopies(planOf(head, candidate), { source: 9, lastSeq: 4, count, tail });
  });

  test("come from the segment that reaches furthest", () => {
    const head = established(7, { seqs: [1, 6], proven: 4 });
    const candidate = (number: number, last: number) => begun(number, { predecessor: [7, 4], lastSeq: 4, inheritedThrough: 9, seqs: [5, last] });
    expectCopies(planOf(head, candidate(8, 7), candidate(9, 5)), { source: 8, lastSeq: 4, count: 3 });
    expectCopies(planOf(head, candidate(8, 5), candidate(9, 5)), { source: 7, lastSeq: 4, count: 2 });
  });

  test("come from the newest of those that reach equally far", () => {
    const head = established(7, { seqs: [1, 6], proven: 4 });
    const candidate = (number: number) => begun(number, { predecessor: [7, 4], lastSeq: 4, inheritedThrough: 6, seqs: [5, 6] });
    expectCopies(planOf(head, candidate(8), candidate(9)), { source: 9, lastSeq: 4, count: 2 });
  });

  test("are those above what is proven by now, although a candidate copied more", () => {
    const head = established(7, { seqs: [1, 6], proven: 4 });
    const older = begun(8, { predecessor: [7, 4], lastSeq: 4, inheritedThrough: 6, seqs: [5, 6] });
    const newer = begun(9, { predecessor: [7, 5], lastSeq: 5, inheritedThrough: 6 });
    expectCopies(planOf(head, older, newer), { source: 8, lastSeq: 5, count: 1 });
  });

  test("are commits: markers and trims are not copied", () => {
    const scan = established(7, { seqs: [1, 6], proven: 2 });
    const kinds = [FrameKind.commit, FrameKind.trim, FrameKind.marker, FrameKind.commit];
    const frames = kinds.map((kind, index) => frame(3 + index, kind === FrameKind.commit ? 1 : 0, { kind, firstSeq: index === 0 ? 3 : 4 }));
    const plan = recovered(planOf({ ...scan, frames, lastSeq: 4 }));
    expect(plan.copy.map((it) => it.firstSeq)).toEqual([3, 4]);
    expect(plan.nextSeq).toBe(5);
  });

  test("that do not continue the history are refused", () => {
    const head = established(7, { seqs: [1, 4], proven: 4 });
    const candidate = begun(9, { predecessor: [7, 4], lastSeq: 4, inheritedThrough: 9 });
    const gap = { ...candidate, frames: [frame(1, 2, { firstSeq: 6 })], lastSeq: 7, end: at(1) };
    expect(planOf(head, gap)).toMatchObject({ code: "WAL_CORRUPT", segment: 9, offset: 8192 });
    const across = { ...candidate, frames: [frame(1, 2, { firstSeq: 4 })], lastSeq: 5, end: at(1) };
    expect(planOf(head, across)).toMatchObject({ code: "WAL_CORRUPT", segment: 9, offset: 8192 });
  });
});

describe("no head", () => {
  test("no file: a new log", () => {
    expect(planOf()).toEqual({ kind: "new", newNumber: 1, logId: undefined, begin: undefined, voids: [] });
  });

  test("only what a creation left behind that was cut short: a new log, with its identity", () => {
    const first = begun(2, { lastSeq: 99 });
    expect(planOf({ class: "absent", number: 1 })).toEqual({ kind: "new", newNumber: 2, logId: undefined, begin: undefined, voids: [1] });
    expect(planOf({ class: "absent", number: 1 }, prepared(4))).toEqual({ kind: "new", newNumber: 5, logId: LOG_ID, begin: undefined, voids: [1, 4] });
    expect(planOf({ class: "absent", number: 1 }, first)).toEqual({ kind: "new", newNumber: 3, logId: LOG_ID, begin: first.begin, voids: [1, 2] });
  });

  test("a segment that follows another: refused", () => {
    expect(planOf(begun(2, { predecessor: [1, 3], lastSeq: 3 }))).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 1 });
  });
});

describe("the chain", () => {
  const first = established(2, { seqs: [1, 5], proven: 5 });
  const second = established(4, { predecessor: [2, 5], lastSeq: 5, seqs: [6, 9], proven: 4 });
  const head = established(7, { predecessor: [4, 4], lastSeq: 9, seqs: [10, 12], proven: 3 });

  test("goes from the head to the first segment, ascending", () => {
    const plan = recovered(planOf(first, second, head));
    expect(plan.chain).toEqual([
      { number: 2, header: first.header, firstSeq: 1, lastSeq: 5, provenBytes: at(5) },
      { number: 4, header: second.header, firstSeq: 6, lastSeq: 9, provenBytes: at(4) },
      { number: 7, header: head.header, firstSeq: 10, lastSeq: 12, provenBytes: at(3) },
    ]);
    expect(plan).toMatchObject({ voids: [], belowFloor: [], newNumber: 8, logId: LOG_ID, floor: { seq: 1, number: 1 } });
  });

  test("asks for scans down to the head, then for identities", () => {
    const asked: PlanRequest[] = [];
    planOf({ onRequest: (it) => asked.push(it) }, first, second, head, prepared(9));
    expect(asked).toEqual([
      { kind: "scan", number: 9 },
      { kind: "scan", number: 7 },
      { kind: "identity", number: 4 },
      { kind: "identity", number: 2 },
    ]);
  });

  test("numbers in none of its links are void, and are not looked at", () => {
    const plan = recovered(planOf(damaged(1, 0), first, damaged(3, 0), second, damaged(5, 0), prepared(6), head, prepared(9)));
    expect(plan.voids).toEqual([1, 3, 5, 6, 9]);
    expect(plan.newNumber).toBe(10);
  });

  test("ends at the floor, and what is below is not looked at", () => {
    const shorter = trimmed(head, { seq: 7, number: 4 });
    for (const below of [[], [first], [damaged(2, 0)], [damaged(1, 0), damaged(2, 0), damaged(3, 0)]]) {
      const plan = recovered(planOf(...below, second, shorter));
      expect(chainOf(plan)).toEqual([4, 7]);
      expect(plan).toMatchObject({ floor: { seq: 7, number: 4 }, belowFloor: below.map((it) => it.number), voids: [] });
    }
  });

  test("a segment of it that is missing is refused, the first too", () => {
    expect(planOf(first, head)).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 4 });
    expect(planOf(second, head)).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 2 });
  });

  test("a segment of it that is gone since it was listed is refused", () => {
    const plan = planWith([4, 7], ({ kind }) => (kind === "scan" ? { kind, scan: head } : { kind: "missing" }));
    expect(plan).toMatchObject({ code: "WAL_SEGMENT_MISSING", segment: 4 });
  });

  const identity = (number: number, change: Partial<WalkedScan>): SegmentIdentity => ({ ...identityOf({ ...second, ...change }), number });
  test.each<[string, SegmentIdentity, string, number]>([
    ["damaged", damaged(4, 4096), "WAL_CORRUPT", 4096],
    ["of another version", { class: "unsupported", number: 4, version: 7, flags: 0 }, "WAL_UNSUPPORTED_VERSION", 0],
    ["of another log", identity(4, { header: headerOf(4, OTHER_LOG_ID) }), "WAL_CORRUPT", 0],
    ["shorter than what was durable in it", identity(4, { fileBytes: at(4) - 1 }), "WAL_CORRUPT", at(4) - 1],
    ["one that starts behind its successor", identity(4, { begin: beginOf({ predecessor: [2, 5], lastSeq: 10 }) }), "WAL_CORRUPT", 4096],
  ])("a segment of it that is %s is refused", (_, answer, code, offset) => {
    const plan = planWith([2, 4, 7], ({ kind, number }) =>
      kind === "scan" ? { kind, scan: head } : { kind, identity: number === 4 ? answer : identityOf(first) },
    );
    expect(plan).toMatchObject({ kind: "error", code, segment: 4, offset });
  });

  test("the head's bytes end where a newer segment says, a predecessor's where its successor says", () => {
    const later = begun(9, { predecessor: [7, 2], lastSeq: 11 });
    const plan = recovered(planOf(first, second, { ...head, ...established(7, { predecessor: [4, 4], lastSeq: 9, seqs: [10, 12], proven: 1 }) }, later));
    expect(plan.chain.map((it) => [it.provenBytes, it.lastSeq])).toEqual([[at(5), 5], [at(4), 9], [at(2), 11]]);
  });
});

describe("the floor", () => {
  const first = established(2, { seqs: [1, 5], proven: 5 });
  const begin = (seq: number, number: number): Partial<Begin> => ({ floor: { seq, number } });
  const head = (change: Partial<Begin> = {}) => withBegin(established(4, { predecessor: [2, 5], lastSeq: 5, seqs: [6, 9], proven: 4 }), change);
  const candidate = (change: Partial<Begin> = {}) => withBegin(begun(9, { predecessor: [4, 4], lastSeq: 9 }), change);

  test.each<[string, readonly SegmentScan[], { seq: number; number: number }]>([
    ["the begin of the head", [first, head(begin(3, 2))], { seq: 3, number: 2 }],
    ["a trim in the head", [first, trimmed(head(begin(3, 2)), { seq: 8, number: 4 })], { seq: 8, number: 4 }],
    ["a trim in the head, which is not the source", [first, trimmed(head(begin(3, 2)), { seq: 8, number: 4 }), candidate(begin(3, 2))], { seq: 8, number: 4 }],
    ["the begin of a candidate", [first, trimmed(head(begin(3, 2)), { seq: 8, number: 4 }), candidate(begin(9, 4))], { seq: 9, number: 4 }],
    ["a trim in the source", [first, head(begin(3, 2)), trimmed(candidate(begin(3, 2)), { seq: 7, number: 4 })], { seq: 7, number: 4 }],
    ["a trim that is higher than a later one", [first, trimmed(head(begin(5, 2)), { seq: 4, number: 2 })], { seq: 5, number: 2 }],
    ["of equal sequence numbers the higher segment", [first, trimmed(head(begin(6, 2)), { seq: 6, number: 4 })], { seq: 6, number: 4 }],
  ])("is the largest: %s", (_, scans, floor) => {
    expect(planOf(...scans)).toMatchObject({ kind: "recovered", floor });
  });

  test("does not count where neither head nor source trimmed", () => {
    const lagging = trimmed(withBegin(begun(8, { predecessor: [4, 4], lastSeq: 9 }), begin(3, 2)), { seq: 7, number: 4 });
    expect(planOf(first, head(begin(3, 2)), lagging, candidate(begin(3, 2)))).toMatchObject({ floor: { seq: 3, number: 2 } });
  });

  test.each<[string, readonly SegmentScan[], number, number]>([
    ["the begin of the head", [first, head(begin(3, 2))], 3, 3],
    ["a trim in it that it proves", [first, trimmed(head(begin(3, 2)), { seq: 8, number: 4 })], 8, 8],
    ["a trim in it with nothing behind it", [first, trimmedLast(head(begin(3, 2)), { seq: 8, number: 4 })], 8, 3],
    ["the same, behind one that is proven", [first, trimmedLast(trimmed(head(begin(3, 2)), { seq: 6, number: 4 }), { seq: 8, number: 4 })], 8, 6],
    [
      "the same, which a later segment proves",
      [first, trimmedLast(head(begin(3, 2)), { seq: 8, number: 4 }), withBegin(begun(9, { predecessor: [4, 5], lastSeq: 9 }), begin(8, 4))],
      8,
      8,
    ],
    ["a later begin", [first, head(begin(3, 2)), candidate(begin(9, 4))], 9, 3],
    ["a trim in the source", [first, head(begin(3, 2)), trimmed(candidate(begin(3, 2)), { seq: 7, number: 4 })], 7, 3],
  ])("is proven by the head alone: %s", (_, scans, seq, provenFloorSeq) => {
    expect(planOf(...scans)).toMatchObject({ kind: "recovered", floor: { seq }, provenFloorSeq });
  });

  test("is never below the first record of a log that did not start at 1", () => {
    expect(planOf(established(1, { lastSeq: 999, seqs: [1000, 1001], proven: 2 }))).toMatchObject({ floor: { seq: 1000, number: 1 }, nextSeq: 1002 });
  });

  test("keeps the head, also where it lies above it", () => {
    const plan = planOf(first, head(), candidate(begin(10, 9)));
    expect(plan).toMatchObject({ head: 4, floor: { seq: 10, number: 9 }, belowFloor: [2], voids: [9] });
    expect(chainOf(plan)).toEqual([4]);
  });

  test("that lies before the first segment that is kept is refused", () => {
    expect(planOf(first, head(begin(3, 4)))).toMatchObject({ code: "WAL_CORRUPT", segment: 4, offset: 4096 });
  });
});

describe("the report", () => {
  test("has the latest time of what was scanned", () => {
    const head = { ...established(7, { seqs: [1, 4], proven: 4 }), lastCommittedAtMs: 50 };
    expect(planOf(head)).toMatchObject({ lastCommittedAtMs: 50 });
    expect(planOf(head, { ...begun(8, { predecessor: [7, 4], lastSeq: 4 }), lastCommittedAtMs: 70 })).toMatchObject({ lastCommittedAtMs: 70 });
    expect(planOf(head, { ...begun(8, { predecessor: [7, 4], lastSeq: 4 }), lastCommittedAtMs: 30 })).toMatchObject({ lastCommittedAtMs: 50 });
  });

  test("says 2^53 where the numbers are used up", () => {
    expect(planOf(established(Number.MAX_SAFE_INTEGER, { seqs: [1, 1], proven: 1 }))).toMatchObject({ newNumber: 2 ** 53 });
  });
});

interface ScanOptions {
  readonly predecessor?: readonly [number: number, frames: number];
  readonly lastSeq?: number;
  readonly inheritedThrough?: number;
  /** First and last sequence number; a frame each. */
  readonly seqs?: readonly [number, number] | undefined;
  /** Frames that are proven; they are not listed. */
  readonly proven?: number;
  /** Bytes by which the ends of frames differ from what others state. */
  readonly shift?: number;
  readonly tail?: Tail;
}

/** The end of so many frames. */
function at(frames: number): number {
  return 8192 + 100 * frames;
}

function frame(position: number, recordCount: number, change: Partial<WalkedFrame>): WalkedFrame {
  return { offset: at(position - 1), kind: FrameKind.commit, bodyBytes: 52, recordCount, firstSeq: 1, committedAtMs: 1, ...change };
}

function headerOf(number: number, logId: Uint8Array): SegmentHeader {
  return { logId, number, createdAtMs: 1, salt: fill(8, number), commitAlignBytes: 8 };
}

function beginOf({ predecessor, lastSeq = 0, inheritedThrough = lastSeq }: ScanOptions): Begin {
  return {
    predecessor: predecessor === undefined ? undefined : { number: predecessor[0], provenBytes: at(predecessor[1]) },
    lastSeq,
    inheritedThrough,
    floor: { seq: 1, number: 1 },
    parent: undefined,
    committedAtMs: 1,
  };
}

function withBegin(scan: WalkedScan, change: Partial<Begin>): WalkedScan {
  return { ...scan, begin: { ...scan.begin, ...change } };
}

/** With a proven trim in it. */
function trimmed(scan: WalkedScan, trimFloor: Floor): WalkedScan {
  return { ...scan, trimFloor, listedFrom: { ...scan.listedFrom, trimFloor } };
}

/** With a trim behind its last frame, which nothing in it proves. */
function trimmedLast(scan: WalkedScan, floor: Floor): WalkedScan {
  const trim = frame((scan.end - 8192) / 100 + 1, 0, { kind: FrameKind.trim, firstSeq: scan.lastSeq + 1, floor });
  return { ...scan, end: frameEnd(trim), frames: [...scan.frames, trim], trimFloor: floor };
}

function walked(kind: "begun" | "established", number: number, options: ScanOptions): WalkedScan {
  const { seqs, proven = 0, shift = 0, tail = { state: "clean" } } = options;
  const begin = beginOf(options);
  const [first, last] = seqs ?? [begin.lastSeq + 1, begin.lastSeq];
  const count = last - first + 1;
  const frames = Array.from({ length: count }, (_, index) => frame(index + 1, 1, { firstSeq: first + index, bodyBytes: 52 - (index < count - 1 ? shift : 0) }));
  return {
    class: kind,
    number,
    fileBytes: at(count) + 1000,
    header: headerOf(number, LOG_ID),
    begin,
    end: at(count),
    lastSeq: last,
    proven: kind === "established" ? at(proven) : 0,
    listedFrom: { end: at(proven), lastSeq: first + proven - 1, trimFloor: undefined },
    frames: frames.slice(proven),
    trimFloor: undefined,
    tail,
    lastCommittedAtMs: 1,
  };
}

function begun(number: number, options: ScanOptions): WalkedScan {
  return walked("begun", number, options);
}

function established(number: number, options: ScanOptions): WalkedScan {
  return walked("established", number, { lastSeq: (options.seqs?.[0] ?? 1) - 1, ...options });
}

function prepared(number: number): SegmentScan & { class: "prepared" } {
  return { class: "prepared", number, header: headerOf(number, LOG_ID) };
}

function damaged(number: number, offset: number): SegmentScan & { class: "damaged" } {
  return { class: "damaged", number, offset, reason: "harmed" };
}

function identityOf(scan: SegmentScan): SegmentIdentity {
  if (scan.class === "damaged" || scan.class === "unsupported") return scan;
  if (scan.class === "absent" || scan.class === "prepared") return damaged(scan.number, 0);
  return { class: "identified", number: scan.number, fileBytes: scan.fileBytes, header: scan.header, begin: scan.begin };
}

interface Listening {
  readonly onRequest: (request: PlanRequest) => void;
}

/** The plan for segments with these scans. */
function planOf(...given: readonly (SegmentScan | Listening)[]): RecoveryPlan {
  const scans = new Map(given.flatMap((it) => ("class" in it ? [[it.number, it] as const] : [])));
  return planWith([...scans.keys()], (request): PlanAnswer => {
    for (const it of given) if ("onRequest" in it) it.onRequest(request);
    const scan = scans.get(request.number);
    if (scan === undefined) return { kind: "missing" };
    return request.kind === "scan" ? { kind: "scan", scan } : { kind: "identity", identity: identityOf(scan) };
  });
}

function recovered(plan: RecoveryPlan): RecoveredPlan {
  if (plan.kind !== "recovered") throw new Error(JSON.stringify(plan));
  return plan;
}

function chainOf(plan: RecoveryPlan): number[] {
  return recovered(plan).chain.map((it) => it.number);
}

function error(code: string, segment: number, offset: number | undefined, reason: string): unknown {
  return { kind: "error", code, segment, offset, reason };
}

function expectCopies(plan: RecoveryPlan, expected: { source: number; lastSeq: number; count: number; tail?: Tail }): void {
  const { source, lastSeq, count, tail } = expected;
  expect(plan).toMatchObject({ kind: "recovered", head: 7, lastSeq, nextSeq: lastSeq + count + 1, source: { number: source } });
  expect(recovered(plan).copy.map((it) => it.firstSeq)).toEqual(Array.from({ length: count }, (_, index) => lastSeq + 1 + index));
  if (tail === undefined) return;
  expect(recovered(plan).closedCleanly).toBe(tail.state === "sealed");
  expect(recovered(plan).tornTail).toEqual(tail.state === "torn" ? { number: source, offset: tail.offset, bytes: tail.bytes } : undefined);
}
