import { MAX_U64 } from "@holdfast/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCheckpointState, encodeCheckpointState, MAX_NAMES, type CheckpointState } from "../src/index.js";
import { hasCode } from "@holdfast/storage";

const u64 = fc.bigInt({ min: 0n, max: MAX_U64 });
const name = fc.string({ unit: "binary", maxLength: 12 });
const states: fc.Arbitrary<CheckpointState> = fc
  .record({
    sequence: u64,
    watermarkNs: u64,
    eventCount: u64,
    operators: fc.array(fc.tuple(name, fc.uint8Array({ maxLength: 40 })), { maxLength: 6 }),
    sources: fc.array(fc.tuple(name, u64), { maxLength: 6 }),
  })
  .map(({ sequence, operators, sources, ...rest }) => ({ id: { streamId: "s", sequence }, ...rest, operators: new Map(operators), sources: new Map(sources), metadata: new Map() }));

describe("the codec", () => {
  it("gives back what was written, whatever the order of the maps, in the same bytes", () => {
    fc.assert(
      fc.property(states, (state) => {
        const bytes = encodeCheckpointState(state);
        const decoded = decodeCheckpointState(bytes, { streamId: "s" });
        expect(decoded).toEqual({ state, missingSources: false, trailingBytes: 0, duplicateNames: [] });
        const turned = { ...state, operators: new Map([...state.operators].reverse()), sources: new Map([...state.sources].reverse()) };
        expect(encodeCheckpointState(turned)).toEqual(bytes);
        const names = [...decoded.state.operators.keys()].map((it) => Buffer.from(it));
        expect(names).toEqual([...names].sort((one, other) => Buffer.compare(one, other)));
      }),
    );
  });

  it("is strict about every byte that is missing or too much", () => {
    fc.assert(
      fc.property(states, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 9 }), (state, at, more) => {
        const bytes = encodeCheckpointState(state);
        expect(() => decodeCheckpointState(bytes.subarray(0, at % bytes.length), { streamId: "s" })).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED" }));
        expect(() => decodeCheckpointState(Uint8Array.of(...bytes, ...more), { streamId: "s" })).toThrow(expect.objectContaining({ code: "CHECKPOINT_MALFORMED", offset: bytes.length }));
        expect(decodeCheckpointState(Uint8Array.of(...bytes, ...more), { streamId: "s", lenient: true })).toMatchObject({ state, trailingBytes: more.length });
      }),
    );
  });

  it("answers or refuses with an offset, whatever the bytes are, and takes leniently what it takes strictly", () => {
    const hostile = fc.tuple(states, fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), { maxLength: 8 })).map(([state, changes]) => {
      const bytes = encodeCheckpointState(state);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
    let [taken, refused] = [0, 0];
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          const strict = decodeCheckpointState(bytes, { streamId: "s" });
          expect(decodeCheckpointState(bytes, { streamId: "s", lenient: true })).toEqual(strict);
          taken += 1;
        } catch (error) {
          if (!hasCode(error, "CHECKPOINT_MALFORMED")) throw error;
          expect(error.offset).toBeLessThanOrEqual(bytes.length);
          refused += 1;
        }
      }),
      { numRuns: 400 },
    );
    expect(Math.min(taken, refused)).toBeGreaterThan(20);
  });

  it("refuses what its fields cannot hold", () => {
    const state: CheckpointState = { id: { streamId: "s", sequence: 0n }, watermarkNs: 0n, eventCount: 0n, operators: new Map(), sources: new Map(), metadata: new Map() };
    for (const wrong of [
      ...([{ ...state, id: undefined }, { ...state, id: null }, { ...state, id: "s" }, {}, null, undefined] as unknown as CheckpointState[]),
      { ...state, id: { streamId: "s", sequence: -1n } },
      { ...state, watermarkNs: MAX_U64 + 1n },
      { ...state, eventCount: 5 as unknown as bigint },
      { ...state, sources: new Map([["a", -1n]]) },
      { ...state, operators: new Map([["\ud800", Uint8Array.of(1)]]) },
      { ...state, operators: new Map([["a", "text" as unknown as Uint8Array]]) },
    ]) {
      expect(() => encodeCheckpointState(wrong)).toThrow(expect.objectContaining({ code: "CHECKPOINT_INVALID_ARGUMENT", outcome: "not_applied" }));
    }
    const many = new Map(Array.from({ length: MAX_NAMES + 1 }, (_, index) => [String(index), BigInt(index)]));
    expect(() => encodeCheckpointState({ ...state, sources: many })).toThrow(expect.objectContaining({ code: "CHECKPOINT_TOO_LARGE" }));
    many.delete("0");
    expect(decodeCheckpointState(encodeCheckpointState({ ...state, sources: many }), { streamId: "s" }).state.sources.size).toBe(MAX_NAMES);
  });
});
