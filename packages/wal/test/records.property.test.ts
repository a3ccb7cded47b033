import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isWholeBody } from "../src/format/records.js";
import { encodeRecords, splitRecords } from "./support/segment-builder.js";

const records = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 12 });

describe("the body of a commit", () => {
  it("is whole with all its records, empty ones too, wherever it lies", () => {
    fc.assert(
      fc.property(records, fc.nat(9), fc.nat(9), (values, before, behind) => {
        const body = encodeRecords(values);
        expect(splitRecords(body, values.length)).toEqual(values);
        const bytes = new Uint8Array(before + body.length + behind).fill(0xff);
        bytes.set(body, before);
        expect(isWholeBody(bytes, before, before + body.length, values.length)).toBe(true);
      }),
    );
  });

  it("is not whole under any other count", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: -3, max: 3 }), (values, difference) => {
        fc.pre(difference !== 0 && values.length + difference >= 0);
        const body = encodeRecords(values);
        expect(isWholeBody(body, 0, body.length, values.length + difference)).toBe(false);
      }),
    );
  });

  it("is not whole when cut, nor with a byte more", () => {
    fc.assert(
      fc.property(records, fc.nat(), (values, cut) => {
        const body = encodeRecords(values);
        expect(isWholeBody(body, 0, cut % body.length, values.length)).toBe(false);
        expect(isWholeBody(Uint8Array.of(...body, 0), 0, body.length + 1, values.length)).toBe(false);
      }),
    );
  });

  it("is whole, whatever it is, exactly if it can be split", () => {
    const small = fc.uint8Array({ maxLength: 24, max: 6 });
    fc.assert(
      fc.property(small, fc.nat(8), (body, count) => {
        expect(isWholeBody(body, 0, body.length, count)).toBe(splitRecords(body, count) !== undefined);
      }),
      { numRuns: 500 },
    );
    expect(isWholeBody(Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0, 0), 0, 9, 2)).toBe(true);
  });

  it("is not whole if it should go beyond the bytes", () => {
    const body = encodeRecords([Uint8Array.of(1, 2, 3)]);
    expect(isWholeBody(body, 0, body.length + 1, 1)).toBe(false);
    expect(isWholeBody(Uint8Array.of(4, 0, 0, 0, 1, 2, 3), 0, 8, 1)).toBe(false);
  });

  it("is not whole with a length that goes beyond it into other bytes, or of 2^32 − 1", () => {
    expect(isWholeBody(Uint8Array.of(2, 0, 0, 0, 7, 7, 2, 0, 0, 0, 7, 9, 9, 9), 0, 11, 2)).toBe(false);
    expect(isWholeBody(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 0, 5, 1)).toBe(false);
  });
});
