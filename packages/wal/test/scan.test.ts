import { crc32c } from "@holdfast/bytes";
import { describe, expect, test, vi } from "vitest";

import {
  identifySegment,
  lastSeqAt,
  scanBytes,
  scanSegment,
  trimFloorAt,
  type SegmentScan,
  type WalkedScan,
} from "../src/format/scan.js";
import { FrameKind, MAX_SEGMENT_FILE_BYTES, place, roundUp } from "../src/format/segment.js";
import { SCAN_WINDOW_BYTES, ShortWindowError } from "../src/format/window.js";
import { scan } from "./support/log-files.js";
import { SegmentBuilder, fill, text } from "./support/segment-builder.js";

vi.setConfig({ testTimeout: 30_000 });

const ONE = [text("one")];

describe("the class of a segment", () => {
  test.each<[string, (segment: SegmentBuilder) => Uint8Array]>([
    ["an empty file", () => new Uint8Array(0)],
    ["a header that was cut short", (it) => it.bytes().slice(0, 100)],
    ["a header with a hole, and nothing behind it", (it) => withZeros(it.bytes(4096), 16, 32)],
    ["a header's worth of zeros", () => new Uint8Array(4096)],
    ["the header of another number", () => new SegmentBuilder({ number: 3 }).bytes(4096)],
  ])("absent: %s", (_, make) => {
    expect(scan(2, make(new SegmentBuilder({ number: 2 })))).toEqual({ class: "absent", number: 2 });
  });

  test.each<[string, (bytes: Uint8Array) => void]>([
    ["its header", (bytes) => (bytes[20]! ^= 1)],
    ["its magic", (bytes) => (bytes[0]! ^= 1)],
    ["its whole header block", (bytes) => bytes.fill(0, 0, 4096)],
  ])("damaged at 0: something is behind a header that lost %s", (_, harm) => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const bytes = segment.bytes();
    harm(bytes);
    expect(scan(1, bytes)).toMatchObject({ class: "damaged", offset: 0 });
  });

  test.each<[string, (segment: SegmentBuilder) => Uint8Array]>([
    ["zeros", () => new Uint8Array(2 * SCAN_WINDOW_BYTES + 5)],
    ["one byte more than a header, all zeros", () => new Uint8Array(4097)],
    ["a header with a hole, and zeros behind it", (it) => withZeros(it.bytes(300_000), 16, 8192)],
  ])("damaged at 0, since it grew when its header was durable: %s", (_, make) => {
    expect(scan(1, make(new SegmentBuilder({ number: 1 })))).toMatchObject({ class: "damaged", offset: 0 });
  });

  test("damaged at 0: one byte, far behind a bad header", () => {
    const bytes = new Uint8Array(3 * SCAN_WINDOW_BYTES);
    bytes[bytes.length - 1] = 1;
    expect(scan(1, bytes)).toMatchObject({ class: "damaged", offset: 0 });
  });

  test("damaged: a file that is larger than a segment can be, without reading it", () => {
    const step = scanSegment(1, MAX_SEGMENT_FILE_BYTES + 1).next();
    expect(step).toMatchObject({ done: true, value: { class: "damaged", offset: MAX_SEGMENT_FILE_BYTES } });
  });

  test.each<[string, (segment: SegmentBuilder) => Uint8Array]>([
    ["a header alone", (it) => it.bytes(4096)],
    ["prepared space", (it) => withZeros(it.bytes(70_000), 4096)],
    ["a begin that was cut short", (it) => it.bytes(4096 + 100)],
    ["a begin with a hole", (it) => withZeros(it.bytes(70_000), 4096 + 4, 4096 + 12)],
    ["garbage behind it", (it) => withGarbage(it.bytes(70_000), 4096)],
  ])("prepared: %s", (_, make) => {
    const segment = new SegmentBuilder();
    expect(scan(1, make(segment))).toEqual({ class: "prepared", number: 1, header: segment.header });
  });

  test.each<[string, (segment: SegmentBuilder) => void]>([
    ["a commit", (it) => it.commit(ONE)],
    ["a commit far behind", (it) => it.commit(ONE, { offset: 5 * SCAN_WINDOW_BYTES + 8 })],
    ["a header that contradicts itself", (it) => it.frame(FrameKind.marker, new Uint8Array(0), { recordCount: 1 })],
  ])("damaged at 4,096: %s behind a bad begin", (_, add) => {
    const segment = new SegmentBuilder();
    add(segment);
    expect(scan(1, withZeros(segment.bytes(), 4096, 4104))).toMatchObject({ class: "damaged", offset: 4096 });
  });

  test("damaged at 4,096: only the header of a frame behind a bad begin", () => {
    const segment = new SegmentBuilder();
    segment.commit([fill(1000, 1)]);
    expect(scan(1, withZeros(segment.bytes().slice(0, 8192 + 48), 4096, 4104))).toMatchObject({ class: "damaged", offset: 4096 });
  });

  test("damaged at 4,096: a begin that contradicts itself", () => {
    const segment = new SegmentBuilder({}, { floor: { seq: 5, number: 1 } });
    expect(scan(1, segment.bytes())).toMatchObject({ class: "damaged", offset: 4096 });
  });

  test("begun: a begin and nothing else", () => {
    const segment = new SegmentBuilder({ number: 4 }, { predecessor: { number: 2, provenBytes: 9000 }, lastSeq: 6 });
    expect(scan(4, segment.bytes(8192))).toEqual(begun(segment, {}));
    expect(scan(4, segment.bytes(2 * SCAN_WINDOW_BYTES))).toEqual(begun(segment, { fileBytes: 2 * SCAN_WINDOW_BYTES }));
    // Files end where their writer was cut off.
    expect(scan(4, segment.bytes(4096 + 144))).toEqual(begun(segment, { fileBytes: 4240 }));
  });

  test("begun: garbage behind the begin is a torn tail", () => {
    const segment = new SegmentBuilder();
    const bytes = segment.bytes(9000);
    bytes[8700] = 1;
    expect(scan(1, bytes)).toEqual(begun(segment, { fileBytes: 9000, tail: { state: "torn", offset: 8192, bytes: 509 } }));
  });

  test("established: one frame, even if only its header is whole", () => {
    const segment = new SegmentBuilder();
    segment.commit([fill(2000, 1)]);
    expect(scan(1, segment.bytes())).toMatchObject({ class: "established", proven: 8192, end: segment.end, lastSeq: 1 });
    expect(scan(1, segment.bytes().slice(0, 9000))).toMatchObject({
      class: "established",
      proven: 8192,
      end: 8192,
      lastSeq: 0,
      frames: [],
      tail: { state: "torn", offset: 8192 },
    });
  });

  describe("with inherited records", () => {
    const inheriting = () => new SegmentBuilder({ number: 5 }, { predecessor: { number: 4, provenBytes: 9000 }, lastSeq: 10, inheritedThrough: 12 });

    test("begun: not all copies are there", () => {
      const segment = inheriting();
      segment.commit(ONE);
      segment.marker();
      expect(scan(5, segment.bytes())).toMatchObject({ class: "begun", proven: segment.frames[0]!.end, lastSeq: 11 });
    });

    test("begun: all are there, the last one without evidence; every copy is listed", () => {
      const segment = inheriting();
      segment.commit(ONE);
      segment.commit(ONE);
      const result = walked(scan(5, segment.bytes()));
      expect(result).toMatchObject({ class: "begun", proven: segment.frames[0]!.end, lastSeq: 12, listedFrom: { end: 8192, lastSeq: 10 } });
      expect(result.frames.map((it) => it.firstSeq)).toEqual([11, 12]);
    });

    test.each<[string, (segment: SegmentBuilder) => void]>([
      ["a marker", (it) => it.marker()],
      ["the next commit", (it) => it.commit(ONE)],
      ["the header of a torn commit", (it) => it.commit([fill(600, 0)])],
    ])("established: all are there, and %s vouches for the last one", (name, add) => {
      const segment = inheriting();
      segment.commit(ONE);
      segment.commit(ONE);
      const copied = segment.end;
      add(segment);
      const bytes = segment.bytes().slice(0, name.includes("torn") ? segment.end - 9 : segment.end);
      expect(scan(5, bytes)).toMatchObject({ class: "established", proven: copied });
    });

    test("begun: the evidence covers less than the last copy", () => {
      const segment = inheriting();
      segment.relaxed = true;
      segment.commit(ONE);
      segment.commit(ONE);
      segment.commit(ONE);
      expect(scan(5, segment.bytes())).toMatchObject({ class: "begun", proven: 8192, lastSeq: 13 });
    });
  });

  test("unsupported: a sound header of another version", () => {
    const bytes = new SegmentBuilder().bytes();
    bytes[8] = 2;
    // The checksum of the header, with the version changed.
    bytes.set(headerChecksum(bytes), 124);
    expect(scan(1, bytes)).toEqual({ class: "unsupported", number: 1, version: 2, flags: 0 });
  });
});

