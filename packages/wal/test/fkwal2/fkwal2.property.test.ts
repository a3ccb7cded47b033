import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeFkwal2Entry, encodeFkwal2Header, readFkwal2, scanFkwal2, type Fkwal2Decode } from "../../src/fkwal2/index.js";

const json: Fkwal2Decode<unknown> = (payload) => {
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) as unknown };
  } catch (cause) {
    return { error: new Error("no JSON", { cause }) };
  }
};

const entries = fc.array(fc.jsonValue(), { maxLength: 6 });
const payloadOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify({ Snapshot: value }));
const fileOf = (values: readonly unknown[]): Buffer => Buffer.concat([encodeFkwal2Header(), ...values.map((it) => encodeFkwal2Entry(payloadOf(it)))]);
const payloads = (file: Uint8Array): readonly string[] => readFkwal2(file, { decode: json }).entries.map(({ payload }) => Buffer.from(payload).toString());

it("what is written is read", () => {
  fc.assert(
    fc.property(entries, (values) => {
      expect(payloads(fileOf(values))).toEqual(values.map((it) => Buffer.from(payloadOf(it)).toString()));
    }),
  );
});

it("cut anywhere, and continued at validBytes: the whole entries before the cut, and the new ones", () => {
  fc.assert(
    fc.property(entries, fc.nat(), entries, (before, at, after) => {
      const file = fileOf(before);
      const cut = file.subarray(0, at % (file.length + 1));
      const { entries: kept, torn } = readFkwal2(cut, { decode: json });
      const whole = kept.length;
      expect(payloads(cut)).toEqual(before.slice(0, whole).map((it) => Buffer.from(payloadOf(it)).toString()));
      if (whole < before.length) expect(cut.length).toBeLessThan(fileOf(before.slice(0, whole + 1)).length);

      const valid = cut.subarray(0, torn?.validBytes ?? cut.length);
      const continued = Buffer.concat([valid, valid.length === 0 ? encodeFkwal2Header() : Buffer.of(), ...after.map((it) => encodeFkwal2Entry(payloadOf(it)))]);
      expect(continued).toEqual(fileOf([...before.slice(0, whole), ...after]));
    }),
  );
});

const wrongBytes = fc.array(fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }) }), { minLength: 1, maxLength: 4 });

it("damaged anywhere: an answer for every byte, and never more entries than the file has room for", () => {
  fc.assert(
    fc.property(entries, wrongBytes, fc.boolean(), (values, wrong, zeroTail) => {
      const file = Buffer.concat([fileOf(values), Buffer.alloc(zeroTail ? 32 : 0)]);
      for (const { at, value } of wrong) file[at % file.length] = value;
      const { frames, validBytes, tail, salvaged } = scanFkwal2(file, json);
      const ends = [...frames, ...salvaged].map(({ offset, payload }) => ({ offset, end: offset + 8 + payload.length }));
      for (const [index, { offset }] of ends.entries()) expect(offset).toBeGreaterThanOrEqual(ends[index - 1]?.end ?? 0);
      expect(ends.at(-1)?.end ?? 0).toBeLessThanOrEqual(file.length);
      expect(frames.length === 0 || validBytes === ends[frames.length - 1]?.end).toBe(true);
      if (tail.kind === "clean") expect(validBytes).toBe(file.length);
      if (tail.kind === "torn") expect({ end: validBytes + tail.discardedBytes, salvaged }).toEqual({ end: file.length, salvaged: [] });
      if (tail.kind === "damaged") expect({ frame: tail.frame, offset: tail.offset }).toEqual({ frame: frames.length, offset: validBytes });
    }),
  );
});

it("any bytes at all have an answer, and the lenient reader never throws", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, withHeader) => {
      const file = withHeader ? Buffer.concat([encodeFkwal2Header(), bytes]) : bytes;
      expect(() => readFkwal2(file, { decode: json, mode: "lenient" })).not.toThrow();
    }),
  );
});

it("entries that were appended behind rubbish are never cut off", () => {
  fc.assert(
    fc.property(entries, entries, fc.uint8Array({ minLength: 1, maxLength: 40 }), (before, after, rubbish) => {
      fc.pre(after.length > 0);
      const file = Buffer.concat([fileOf(before), rubbish, fileOf(after).subarray(8)]);
      const { frames, tail, salvaged } = scanFkwal2(file, json);
      // Rubbish may itself be a frame, or its end the beginning of a length; what was appended is then found all the same.
      expect(tail.kind).not.toBe("torn");
      if (tail.kind === "damaged") expect([...frames, ...salvaged].length).toBeGreaterThanOrEqual(before.length + after.length);
    }),
  );
});
