import { crc32c } from "@holdfast/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readU32, writeU32 } from "../src/format/little-endian.js";
import {
  BEGIN_OFFSET,
  FIRST_FRAME_OFFSET,
  FRAME_HEADER_BYTES,
  FrameKind,
  MAX_FRAME_BYTES,
  MAX_RECORDS_PER_COMMIT,
  decodeBegin,
  decodeFrameHeader,
  decodeSegmentHeader,
  decodeTrimBody,
  encodeBegin,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeTrimBody,
  frameCheck,
  inspectFrameHeader,
  newFrameHeader,
  place,
  roundUp,
  type Begin,
  type FrameHeader,
  type SegmentHeader,
} from "../src/format/segment.js";
import { fill } from "./support/segment-builder.js";

const MAX = Number.MAX_SAFE_INTEGER;
const array = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const salts = array(8);
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const seqs = fc.integer({ min: 1, max: MAX });
const times = fc.maxSafeNat();
const offsets = fc.integer({ min: FIRST_FRAME_OFFSET / 8, max: 2 ** 28 }).map((it) => it * 8);

const headers: fc.Arbitrary<SegmentHeader> = fc.record({
  logId: array(16),
  number: seqs,
  createdAtMs: times,
  salt: salts,
  commitAlignBytes: fc.constantFrom(8 as const, 4096 as const),
});

const begins: fc.Arbitrary<readonly [number, Begin]> = fc
  .record({
    number: fc.integer({ min: 2, max: MAX }),
    hasPredecessor: fc.boolean(),
    before: fc.nat(),
    provenBytes: fc.integer({ min: FIRST_FRAME_OFFSET, max: MAX }),
    seqs: fc.tuple(fc.integer({ min: 0, max: MAX - 1 }), fc.nat(1000), fc.nat()),
    floorNumber: fc.nat(),
    parent: fc.option(fc.record({ logId: array(16).filter((id) => id.some((byte) => byte !== 0)), seq: times }), { nil: undefined }),
    committedAtMs: times,
  })
  .map((it) => {
    const [lastSeq, inherited, below] = it.seqs;
    const begin: Begin = {
      predecessor: it.hasPredecessor ? { number: Math.max(1, it.number - 1 - it.before), provenBytes: it.provenBytes } : undefined,
      lastSeq,
      inheritedThrough: it.hasPredecessor ? Math.min(MAX, lastSeq + inherited) : lastSeq,
      floor: { seq: Math.max(1, lastSeq + 1 - below), number: Math.max(1, it.number - it.floorNumber) },
      parent: it.parent,
      committedAtMs: it.committedAtMs,
    };
    return [it.number, begin] as const;
  });

const frames: fc.Arbitrary<readonly [number, FrameHeader]> = fc
  .record({
    offset: offsets,
    kind: fc.constantFrom(FrameKind.commit, FrameKind.marker, FrameKind.seal, FrameKind.trim),
    records: fc.integer({ min: 1, max: MAX_RECORDS_PER_COMMIT }),
    extra: fc.nat(1_000_000),
    firstSeq: seqs,
    committedAtMs: times,
    below: fc.nat(),
    bodyCrc: u32,
  })
  .map((it) => {
    const isCommit = it.kind === FrameKind.commit;
    const hasBody = isCommit || it.kind === FrameKind.trim;
    const frame: FrameHeader = {
      kind: it.kind,
      bodyBytes: isCommit ? 4 * it.records + it.extra : hasBody ? 16 : 0,
      recordCount: isCommit ? it.records : 0,
      firstSeq: isCommit ? Math.min(it.firstSeq, MAX - it.records + 1) : it.firstSeq,
      committedAtMs: it.committedAtMs,
      durableThrough: Math.max(FIRST_FRAME_OFFSET, it.offset - it.below),
      bodyCrc: hasBody ? it.bodyCrc : 0,
    };
    return [it.offset, frame] as const;
  });