describe("the walk", () => {
  test.each([8, 4096] as const)("goes through all kinds of frames, commits at multiples of %i", (commitAlignBytes) => {
    const segment = new SegmentBuilder({ commitAlignBytes }, { lastSeq: 100 });
    segment.commit([text("a"), text("b")]);
    segment.marker();
    segment.commit([text("c")]);
    segment.trim({ seq: 102, number: 1 });
    segment.marker();
    segment.commit([new Uint8Array(0)]);
    segment.commit([fill(5000, 3)]);
    segment.seal();
    const result = walked(scan(1, segment.bytes()));
    expect(result).toMatchObject({
      class: "established",
      end: segment.end,
      lastSeq: 105,
      proven: segment.frames.at(-2)!.end,
      tail: { state: "sealed" },
      lastCommittedAtMs: segment.begin.committedAtMs + 8,
      listedFrom: { end: segment.frames.at(-2)!.end, lastSeq: 105, trimFloor: { seq: 102, number: 1 } },
    });
    expect(result.frames.map((it) => [it.offset, it.kind])).toEqual([[segment.frames.at(-1)!.offset, FrameKind.seal]]);
  });

  test("lists in relaxed mode all frames since the last sync", () => {
    const segment = new SegmentBuilder();
    segment.relaxed = true;
    segment.commit(ONE);
    segment.commit(ONE);
    segment.sync();
    const synced = segment.end;
    segment.commit([text("x"), text("yy")]);
    segment.commit(ONE);
    const result = walked(scan(1, segment.bytes()));
    expect(result.proven).toBe(synced);
    expect(result.listedFrom).toEqual({ end: synced, lastSeq: 2 });
    expect(result.frames).toEqual(
      segment.frames.slice(2).map(({ offset, end, kind, firstSeq, records }, index) => ({
        offset,
        kind,
        bodyBytes: end - offset - 48,
        recordCount: records.length,
        firstSeq,
        committedAtMs: segment.begin.committedAtMs + 3 + index,
      })),
    );
    expect(lastSeqAt(result, synced)).toBe(2);
    expect(lastSeqAt(result, segment.frames[2]!.end)).toBe(4);
    expect(lastSeqAt(result, segment.frames[3]!.end)).toBe(5);
    for (const end of [0, 8192, synced - 1, synced + 1, segment.end + 1]) expect(lastSeqAt(result, end)).toBeUndefined();
  });

  test("forgets thousands of frames that were synced, and lists the rest", () => {
    const segment = new SegmentBuilder();
    segment.relaxed = true;
    for (let index = 0; index < 5000; index += 1) {
      segment.commit([fill(index % 50, index)]);
      if (index % 1200 === 1199) segment.sync();
    }
    const result = walked(scan(1, segment.bytes()));
    expect(result.frames.map((it) => it.firstSeq)).toEqual(Array.from({ length: 200 }, (_, index) => 4801 + index));
    expect(result.listedFrom).toEqual({ end: segment.frames[4799]!.end, lastSeq: 4800 });
  });

  test("takes the largest floor of the trims", () => {
    const segment = new SegmentBuilder({ number: 9 }, { lastSeq: 50, predecessor: { number: 8, provenBytes: 8192 } });
    for (const floor of [{ seq: 20, number: 4 }, { seq: 30, number: 6 }, { seq: 30, number: 7 }, { seq: 25, number: 8 }]) segment.trim(floor);
    const result = walked(scan(9, segment.bytes()));
    expect(result.lastSeq).toBe(50);
    const floorsAt = segment.frames.map(({ end }) => trimFloorAt(result, end)?.number);
    // What is proven is told together, what is not frame by frame.
    expect(floorsAt).toEqual([7, 7, 7, 7]);
    expect(result).toMatchObject({ trimFloor: { seq: 30, number: 7 }, listedFrom: { end: segment.frames[2]!.end, trimFloor: { seq: 30, number: 7 } }, frames: [{ floor: { seq: 25, number: 8 } }] });
  });

  test("bodies of any size are checked in windows", () => {
    const segment = new SegmentBuilder();
    for (const size of [100_000, 3_000_000, 65_536, 65_532, 1_048_576, 1, 70_000]) segment.commit([fill(size, size)]);
    segment.marker();
    expect(scan(1, segment.bytes())).toMatchObject({ class: "established", end: segment.end, lastSeq: 7, tail: { state: "clean" } });
    const harmed = segment.bytes();
    harmed[segment.frames[1]!.offset + 2_500_000]! ^= 4;
    expect(scan(1, harmed)).toMatchObject({ class: "damaged", offset: segment.frames[0]!.end });
  });

  test("a frame at every place around the end of a window", () => {
    for (let shift = -120; shift <= 120; shift += 8) {
      const segment = new SegmentBuilder();
      // The second commit's header, body or end falls on the first window's end.
      segment.commit([new Uint8Array(SCAN_WINDOW_BYTES - 8192 - 48 - 4 + shift)]);
      segment.commit([text("second")]);
      segment.trim({ seq: 2, number: 1 });
      segment.marker();
      expect(scan(1, segment.bytes())).toMatchObject({ end: segment.end, lastSeq: 2, listedFrom: { trimFloor: { seq: 2, number: 1 } } });
    }
  });

  test.each<[string, (segment: SegmentBuilder) => void]>([
    ["a gap in the sequence numbers", (it) => it.commit(ONE, { firstSeq: 3 })],
    ["a sequence number that was there already", (it) => it.commit(ONE, { firstSeq: 1 })],
    ["a marker of another sequence number", (it) => it.marker({ firstSeq: 4 })],
    ["a header that contradicts itself", (it) => it.frame(FrameKind.commit, new Uint8Array(8), { recordCount: 3 })],
    ["a kind that does not exist", (it) => it.frame(7 as FrameKind, new Uint8Array(8))],
    ["a trim of what is not there yet", (it) => it.trim({ seq: 3, number: 1 })],
    ["a trim to a segment that is not there yet", (it) => it.trim({ seq: 1, number: 2 })],
    ["a second begin", (it) => it.frame(FrameKind.begin, new Uint8Array(96), { durableThrough: 0 })],
  ])("damaged at the end of the frame before: %s", (_, add) => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const end = segment.end;
    add(segment);
    expect(scan(1, segment.bytes())).toMatchObject({ class: "damaged", offset: end });
  });

  test("a trim that was lost is noticed by the marker in its block, though no sequence number is missing", () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const end = segment.end;
    const trim = segment.trim({ seq: 2, number: 1 });
    const marker = segment.marker();
    expect(marker.offset).toBe(roundUp(end, 4096));
    expect(scan(1, withZeros(segment.bytes(), trim.offset, trim.end))).toMatchObject({ class: "damaged", offset: end });
  });

  test("a marker is looked for at the next block only, a commit at its place only", () => {
    const misplaced = new SegmentBuilder();
    misplaced.commit(ONE);
    const end = misplaced.end;
    misplaced.marker({ offset: place(end, 8), durableThrough: 8192 });
    expect(scan(1, misplaced.bytes())).toMatchObject({ class: "established", end, tail: { state: "torn" } });
    const late = new SegmentBuilder();
    late.commit(ONE);
    late.commit(ONE, { offset: roundUp(end, 4096), durableThrough: 8192 });
    expect(scan(1, late.bytes())).toMatchObject({ class: "established", end, tail: { state: "torn" } });
  });

  test("where both places are one, the kind decides", () => {
    for (const kind of ["commit", "marker", "seal", "trim"] as const) {
      const segment = new SegmentBuilder();
      segment.commit([new Uint8Array(4096 - 52)]);
      expect(segment.end).toBe(12_288);
      if (kind === "commit") segment.commit(ONE);
      else if (kind === "trim") segment.trim({ seq: 1, number: 1 });
      else segment[kind]();
      expect(scan(1, segment.bytes())).toMatchObject({ class: "established", end: segment.end });
    }
  });

  test("a body that goes beyond the file is not valid", () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const end = segment.end;
    segment.commit([fill(3000, 1)]);
    expect(scan(1, segment.bytes().slice(0, -1))).toMatchObject({ class: "established", end, proven: end });
  });
});

