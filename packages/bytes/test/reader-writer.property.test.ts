import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteReader, BytesError, ByteWriter, encodeUtf8, MAX_U64 } from "../src/index.js";

/** One value, how it is written and how it is read. */
interface Step {
  readonly value: unknown;
  readonly write: (writer: ByteWriter) => void;
  readonly read: (reader: ByteReader) => unknown;
}

const edge = fc.constantFrom(0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, MAX_U64);
const u64 = fc.oneof(edge, fc.bigInt({ min: 0n, max: MAX_U64 }));
const safe = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1), fc.maxSafeNat());

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.nat(0xff).map((value) => ({ value, write: (it: ByteWriter) => { it.u8(value); }, read: (it: ByteReader) => it.u8() })),
  fc.nat(0xffff).map((value) => ({ value, write: (it: ByteWriter) => { it.u16(value); }, read: (it: ByteReader) => it.u16() })),
  fc.nat(0xffff).map((value) => ({ value, write: (it: ByteWriter) => { it.u16BE(value); }, read: (it: ByteReader) => it.u16BE() })),
  fc.nat(0xffff_ffff).map((value) => ({ value, write: (it: ByteWriter) => { it.u32(value); }, read: (it: ByteReader) => it.u32() })),
  fc.nat(0xffff_ffff).map((value) => ({ value, write: (it: ByteWriter) => { it.u32BE(value); }, read: (it: ByteReader) => it.u32BE() })),
  u64.map((value) => ({ value, write: (it: ByteWriter) => { it.u64(value); }, read: (it: ByteReader) => it.u64() })),
  u64.map((value) => ({ value, write: (it: ByteWriter) => { it.u64BE(value); }, read: (it: ByteReader) => it.u64BE() })),
  safe.map((value) => ({ value, write: (it: ByteWriter) => { it.u64(value); }, read: (it: ByteReader) => it.u64Safe() })),
  safe.map((value) => ({ value: BigInt(value), write: (it: ByteWriter) => { it.u64BE(value); }, read: (it: ByteReader) => it.u64BE() })),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => ({ value, write: (it: ByteWriter) => { it.i64(value); }, read: (it: ByteReader) => it.i64() })),
  fc.double().map((value) => ({ value, write: (it: ByteWriter) => { it.f64(value); }, read: (it: ByteReader) => it.f64() })),
  fc.uint8Array({ maxLength: 50 }).map((value) => ({
    value,
    write: (it: ByteWriter) => { it.bytes(value); },
    read: (it: ByteReader) => it.bytes(value.length),
  })),
  fc.string({ unit: "binary", maxLength: 20 }).map((value) => ({
    value,
    write: (it: ByteWriter) => { it.utf8(value); },
    read: (it: ByteReader) => it.utf8(encodeUtf8(value).length),
  })),
);

it("what is written is read", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(16), fc.nat(300), (steps, before, initialBytes) => {
      const writer = new ByteWriter({ maxBytes: 10_000, initialBytes });
      writer.zeros(before);
      for (const { write } of steps) write(writer);
      expect(writer.written).toHaveLength(writer.length);
      const bytes = writer.finish();

      // The same into a given array of exactly that size, which lies somewhere in a larger one.
      const memory = new Uint8Array(bytes.length + 5).fill(0xee);
      const fixed = new ByteWriter({ into: memory.subarray(3, 3 + bytes.length) });
      fixed.zeros(before);
      for (const { write } of steps) write(fixed);
      expect(fixed.finish()).toEqual(bytes);
      expect([...memory.subarray(0, 3), ...memory.subarray(-2)]).toEqual([0xee, 0xee, 0xee, 0xee, 0xee]);

      const reader = new ByteReader(memory.subarray(3), before, bytes.length);
      for (const { value, read } of steps) expect(read(reader)).toEqual(value);
      expect(reader.remaining).toBe(0);
    }),
  );
});

const reads: readonly ((reader: ByteReader, length: number) => unknown)[] = [
  (it) => it.u8(),
  (it) => it.u16(),
  (it) => it.u16BE(),
  (it) => it.u32(),
  (it) => it.u32BE(),
  (it) => it.u64(),
  (it) => it.u64BE(),
  (it) => it.u64Safe(),
  (it) => it.i64(),
  (it) => it.f64(),
  (it, length) => it.bytes(length),
  (it, length) => it.utf8(length),
  (it, length) => { it.skip(length); },
  (it, length) => it.count(length, 3),
];

const hostileLength = fc.oneof(fc.nat(20), fc.double(), fc.integer(), fc.constantFrom(0xffff_ffff, 2 ** 53 - 1, 2 ** 53));
const program = fc.array(fc.tuple(fc.nat(reads.length - 1), hostileLength), { maxLength: 40 });

it("any bytes, any reads: an answer that fits, or a BytesError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), program, (bytes, calls) => {
      const reader = new ByteReader(bytes);
      for (const [index, length] of calls) {
        const before = reader.offset;
        try {
          const answer = reads[index]!(reader, length);
          if (answer instanceof Uint8Array) {
            expect(answer.buffer).toBe(bytes.buffer);
            expect(answer.length).toBe(reader.offset - before);
          }
          if (typeof answer === "string") expect(answer.length).toBeLessThanOrEqual(reader.offset - before);
        } catch (error) {
          expect(error).toBeInstanceOf(BytesError);
          expect(reader.offset).toBe(before);
        }
        expect(reader.offset).toBeGreaterThanOrEqual(before);
        expect(reader.offset + reader.remaining).toBe(bytes.length);
      }
    }),
  );
});

it("never reads outside its part", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), fc.nat(40), (bytes, one, two) => {
      const start = Math.min(one, two, bytes.length);
      const end = Math.min(Math.max(one, two), bytes.length);
      const reader = new ByteReader(bytes, start, end);
      const seen: number[] = [];
      while (reader.remaining > 0) seen.push(reader.u8());
      expect(seen).toEqual([...bytes.subarray(start, end)]);
      expect(() => reader.u8()).toThrow(BytesError);
    }),
  );
});
