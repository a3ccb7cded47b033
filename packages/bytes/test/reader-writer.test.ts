import { describe, expect, it } from "vitest";
import { ByteReader, ByteWriter } from "../src/index.js";
import { expectBytesError } from "./expect-bytes-error.js";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("ByteWriter", () => {
  it("lays bytes as stated", () => {
    const writer = new ByteWriter({ maxBytes: 200, initialBytes: 0 });
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u16BE(0x0203);
    writer.u32(0x04050607);
    writer.u32BE(0x04050607);
    writer.u64(0x08090a0b0c0d0e0fn);
    writer.u64BE(0x08090a0b0c0d0e0fn);
    writer.u64(0x1f_ffff_ffff_fffe);
    writer.u64BE(0x1f_ffff_ffff_fffe);
    writer.i64(-2n);
    writer.f64(1.5);
    writer.bytes(Uint8Array.of(0xaa, 0xbb));
    writer.utf8("é");
    writer.zeros(2);
    expect(writer.length).toBe(67);
    expect(hex(writer.finish())).toBe(
      "01" + "0302" + "0203" + "07060504" + "04050607" + "0f0e0d0c0b0a0908" + "08090a0b0c0d0e0f" +
        "feffffffffff1f00" + "001ffffffffffffe" + "feffffffffffffff" + "000000000000f83f" + "aabb" + "c3a9" + "0000",
    );
  });

  it.each<readonly [string, (writer: ByteWriter) => void]>([
    ["u8 256", (it) => { it.u8(256); }],
    ["u8 -1", (it) => { it.u8(-1); }],
    ["u16 65536", (it) => { it.u16(65536); }],
    ["u16BE 0.5", (it) => { it.u16BE(0.5); }],
    ["u32 2^32", (it) => { it.u32(2 ** 32); }],
    ["u32BE NaN", (it) => { it.u32BE(NaN); }],
    ["u64 2^53 as a number", (it) => { it.u64(2 ** 53); }],
    ["u64 -1", (it) => { it.u64(-1); }],
    ["u64 -1n", (it) => { it.u64(-1n); }],
    ["u64 2^64", (it) => { it.u64(2n ** 64n); }],
    ["u64BE 2^53 as a number", (it) => { it.u64BE(2 ** 53); }],
    ["u64BE 1.5", (it) => { it.u64BE(1.5); }],
    ["u64BE 2^64", (it) => { it.u64BE(2n ** 64n); }],
    ["i64 2^63", (it) => { it.i64(2n ** 63n); }],
    ["i64 -2^63-1", (it) => { it.i64(-(2n ** 63n) - 1n); }],
    ["zeros -1", (it) => { it.zeros(-1); }],
  ])("refuses %s and writes nothing", (_name, write) => {
    const writer = new ByteWriter({ maxBytes: 100 });
    expectBytesError(() => { write(writer); }, "BYTES_OUT_OF_RANGE");
    expect(writer.length).toBe(0);
  });

  it("grows up to its bound and not beyond", () => {
    const writer = new ByteWriter({ maxBytes: 1000, initialBytes: 1 });
    for (let index = 0; index < 1000; index++) writer.u8(index & 0xff);
    const error = expectBytesError(() => { writer.u8(1); }, "BYTES_TOO_LARGE");
    expect(error).toMatchObject({ operation: "u8", offset: 1000, needed: 1, remaining: 0 });
    expect(writer.finish()).toEqual(Uint8Array.from({ length: 1000 }, (_, index) => index & 0xff));
  });

  it("fills a given array and nothing beside it", () => {
    const memory = new Uint8Array(12).fill(0xee);
    const writer = new ByteWriter({ into: memory.subarray(2, 10) });
    writer.u32(1);
    expectBytesError(() => { writer.u64(1n); }, "BYTES_TOO_LARGE");
    expectBytesError(() => { writer.zeros(5); }, "BYTES_TOO_LARGE");
    writer.zeros(3);
    expect(hex(memory)).toBe("eeee" + "01000000" + "000000" + "ee" + "eeee");
    expect(writer.finish().buffer).toBe(memory.buffer);
  });

  it("takes nothing after finish, and finish answers the same again", () => {
    const writer = new ByteWriter({ maxBytes: 100 });
    writer.u16(7);
    const first = writer.finish();
    expectBytesError(() => { writer.u8(1); }, "BYTES_TOO_LARGE");
    expect(writer.finish()).toEqual(first);
  });

  it.each([-1, 1.5, NaN, 2 ** 32 + 1])("refuses a bound of %s", (maxBytes) => {
    expectBytesError(() => new ByteWriter({ maxBytes }), "BYTES_OUT_OF_RANGE");
  });

  it("refuses a lone surrogate", () => {
    const writer = new ByteWriter({ maxBytes: 100 });
    expectBytesError(() => { writer.utf8("\ud800"); }, "BYTES_INVALID_UTF8");
    expect(writer.length).toBe(0);
  });
});