describe("evidence behind the end", () => {
  /** Three commits and a marker; harm is done to the second. */
  const sound = () => {
    const segment = new SegmentBuilder();
    for (const size of [100, 3000, 200]) segment.commit([fill(size, size)]);
    segment.marker();
    return segment;
  };

  test.each<[string, (bytes: Uint8Array, segment: SegmentBuilder) => void]>([
    ["its header", (bytes, { frames }) => (bytes[frames[1]!.offset + 30]! ^= 1)],
    ["its body", (bytes, { frames }) => (bytes[frames[1]!.offset + 1000]! ^= 1)],
    ["all of it", (bytes, { frames }) => bytes.fill(0, frames[1]!.offset, frames[1]!.end)],
    ["itself and all but the header of the next", (bytes, { frames }) => bytes.fill(0, frames[1]!.offset, frames[2]!.offset).fill(0, frames[2]!.offset + 48)],
    ["itself and the next: the marker is left", (bytes, { frames }) => bytes.fill(0, frames[1]!.offset, frames[2]!.end)],
  ])("a commit that lost %s is damage", (_, harm) => {
    const segment = sound();
    const bytes = segment.bytes();
    harm(bytes, segment);
    expect(scan(1, bytes)).toMatchObject({ class: "damaged", offset: segment.frames[0]!.end });
  });

  test("with nothing valid behind it, it is a torn tail", () => {
    const segment = sound();
    const bytes = segment.bytes();
    const { frames } = segment;
    bytes[frames[1]!.offset + 1000]! ^= 1;
    bytes.fill(0xaa, frames[2]!.offset);
    expect(scan(1, bytes)).toMatchObject({
      class: "established",
      end: frames[0]!.end,
      proven: frames[0]!.end,
      frames: [],
      tail: { state: "torn", offset: frames[0]!.end, bytes: bytes.length - frames[0]!.end },
    });
  });

  test("is found wherever it is, through windows of zeros and garbage", () => {
    for (const behind of [SCAN_WINDOW_BYTES - 48, SCAN_WINDOW_BYTES - 40, SCAN_WINDOW_BYTES - 8, SCAN_WINDOW_BYTES, 3 * SCAN_WINDOW_BYTES + 64]) {
      for (const garbage of [false, true]) {
        const segment = new SegmentBuilder();
        const lost = segment.commit([fill(100, 1)]);
        const marker = segment.marker({ offset: behind });
        const bytes = segment.bytes(behind + 300_000);
        bytes.fill(0, lost.offset, lost.end);
        if (garbage) for (let at = 8192; at < bytes.length; at += 1) if (at < marker.offset || at >= marker.end) bytes[at] = (at * 7919) >>> 5;
        expect(scan(1, bytes)).toMatchObject({ class: "damaged", offset: 8192 });
      }
    }
  });

  test("is anything that was durable behind the end, be it one byte", () => {
    for (const [durableThrough, kind] of [[8252, "established"], [8253, "damaged"]] as const) {
      const segment = new SegmentBuilder();
      expect(segment.commit([fill(8, 1)]).end).toBe(8252);
      segment.marker({ offset: 40_960, durableThrough });
      expect(scan(1, segment.bytes())).toMatchObject({ class: kind });
    }
  });

  test("is a header that contradicts itself", () => {
    const segment = new SegmentBuilder();
    const lost = segment.commit([fill(100, 1)]);
    segment.commit(ONE, { recordCount: 9, durableThrough: 8192 });
    expect(scan(1, withZeros(segment.bytes(), lost.offset, lost.end))).toMatchObject({ class: "damaged", offset: 8192 });
  });

  test("is found at the very end of the file", () => {
    const segment = new SegmentBuilder();
    const lost = segment.commit([fill(100, 1)]);
    segment.marker();
    expect(scan(1, withZeros(segment.bytes(), lost.offset, lost.end))).toMatchObject({ class: "damaged", offset: 8192 });
    expect(scan(1, withZeros(segment.bytes().slice(0, -1), lost.offset, lost.end))).toMatchObject({ class: "begun" });
  });

  test("is found where the segment's mark is zero", () => {
    const segment = new SegmentBuilder({ salt: Uint8Array.of(0, 0, 0, 0, 9, 9, 9, 9) });
    const lost = segment.commit([fill(100, 1)]);
    segment.marker({ offset: 40_960 });
    const bytes = segment.bytes(50_000);
    bytes.fill(0, lost.offset, lost.end);
    expect(scan(1, bytes)).toMatchObject({ class: "damaged", offset: 8192 });
    expect(scan(1, withZeros(bytes, 40_960))).toMatchObject({ class: "begun", tail: { state: "clean" } });
  });

  test("is not looked for inside the body of a valid header", () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const end = segment.end;
    const offset = place(end, 8);
    // Somebody who knew the salt and the offset could do this; the header in front of it says that it is payload.
    const inner = new SegmentBuilder();
    const forged = inner.marker({ offset: offset + 48 + 4 + 4, durableThrough: offset + 48 + 4 + 4 });
    segment.commit([inner.bytes().slice(forged.offset - 4), fill(3000, 1)]);
    expect(scan(1, segment.bytes().slice(0, -1))).toMatchObject({ class: "established", end, tail: { state: "torn" } });
    // Without that header it counts.
    expect(scan(1, withZeros(segment.bytes(), offset, offset + 48))).toMatchObject({ class: "damaged", offset: end });
  });

  test("frames of the same segment in a payload are none, and neither are those of another segment", () => {
    const other = new SegmentBuilder({ salt: fill(8, 0x99) });
    const segment = new SegmentBuilder();
    for (const it of [other, segment]) {
      it.commit([fill(100, 1)]);
      it.commit([fill(100, 1)]);
      it.marker();
    }
    const frames = [...segment.frames.map((it) => segment.bytes().slice(it.offset, it.end)), other.bytes().slice(8192)];
    for (const payload of frames) {
      for (let pad = 0; pad < 16; pad += 1) {
        const victim = new SegmentBuilder();
        victim.commit(ONE);
        const { end } = victim;
        const last = victim.commit([new Uint8Array(pad), payload, payload]);
        for (const bytes of [withZeros(victim.bytes(), last.offset, last.offset + 48), withGarbage(victim.bytes(), last.offset, last.offset + 48)]) {
          expect(scan(1, bytes)).toMatchObject({ class: "established", end, proven: 8192, tail: { state: "torn" } });
        }
      }
    }
  });
});

