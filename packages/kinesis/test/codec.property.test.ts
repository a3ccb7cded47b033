import fc from "fast-check";
import { hasCode } from "@holdfast/storage";
import { isLosslessNumber, parse, stringify } from "lossless-json";
import { expect, it } from "vitest";
import { epochSecondsText } from "../src/format/epoch-seconds.js";
import { decodeKinesisEntry, decodeKinesisState, encodeKinesisEntry, encodeKinesisState, type KinesisError } from "../src/index.js";
import { kinesisState } from "./support/arbitraries.js";

const textOf = (bytes: Uint8Array): string => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

it("what is written is read, and written again to the byte", () => {
  fc.assert(
    fc.property(kinesisState, (state) => {
      const bytes = encodeKinesisState(state);
      expect(decodeKinesisState(bytes)).toEqual(state);
      expect(encodeKinesisState(decodeKinesisState(bytes))).toEqual(bytes);
      expect(decodeKinesisEntry(encodeKinesisEntry(state))).toEqual(state);
      expect(textOf(encodeKinesisEntry(state))).toBe(`{"Snapshot":${textOf(bytes)}}`);
    }),
  );
});

it("another parser reads the same, with the fields of every object backwards and white space between", () => {
  fc.assert(
    fc.property(kinesisState, (state) => {
      const backwards = (value: unknown): unknown => {
        if (isLosslessNumber(value) || typeof value !== "object" || value === null) return value;
        if (Array.isArray(value)) return value.map(backwards);
        return Object.fromEntries(Object.entries(value).reverse().map(([name, it]) => [name, backwards(it)]));
      };
      const text = textOf(encodeKinesisState(state));
      // Objects of JavaScript cannot hold every map; the names they treat otherwise are left to the other tests.
      fc.pre(!text.includes("__proto__"));
      expect(decodeKinesisState(Buffer.from(stringify(backwards(parse(text)), undefined, 2) ?? ""))).toEqual(state);
    }),
  );
});

const changes = fc.array(fc.record({ at: fc.nat(), value: fc.nat({ max: 255 }), kind: fc.constantFrom("set", "drop", "insert", "cut") }), { minLength: 1, maxLength: 4 });

it("damaged bytes are another state or an error with a place in them, and nothing else", () => {
  fc.assert(
    fc.property(kinesisState, changes, (state, damage) => {
      const bytes = [...encodeKinesisState(state)];
      for (const { at, value, kind } of damage) {
        const index = at % (bytes.length + 1);
        if (kind === "set") bytes[Math.min(index, Math.max(0, bytes.length - 1))] = value;
        else if (kind === "drop") bytes.splice(index, 1);
        else if (kind === "insert") bytes.splice(index, 0, value);
        else bytes.length = index;
      }
      try {
        const read = decodeKinesisState(Uint8Array.from(bytes));
        expect(decodeKinesisState(encodeKinesisState(read))).toEqual(normal(read));
        JSON.parse(textOf(Uint8Array.from(bytes))); // Whatever is accepted is JSON.
      } catch (error) {
        if (!hasCode(error, "KINESIS_INVALID_STATE")) throw error;
        const { reason, path, offset } = error as unknown as KinesisError;
        expect({ reason, path, offset }).toEqual({ reason: expect.any(String) as string, path: expect.any(String) as string, offset: expect.any(Number) as number });
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(offset).toBeLessThanOrEqual(bytes.length);
      }
    }),
    { numRuns: 300 },
  );
});

it("any JSON and any bytes have an answer", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.uint8Array({ maxLength: 200 }), (json, bytes) => {
      for (const input of [Buffer.from(json), Buffer.from(`{"Snapshot":${json}}`), bytes]) {
        for (const decode of [decodeKinesisState, decodeKinesisEntry]) {
          expect(() => decode(input)).toThrow(expect.objectContaining({ code: "KINESIS_INVALID_STATE" }) as Error);
        }
      }
    }),
  );
});

it("an unknown field is passed over if it is JSON", () => {
  fc.assert(
    fc.property(kinesisState, fc.json({ maxDepth: 5 }), fc.string({ unit: "binary", maxLength: 5 }), (state, json, name) => {
      const text = textOf(encodeKinesisState(state));
      expect(decodeKinesisState(Buffer.from(`{${JSON.stringify(`x${name}`)}:${json},${text.slice(1)}`))).toEqual(state);
    }),
  );
});

it("the text of seconds is the nearest double's, and as short as JavaScript's", () => {
  fc.assert(
    fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer().map((it) => it / 1000), fc.maxSafeInteger(), fc.double({ min: -(2 ** 66), max: 2 ** 66, noNaN: true }).map(Math.trunc)), (seconds) => {
      const text = epochSecondsText(seconds);
      if (seconds === 2 ** 63) return;
      expect(Number(text)).toBe(seconds === 0 ? 0 : seconds);
      expect(text).toMatch(/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]\d+)?$/);
      if (!Number.isInteger(seconds)) expect(digits(text)).toBe(digits(JSON.stringify(seconds)));
    }),
    { numRuns: 2000 },
  );
});

/** The digits that count, wherever the point stands. */
function digits(text: string): string {
  return (text.split("e")[0] ?? "").replace(/[-.]/g, "").replace(/^0+|0+$/g, "");
}

/** As it is read again: −0 and 2^63 have the texts of other numbers. */
function normal<T extends { readonly streams: readonly { readonly streamCreationTimestamp: number }[] }>(state: T): T {
  return { ...state, streams: state.streams.map((it) => ({ ...it, streamCreationTimestamp: it.streamCreationTimestamp === 0 ? 0 : it.streamCreationTimestamp })) };
}