describe("the segment header", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(headers, (header) => {
        expect(decodeSegmentHeader(encodeSegmentHeader(header), header.number)).toEqual({ state: "valid", header });
      }),
    );
  });

  it("is not valid with any bit of its 128 bytes changed", () => {
    fc.assert(
      fc.property(headers, fc.nat(1023), (header, bit) => {
        const bytes = encodeSegmentHeader(header);
        flip(bytes, bit);
        expect(decodeSegmentHeader(bytes, header.number)).toEqual({ state: "invalid" });
      }),
    );
  });

  it("is not valid under another number", () => {
    fc.assert(
      fc.property(headers, seqs, (header, number) => {
        fc.pre(number !== header.number);
        expect(decodeSegmentHeader(encodeSegmentHeader(header), number)).toEqual({ state: "invalid" });
      }),
    );
  });

  it("of another version or with other flags is unsupported, whatever else it holds", () => {
    fc.assert(
      fc.property(headers, fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }), (header, version, flags) => {
        fc.pre(version !== 1 || flags > 1);
        const bytes = encodeSegmentHeader(header);
        bytes.set([version & 0xff, version >>> 8, flags & 0xff, flags >>> 8], 8);
        bytes.fill(0xff, 12, 124);
        sign(bytes);
        expect(decodeSegmentHeader(bytes, header.number)).toEqual({ state: "unsupported", version, flags });
      }),
    );
  });

  it("is not made out of arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), seqs, (bytes, number) => {
        expect(decodeSegmentHeader(bytes, number)).toEqual({ state: "invalid" });
      }),
    );
  });

  it.each([12, 15, 56, 123, 39, 47])("with a byte at %i that cannot be is not valid, though its checksum fits", (at) => {
    const bytes = encodeSegmentHeader({ logId: fill(16, 1), number: 1, createdAtMs: 1, salt: fill(8, 1), commitAlignBytes: 8 });
    bytes[at] = 0x80;
    sign(bytes);
    expect(decodeSegmentHeader(bytes, 1)).toEqual({ state: "invalid" });
  });

  it("needs 128 bytes", () => {
    const bytes = encodeSegmentHeader({ logId: fill(16, 1), number: 1, createdAtMs: 1, salt: fill(8, 1), commitAlignBytes: 8 });
    expect(decodeSegmentHeader(bytes.subarray(0, 128), 1).state).toBe("valid");
    expect(decodeSegmentHeader(bytes.subarray(0, 127), 1).state).toBe("invalid");
  });
});