describe("the tail", () => {
  const base = () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    return segment;
  };

  test("is clean at the end of the file, before zeros, and before padding", () => {
    const segment = base();
    for (const fileBytes of [segment.end, segment.end + 1, segment.end + 47, 70_000, 3 * SCAN_WINDOW_BYTES]) {
      expect(scan(1, segment.bytes(fileBytes))).toMatchObject({ tail: { state: "clean" } });
    }
  });

  test.each([8, 100, 47, 512, 60_000, SCAN_WINDOW_BYTES, 2 * SCAN_WINDOW_BYTES + 3])("is torn through its last byte, %i behind the end", (behind) => {
    const segment = base();
    const bytes = segment.bytes(3 * SCAN_WINDOW_BYTES);
    bytes[segment.end + behind] = 0x80;
    expect(scan(1, bytes)).toMatchObject({ tail: { state: "torn", offset: segment.end, bytes: behind + 1 } });
  });

  test("is sealed whatever is behind the seal, unless that is evidence", () => {
    const segment = base();
    segment.seal();
    expect(scan(1, segment.bytes())).toMatchObject({ tail: { state: "sealed" } });
    expect(scan(1, withGarbage(segment.bytes(50_000), segment.end))).toMatchObject({ tail: { state: "sealed" } });
    segment.marker({ offset: 40_960, durableThrough: 20_000 });
    expect(scan(1, segment.bytes())).toMatchObject({ class: "damaged" });
  });
});