describe("ByteReader", () => {
  it("stays between start and end, and counts offsets from the start of the array", () => {
    const reader = new ByteReader(Uint8Array.of(1, 2, 3, 4, 5), 1, 4);
    expect([reader.offset, reader.remaining]).toEqual([1, 3]);
    expect(reader.u16()).toBe(0x0302);
    const error = expectBytesError(() => reader.u16(), "BYTES_TRUNCATED");
    expect(error).toMatchObject({ operation: "u16", offset: 3, needed: 2, remaining: 1 });
    expect(error.message).toBe("u16 at 3 needs 2 bytes, 1 are left");
    expect(reader.offset).toBe(3);
  });

  it.each([
    [-1, 3],
    [3, 2],
    [0, 6],
    [0.5, 3],
    [NaN, 3],
  ])("refuses the part from %s to %s", (start, end) => {
    expectBytesError(() => new ByteReader(new Uint8Array(5), start, end), "BYTES_OUT_OF_RANGE");
  });

  it("bytes are a view", () => {
    const memory = Uint8Array.of(1, 2, 3, 4);
    const reader = new ByteReader(memory, 1);
    const view = reader.bytes(2);
    memory[1] = 9;
    expect(view).toEqual(Uint8Array.of(9, 3));
    expect(view.buffer).toBe(memory.buffer);
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53])("refuses the length %s", (length) => {
    const reader = new ByteReader(new Uint8Array(5));
    expectBytesError(() => reader.bytes(length), "BYTES_OUT_OF_RANGE");
    expectBytesError(() => { reader.skip(length); }, "BYTES_OUT_OF_RANGE");
    expectBytesError(() => reader.utf8(length), "BYTES_OUT_OF_RANGE");
    expect(reader.offset).toBe(0);
  });

  it("u64Safe is exact up to 2^53 - 1 and refuses what is beyond, without moving", () => {
    const writer = new ByteWriter({ maxBytes: 100 });
    for (const value of [2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) writer.u64(value);
    const reader = new ByteReader(writer.finish());
    expect(reader.u64Safe()).toBe(Number.MAX_SAFE_INTEGER);
    for (const at of [8, 16, 24]) {
      expect(expectBytesError(() => reader.u64Safe(), "BYTES_OUT_OF_RANGE").offset).toBe(at);
      expect(reader.offset).toBe(at);
      reader.skip(8);
    }
    expect(reader.remaining).toBe(0);
  });

  it("text that is not UTF-8 is refused with its offset, without moving", () => {
    const reader = new ByteReader(Uint8Array.of(0x61, 0xff, 0x62));
    expect(reader.utf8(1)).toBe("a");
    expect(expectBytesError(() => reader.utf8(2), "BYTES_INVALID_UTF8").offset).toBe(1);
    expect(reader.offset).toBe(1);
  });

  it("refuses counts that cannot be there", () => {
    const reader = new ByteReader(new Uint8Array(40), 4);
    expect(reader.count(0, 8)).toBe(0);
    expect(reader.count(4, 9)).toBe(4);
    const error = expectBytesError(() => reader.count(5, 8), "BYTES_TRUNCATED");
    expect(error).toMatchObject({ operation: "count", offset: 4, needed: 40, remaining: 36 });
    expectBytesError(() => reader.count(0xffff_ffff, 1), "BYTES_TRUNCATED");
    expectBytesError(() => reader.count(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER), "BYTES_TRUNCATED");
    expectBytesError(() => reader.count(1, 0), "BYTES_OUT_OF_RANGE");
    expectBytesError(() => reader.count(-1, 1), "BYTES_OUT_OF_RANGE");
    expectBytesError(() => reader.count(0.5, 1), "BYTES_OUT_OF_RANGE");
    expect(reader.offset).toBe(4);
  });
});

describe("BytesError", () => {
  it("has the shape and the brand of all Holdfast errors", () => {
    const error = expectBytesError(() => new ByteReader(new Uint8Array(0)).u8(), "BYTES_TRUNCATED");
    expect(Symbol.for("holdfast.error") in error).toBe(true);
    expect(Object.keys(error)).toEqual(
      expect.arrayContaining(["code", "operation", "key", "backend", "offset", "retryable", "outcome", "needed", "remaining"]),
    );
    expect(error).toMatchObject({ name: "BytesError", retryable: false, key: undefined });
  });
});