describe("a frame's header", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(frames, salts, fc.nat(20), ([offset, frame], salt, at) => {
        const check = frameCheck(salt);
        const bytes = new Uint8Array(at + FRAME_HEADER_BYTES);
        encodeFrameHeader(bytes, at, frame, check.mark, check.seedAt(offset));
        const into = newFrameHeader();
        expect(decodeFrameHeader(bytes, at, offset, check, into)).toBe(into);
        expect(into).toEqual(frame);
        expect(decodeFrameHeader(bytes, at, offset, check)).toEqual(frame);
        expect(decodeFrameHeader(bytes.subarray(0, bytes.length - 1), at, offset, check)).toBeUndefined();
      }),
    );
  });

  it("is absent with any bit changed", () => {
    fc.assert(
      fc.property(frames, salts, fc.nat(FRAME_HEADER_BYTES * 8 - 1), ([offset, frame], salt, bit) => {
        const check = frameCheck(salt);
        const bytes = new Uint8Array(FRAME_HEADER_BYTES);
        encodeFrameHeader(bytes, 0, frame, check.mark, check.seedAt(offset));
        flip(bytes, bit);
        expect(inspectFrameHeader(bytes, 0, offset, check, newFrameHeader())).toBe("absent");
      }),
    );
  });

  it("is valid at one offset of one segment", () => {
    fc.assert(
      fc.property(frames, offsets, salts, salts, ([offset, frame], other, salt, otherSalt) => {
        const check = frameCheck(salt);
        const bytes = new Uint8Array(FRAME_HEADER_BYTES);
        encodeFrameHeader(bytes, 0, frame, check.mark, check.seedAt(offset));
        if (other !== offset) expect(decodeFrameHeader(bytes, 0, other, check)).toBeUndefined();
        // With the mark of the other segment only the checksum can tell.
        const otherCheck = frameCheck(otherSalt);
        writeU32(bytes, 0, otherCheck.mark);
        if (readU32(salt, 0) !== readU32(otherSalt, 0) || readU32(salt, 4) !== readU32(otherSalt, 4)) {
          expect(decodeFrameHeader(bytes, 0, offset, otherCheck)).toBeUndefined();
        }
      }),
    );
  });

  const sound: FrameHeader = { kind: 1, bodyBytes: 8, recordCount: 2, firstSeq: 5, committedAtMs: 0, durableThrough: 8192, bodyCrc: 7 };
  const marker: FrameHeader = { ...sound, kind: 3, bodyBytes: 0, recordCount: 0, bodyCrc: 0 };
  const trim: FrameHeader = { ...marker, kind: 5, bodyBytes: 16, bodyCrc: 9 };
  const begin: FrameHeader = { ...marker, kind: 2, bodyBytes: 96, durableThrough: 0, bodyCrc: 9 };
  const kind = (value: number): FrameKind => value as FrameKind;

  it.each<[string, number, Partial<FrameHeader>, FrameHeader]>([
    ["kind 0", 8192, { kind: kind(0) }, sound],
    ["kind 6", 8192, { kind: kind(6) }, marker],
    ["a byte behind the kind", 8192, { kind: kind(0x101) }, sound],
    ["the last byte behind the kind", 8192, { kind: kind(0x8000_0001) }, sound],
    ["no records", 8192, { recordCount: 0 }, sound],
    ["fewer bytes than lengths", 8192, { recordCount: 3 }, sound],
    ["too many records", 8192, { recordCount: MAX_RECORDS_PER_COMMIT + 1, bodyBytes: 8_000_000 }, sound],
    ["too many bytes", 8192, { bodyBytes: MAX_FRAME_BYTES - FRAME_HEADER_BYTES + 1 }, sound],
    ["4 GiB", 8192, { bodyBytes: 0xffff_ffff }, sound],
    ["sequence number 0", 8192, { firstSeq: 0 }, sound],
    ["sequence number 2^53", 8192, { firstSeq: 2 ** 53 }, sound],
    ["sequence numbers beyond 2^53 − 1", 8192, { firstSeq: MAX }, sound],
    ["a time of 2^53", 8192, { committedAtMs: 2 ** 53 }, sound],
    ["durable through its own bytes", 8192, { durableThrough: 8200 }, sound],
    ["durable through less than the first frame's offset", 16_384, { durableThrough: 8184 }, sound],
    ["durable through 2^53", 8192, { durableThrough: 2 ** 53 }, sound],
    ["a commit in the place of begin", 4096, { durableThrough: 0 }, sound],
    ["a marker in the place of begin", 4096, { durableThrough: 0 }, marker],
    ["a marker with a body", 8192, { bodyBytes: 4 }, marker],
    ["a marker with records", 8192, { recordCount: 1 }, marker],
    ["a marker with a checksum of no body", 8192, { bodyCrc: 1 }, marker],
    ["a seal with a body", 8192, { kind: 4, bodyBytes: 4 }, marker],
    ["a trim of another size", 8192, { bodyBytes: 24 }, trim],
    ["a trim with records", 8192, { recordCount: 1 }, trim],
    ["a begin elsewhere", 8192, {}, begin],
    ["a begin that states something durable", 4096, { durableThrough: 8192 }, begin],
    ["a begin of another size", 4096, { bodyBytes: 88 }, begin],
    ["a begin with records", 4096, { recordCount: 1 }, begin],
  ])("contradicts itself with %s, though its checksum fits", (_, offset, change, frame) => {
    const check = frameCheck(fill(8, 1));
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    encodeFrameHeader(bytes, 0, { ...frame, ...change }, check.mark, check.seedAt(offset));
    expect(inspectFrameHeader(bytes, 0, offset, check, newFrameHeader())).toBe("contradictory");
    expect(decodeFrameHeader(bytes, 0, offset, check)).toBeUndefined();
  });

  it.each<[string, number, Partial<FrameHeader>, FrameHeader]>([
    ["a commit", 8192, {}, sound],
    ["a commit of the last sequence numbers", 8192, { firstSeq: MAX - 1 }, sound],
    ["the largest commit", 8192, { bodyBytes: MAX_FRAME_BYTES - FRAME_HEADER_BYTES, recordCount: MAX_RECORDS_PER_COMMIT }, sound],
    ["a frame that vouches for everything before it", 16_384, { durableThrough: 16_384 }, marker],
    ["a trim", 8192, {}, trim],
    ["a begin", 4096, {}, begin],
  ])("is valid: %s", (_, offset, change, frame) => {
    const check = frameCheck(fill(8, 1));
    const bytes = new Uint8Array(FRAME_HEADER_BYTES);
    encodeFrameHeader(bytes, 0, { ...frame, ...change }, check.mark, check.seedAt(offset));
    expect(inspectFrameHeader(bytes, 0, offset, check, newFrameHeader())).toBe("valid");
  });
});