describe("a scan", () => {
  test("asks again for nothing but what is at the edges of windows", () => {
    const segment = new SegmentBuilder();
    for (let index = 0; index < 40_000; index += 1) segment.commit([fill(100, index)]);
    const bytes = segment.bytes(segment.end + 2 * SCAN_WINDOW_BYTES);
    const scanning = scanSegment(1, bytes.length);
    let asked = 0;
    let step = scanning.next();
    for (; step.done !== true; step = scanning.next(bytes.subarray(step.value.offset, step.value.offset + step.value.length))) asked += step.value.length;
    expect(step.value).toMatchObject({ class: "established", lastSeq: 40_000 });
    expect(asked).toBeLessThan(bytes.length * 1.02 + SCAN_WINDOW_BYTES);
  });

  test("that is given too few bytes says so", () => {
    const scanning = scanSegment(1, 10_000);
    scanning.next();
    expect(() => scanning.next(new Uint8Array(9_999))).toThrow(ShortWindowError);
  });

  test("takes more bytes than it asked for as what it asked for", () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    const scanning = scanSegment(1, segment.end);
    const step = scanning.next();
    expect(step.done).toBe(false);
    expect(scanning.next(segment.bytes(100_000))).toMatchObject({ done: true, value: { end: segment.end } });
  });

  test("over bytes in memory gives the same", () => {
    const segment = new SegmentBuilder();
    segment.commit(ONE);
    expect(scanBytes(1, segment.bytes())).toEqual(scan(1, segment.bytes()));
    // Also where the bytes do not lie at a multiple of 4 in memory.
    for (const shift of [1, 2, 3]) {
      const around = new Uint8Array(shift + 200_000);
      around.set(segment.bytes(), shift);
      around[shift + 150_001] = 1;
      expect(scanBytes(1, around.subarray(shift))).toMatchObject({ tail: { state: "torn", bytes: 150_002 - segment.end } });
    }
  });
});

