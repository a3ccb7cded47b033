import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isWholeBody, RecordCursor, splitRecords } from "../src/format/records.js";
import { encodeRecords } from "./support/segment-builder.js";

const records = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 12 });

describe("records of a commit", () => {
  it("come back as they were, empty ones too", () => {
    fc.assert(
      fc.property(records, (values) => {
        expect(splitRecords(encodeRecords(values), values.length)).toEqual(values);
      }),
    );
  });

  it("are corrupt under any other count", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: -3, max: 3 }), (values, difference) => {
        fc.pre(difference !== 0 && values.length + difference >= 0);
        expect(splitRecords(encodeRecords(values), values.length + difference)).toBeUndefined();
      }),
    );
  });

  it("are corrupt when cut", () => {
    fc.assert(
      fc.property(records, fc.nat(), (values, cut) => {
        const body = encodeRecords(values);
        expect(splitRecords(body.subarray(0, cut % body.length), values.length)).toBeUndefined();
      }),
    );
  });

  it("never leave the body, whatever it is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(20), (body, count) => {
        const split = splitRecords(body, count);
        if (split !== undefined) expect(encodeRecords(split)).toEqual(body);
      }),
    );
  });

  it("are whole for one who only looks exactly if they can be split", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: -2, max: 2 }), fc.integer({ min: -5, max: 5 }), fc.nat(9), (values, difference, cut, before) => {
        const body = encodeRecords(values);
        const bytes = new Uint8Array(before + body.length + 2);
        bytes.set(body, before);
        const count = Math.max(0, values.length + difference);
        const end = Math.max(before, before + body.length + cut);
        const isWhole = end <= bytes.length && splitRecords(bytes.subarray(before, end), count) !== undefined;
        expect(isWholeBody(bytes, before, end, count)).toBe(isWhole);
      }),
    );
    const body = encodeRecords([new Uint8Array(3), new Uint8Array(0)]);
    expect([1, 2, 3].map((count) => isWholeBody(body, 0, body.length, count))).toEqual([false, true, false]);
  });

  it("are views into the bytes around them", () => {
    fc.assert(
      fc.property(records, fc.nat(9), fc.nat(9), (values, before, behind) => {
        const body = encodeRecords(values);
        const bytes = new Uint8Array(before + body.length + behind).fill(0xff);
        bytes.set(body, before);
        const cursor = new RecordCursor(bytes, before, before + body.length, values.length);
        const found: Uint8Array[] = [];
        for (let record = cursor.next(); record !== undefined; record = cursor.next()) {
          expect(record.buffer).toBe(bytes.buffer);
          found.push(record);
        }
        expect(found).toEqual(values);
        expect(cursor.corrupt).toBe(false);
        expect(cursor.move()).toBe(false);
      }),
    );
  });

  it("a body that should go beyond the bytes is corrupt", () => {
    const body = encodeRecords([Uint8Array.of(1, 2, 3)]);
    const cursor = new RecordCursor(body, 0, body.length + 1, 1);
    expect(cursor.move()).toBe(false);
    expect(cursor.corrupt).toBe(true);
  });

  it("a length that goes beyond the body gives no byte behind it", () => {
    const bytes = Uint8Array.of(2, 0, 0, 0, 7, 7, 2, 0, 0, 0, 7, 9, 9, 9);
    const cursor = new RecordCursor(bytes, 0, 11, 2);
    expect(cursor.next()).toEqual(Uint8Array.of(7, 7));
    expect(cursor.next()).toBeUndefined();
    expect(cursor.corrupt).toBe(true);
    expect(cursor.next()).toBeUndefined();
  });

  it("a length of 2^32 − 1 asks for nothing", () => {
    expect(splitRecords(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 1)).toBeUndefined();
  });
});