describe("begin", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(begins, salts, ([number, begin], salt) => {
        const check = frameCheck(salt);
        const bytes = encodeBegin(begin, check);
        expect(decodeBegin(bytes, 0, number, check)).toEqual({ state: "valid", begin });
        expect(decodeBegin(bytes.subarray(0, 144), 0, number, check).state).toBe("valid");
        expect(decodeBegin(bytes.subarray(0, 143), 0, number, check)).toEqual({ state: "absent" });
      }),
    );
  });

  it("is absent with any bit of its 144 bytes changed", () => {
    fc.assert(
      fc.property(begins, salts, fc.nat(144 * 8 - 1), ([number, begin], salt, bit) => {
        const check = frameCheck(salt);
        const bytes = encodeBegin(begin, check);
        flip(bytes, bit);
        expect(decodeBegin(bytes, 0, number, check)).toEqual({ state: "absent" });
      }),
    );
  });

  const sound: Begin = {
    predecessor: { number: 4, provenBytes: 8192 },
    lastSeq: 10,
    inheritedThrough: 12,
    floor: { seq: 3, number: 2 },
    parent: undefined,
    committedAtMs: 1,
  };
  const first: Begin = { ...sound, predecessor: undefined, inheritedThrough: 10 };

  it.each<[string, Begin]>([
    ["a predecessor that is not before it", { ...sound, predecessor: { number: 5, provenBytes: 8192 } }],
    ["proven bytes below the first frame", { ...sound, predecessor: { number: 4, provenBytes: 8191 } }],
    ["proven bytes of 2^53", { ...sound, predecessor: { number: 4, provenBytes: 2 ** 53 } }],
    ["proven bytes without a predecessor", { ...first, predecessor: { number: 0, provenBytes: 8192 } }],
    ["less inherited than was there", { ...sound, inheritedThrough: 9 }],
    ["something inherited without a predecessor", { ...first, inheritedThrough: 11 }],
    ["inherited through 2^53", { ...sound, inheritedThrough: 2 ** 53 }],
    ["floor sequence number 0", { ...sound, floor: { seq: 0, number: 2 } }],
    ["a floor above the next sequence number", { ...sound, floor: { seq: 14, number: 2 } }],
    ["floor segment 0", { ...sound, floor: { seq: 3, number: 0 } }],
    ["a floor in a later segment", { ...sound, floor: { seq: 3, number: 6 } }],
    ["a parent's sequence number of 2^53", { ...sound, parent: { logId: fill(16, 1), seq: 2 ** 53 } }],
    ["a parent's sequence number without a parent", { ...sound, parent: { logId: new Uint8Array(16), seq: 1 } }],
  ])("contradicts itself with %s", (_, begin) => {
    const check = frameCheck(fill(8, 1));
    expect(decodeBegin(encodeBegin(begin, check), 0, 5, check)).toEqual({ state: "contradictory" });
  });

  it("may have a floor in what it inherits", () => {
    const check = frameCheck(fill(8, 1));
    const begin = { ...sound, floor: { seq: 13, number: 5 } };
    expect(decodeBegin(encodeBegin(begin, check), 0, 5, check)).toEqual({ state: "valid", begin });
  });

  it.each<[string, (body: Uint8Array, frame: FrameHeader) => void]>([
    ["a byte in its reserved ones", (body) => body.fill(1, 95)],
    ["another next sequence number", (_, frame) => (frame.firstSeq += 1)],
  ])("contradicts itself with %s", (_, change) => {
    const check = frameCheck(fill(8, 1));
    const bytes = encodeBegin(sound, check);
    const frame = decodeFrameHeader(bytes, 0, BEGIN_OFFSET, check)!;
    change(bytes.subarray(FRAME_HEADER_BYTES, 144), frame);
    const seed = check.seedAt(BEGIN_OFFSET);
    encodeFrameHeader(bytes, 0, { ...frame, bodyCrc: crc32c(bytes.subarray(FRAME_HEADER_BYTES, 144), seed) }, check.mark, seed);
    expect(decodeBegin(bytes, 0, 5, check)).toEqual({ state: "contradictory" });
  });
});