describe("the identity of a segment", () => {
  const segment = new SegmentBuilder({ number: 6 }, { predecessor: { number: 5, provenBytes: 8200 }, lastSeq: 3 });
  segment.commit(ONE);
  const bytes = segment.bytes();

  test("is its header and its begin", () => {
    expect(identifySegment(6, bytes.length, bytes.subarray(0, 8192))).toEqual({
      class: "identified",
      number: 6,
      fileBytes: bytes.length,
      header: segment.header,
      begin: segment.begin,
    });
  });

  test.each<[string, Uint8Array, number]>([
    ["no header", withZeros(bytes, 0, 8), 0],
    ["nothing", new Uint8Array(0), 0],
    ["no begin", withZeros(bytes, 4096, 4100), 4096],
    ["a file that ends in the begin", bytes.slice(0, 4200), 4096],
  ])("is damaged with %s", (_, firstBytes, offset) => {
    expect(identifySegment(6, firstBytes.length, firstBytes.subarray(0, 8192))).toMatchObject({ class: "damaged", number: 6, offset });
  });

  test("is unsupported in another version", () => {
    const other = bytes.slice();
    other[8] = 9;
    other.set(headerChecksum(other), 124);
    expect(identifySegment(6, other.length, other.subarray(0, 8192))).toEqual({ class: "unsupported", number: 6, version: 9, flags: 0 });
  });
});

