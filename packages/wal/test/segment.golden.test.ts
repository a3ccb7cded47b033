import { crc32c } from "@holdfast/bytes";
import { describe, expect, test } from "vitest";

import {
  BEGIN_OFFSET,
  FrameKind,
  decodeBegin,
  decodeFrameHeader,
  decodeSegmentHeader,
  decodeTrimBody,
  encodeBegin,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeTrimBody,
  frameCheck,
  type Begin,
  type FrameHeader,
  type SegmentHeader,
} from "../src/format/segment.js";
import { encodeRecords, fill, text } from "./support/segment-builder.js";

/*
 * The bytes were put together by hand from the tables of FORMAT.md, and their checksums by another implementation of CRC-32C.
 * If one of these tests fails, the format has changed: that needs a new format version, not new expectations.
 */

const header: SegmentHeader = {
  logId: fill(16, 0xa0),
  number: 0x0102030405,
  createdAtMs: 1_700_000_000_000,
  salt: fill(8, 0x11),
  commitAlignBytes: 4096,
};
const check = frameCheck(header.salt);

describe("the segment header", () => {
  const expected = hex(
    "484657414c534547", // magic HFWALSEG
    "0100 0100 00000000", // version 1, flags: blocks
    "a0a1a2a3a4a5a6a7 a8a9aaabacadaeaf", // logId
    "0504030201000000", // number
    "0068e5cf8b010000", // created at
    "1112131415161718", // salt
    "00".repeat(68),
    "88818ec1", // checksum
  );

  test("is written", () => {
    const bytes = encodeSegmentHeader(header);
    expect(bytes).toHaveLength(4096);
    expect(bytes.subarray(0, 128)).toEqual(expected);
    expect(bytes.subarray(128).every((it) => it === 0)).toBe(true);
  });

  test("is read, and what lies behind its checksum is not looked at", () => {
    expect(decodeSegmentHeader(expected, header.number)).toEqual({ state: "valid", header });
    expect(decodeSegmentHeader(concat(expected, fill(5, 9)), header.number)).toEqual({ state: "valid", header });
  });
});

describe("a commit", () => {
  const body = encodeRecords([text("abc"), text("")]);
  const frame: FrameHeader = {
    kind: FrameKind.commit,
    bodyBytes: 11,
    recordCount: 2,
    firstSeq: 4_294_967_301,
    committedAtMs: 1_700_000_000_002,
    durableThrough: 8192,
    bodyCrc: crc32c(body, check.seedAt(8704)),
  };
  const expected = hex(
    "11121314", // mark
    "01 000000", // kind
    "0b000000 02000000", // bytes of the body, records
    "0500000001000000", // first sequence number
    "0268e5cf8b010000", // committed at
    "0020000000000000", // durable through
    "c320cea4", // checksum of the body
    "025d762f", // checksum of the header
  );

  test("has this body", () => {
    expect(body).toEqual(hex("03000000 616263 00000000"));
  });

  test("is written", () => {
    const bytes = new Uint8Array(60).fill(0xee);
    encodeFrameHeader(bytes, 8, frame, check.mark, check.seedAt(8704));
    expect(bytes.subarray(8, 56)).toEqual(expected);
    expect(bytes.subarray(0, 8)).toEqual(new Uint8Array(8).fill(0xee));
    expect(bytes.subarray(56)).toEqual(new Uint8Array(4).fill(0xee));
  });

  test("is read at its offset and at no other", () => {
    expect(decodeFrameHeader(expected, 0, 8704, check)).toEqual(frame);
    expect(decodeFrameHeader(expected, 0, 8712, check)).toBeUndefined();
    expect(decodeFrameHeader(expected, 0, 8704, frameCheck(fill(8, 0x12)))).toBeUndefined();
    // The same mark, another salt.
    expect(decodeFrameHeader(expected, 0, 8704, frameCheck(hex("11121314 15161719")))).toBeUndefined();
  });
});

test("a marker", () => {
  const expected = hex("11121314 03000000 00000000 00000000 0700000001000000 0368e5cf8b010000 3b22000000000000 00000000 e124d38f");
  const frame: FrameHeader = {
    kind: FrameKind.marker,
    bodyBytes: 0,
    recordCount: 0,
    firstSeq: 4_294_967_303,
    committedAtMs: 1_700_000_000_003,
    durableThrough: 8763,
    bodyCrc: 0,
  };
  const bytes = new Uint8Array(48);
  encodeFrameHeader(bytes, 0, frame, check.mark, check.seedAt(12_288));
  expect(bytes).toEqual(expected);
  expect(decodeFrameHeader(expected, 0, 12_288, check)).toEqual(frame);
});

test("a trim", () => {
  const expected = hex(
    "11121314 05000000 10000000 00000000 0900000000000000 0268e5cf8b010000 0020000000000000 e96db7ac 1bfdd778",
    "0700000000000000 0200000000000000", // floor: sequence number, segment
  );
  const floor = { seq: 7, number: 2 };
  const bytes = new Uint8Array(64);
  encodeTrimBody(bytes, 48, floor);
  const bodyCrc = crc32c(bytes.subarray(48), check.seedAt(8192));
  const frame: FrameHeader = {
    kind: FrameKind.trim,
    bodyBytes: 16,
    recordCount: 0,
    firstSeq: 9,
    committedAtMs: 1_700_000_000_002,
    durableThrough: 8192,
    bodyCrc,
  };
  encodeFrameHeader(bytes, 0, frame, check.mark, check.seedAt(8192));
  expect(bytes).toEqual(expected);
  expect(decodeFrameHeader(expected, 0, 8192, check)).toEqual(frame);
  expect(decodeTrimBody(expected, 48, 9, 2)).toEqual(floor);
});

describe("a begin", () => {
  const begin: Begin = {
    predecessor: { number: 4, provenBytes: 8248 },
    lastSeq: 41,
    inheritedThrough: 43,
    floor: { seq: 40, number: 3 },
    parent: { logId: fill(16, 1), seq: 6 },
    committedAtMs: 1_700_000_000_001,
  };
  const expected = hex(
    "11121314 02000000 60000000 00000000 2a00000000000000 0168e5cf8b010000 0000000000000000 4d667423 50607994",
    "0400000000000000 3820000000000000", // predecessor: number, proven bytes
    "2900000000000000 2b00000000000000", // last sequence number there, inherited through
    "2800000000000000 0300000000000000", // floor: sequence number, segment
    "0102030405060708 090a0b0c0d0e0f10 0600000000000000", // parent
    "00".repeat(24),
  );

  test("is written, alone in its block", () => {
    const bytes = encodeBegin(begin, check);
    expect(bytes).toHaveLength(4096);
    expect(bytes.subarray(0, 144)).toEqual(expected);
    expect(bytes.subarray(144).every((it) => it === 0)).toBe(true);
  });

  test("is read, also from the middle of an array", () => {
    expect(decodeBegin(expected, 0, 5, check)).toEqual({ state: "valid", begin });
    expect(decodeBegin(concat(new Uint8Array(BEGIN_OFFSET), expected), BEGIN_OFFSET, 5, check)).toEqual({ state: "valid", begin });
  });
});

function hex(...parts: readonly string[]): Uint8Array {
  return Uint8Array.from(parts.join("").replaceAll(" ", "").match(/../g) ?? [], (it) => parseInt(it, 16));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((it) => [...it]));
}