describe("the body of a trim", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.record({ seq: seqs, number: seqs }), fc.nat(9), (floor, at) => {
        const bytes = new Uint8Array(at + 16);
        encodeTrimBody(bytes, at, floor);
        expect(decodeTrimBody(bytes, at, MAX, MAX)).toEqual(floor);
        expect(decodeTrimBody(bytes, at, floor.seq, floor.number)).toEqual(floor);
        expect(decodeTrimBody(bytes, at, floor.seq - 1, floor.number)).toBeUndefined();
        expect(decodeTrimBody(bytes, at, floor.seq, floor.number - 1)).toBeUndefined();
        expect(decodeTrimBody(bytes.subarray(0, at + 15), at, MAX, MAX)).toBeUndefined();
      }),
    );
  });

  it("with numbers that cannot be is none", () => {
    for (const floor of [{ seq: 0, number: 1 }, { seq: 1, number: 0 }, { seq: 2 ** 53, number: 1 }, { seq: 1, number: 2 ** 53 }]) {
      const bytes = new Uint8Array(16);
      encodeTrimBody(bytes, 0, floor);
      expect(decodeTrimBody(bytes, 0, MAX, MAX)).toBeUndefined();
    }
  });
});

describe("where frames lie", () => {
  it("a commit goes to the first place where its header fits a sector", () => {
    fc.assert(
      fc.property(fc.integer({ min: FIRST_FRAME_OFFSET, max: 2 ** 31 }), (end) => {
        const offset = place(end, 8);
        expect(offset % 8).toBe(0);
        expect(offset % 512).toBeLessThanOrEqual(512 - FRAME_HEADER_BYTES);
        for (let before = roundUp(end, 8); before < offset; before += 8) expect(before % 512).toBeGreaterThan(512 - FRAME_HEADER_BYTES);
        expect(offset).toBeGreaterThanOrEqual(end);
        expect(place(end, 4096)).toBe(Math.ceil(end / 4096) * 4096);
        expect(roundUp(end, 4096)).toBeGreaterThanOrEqual(offset);
      }),
    );
  });

  it.each([
    [8192, 8192],
    [8193, 8200],
    [8192 + 464, 8192 + 464],
    [8192 + 465, 8192 + 512],
    [8192 + 511, 8192 + 512],
    [8192 + 512, 8192 + 512],
  ])("behind %i: %i", (end, offset) => {
    expect(place(end, 8)).toBe(offset);
  });
});

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >>> 3]! ^= 1 << (bit & 7);
}

function sign(bytes: Uint8Array): void {
  writeU32(bytes, 124, crc32c(bytes.subarray(0, 124)));
}