function begun(segment: SegmentBuilder, change: Partial<WalkedScan>): WalkedScan {
  return {
    class: "begun",
    number: segment.header.number,
    fileBytes: 8192,
    header: segment.header,
    begin: segment.begin,
    end: 8192,
    lastSeq: segment.begin.lastSeq,
    proven: 0,
    listedFrom: { end: 8192, lastSeq: segment.begin.lastSeq, trimFloor: undefined },
    frames: [],
    trimFloor: undefined,
    tail: { state: "clean" },
    lastCommittedAtMs: segment.begin.committedAtMs,
    ...change,
  };
}

function walked(result: SegmentScan): WalkedScan {
  if (result.class !== "begun" && result.class !== "established") throw new Error(`a segment that is ${result.class}`);
  return result;
}

function withZeros(bytes: Uint8Array, from: number, to?: number): Uint8Array {
  return bytes.slice().fill(0, from, to);
}

function withGarbage(bytes: Uint8Array, from: number, to: number = bytes.length): Uint8Array {
  const result = bytes.slice();
  for (let at = from; at < to; at += 1) result[at] = ((at * 2_654_435_761) >>> 13) & 0xff;
  return result;
}

function headerChecksum(bytes: Uint8Array): Uint8Array {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32c(bytes.subarray(0, 124)), true);
  return sum;
}
