import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonPieces } from "../src/json-pieces.js";
import { jsonState } from "../src/state-codec.js";

/** Values with everything that JSON.stringify treats in its own way. */
const anything = fc.anything({
  withDate: true,
  withSparseArray: true,
  withBoxedValues: true,
  withNullPrototype: true,
  withTypedArray: true,
  withMap: true,
  maxDepth: 5,
  values: [fc.string({ unit: "binary" }), fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.constant(undefined), fc.constant(Symbol("s")), fc.constant(() => 1)],
});

describe("JSON in pieces", () => {
  it("is the text of JSON.stringify, however small the pieces are", () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 0, max: 20 }), (value, smallUnits) => {
        const expected = JSON.stringify(value) as string | undefined;
        if (expected === undefined) expect(() => [...jsonPieces(value, smallUnits)]).toThrow(TypeError);
        else expect([...jsonPieces(value, smallUnits)].join("")).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("asks toJSON once, with the key, and takes what it answers as it is", () => {
    const odd = (value: unknown): object => ({ toJSON: (key: string) => ({ key, value, toJSON: () => "not again" }) });
    const value = { a: odd(1), b: [odd(2), odd(3)], c: "x".repeat(100) };
    for (const smallUnits of [0, 1, 5, 1000]) expect([...jsonPieces(value, smallUnits)].join("")).toBe(JSON.stringify(value));
    expect([...jsonPieces(odd(1), 0)].join("")).toBe(JSON.stringify(odd(1)));
  });

  it("cuts long strings between characters", () => {
    const text = "a😀\n\"\\\ud800é\u2028".repeat(50);
    for (const smallUnits of [0.25, 0.5, 1, 2]) expect([...jsonPieces({ text }, smallUnits)].join("")).toBe(JSON.stringify({ text }));
  });

  it("refuses cycles and bigints, as JSON.stringify does, and takes what is there twice", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = [cycle];
    for (const smallUnits of [0, 2, 1000]) {
      expect(() => [...jsonPieces(cycle, smallUnits)]).toThrow(TypeError);
      expect(() => [...jsonPieces([1, { n: 1n }], smallUnits)]).toThrow(TypeError);
    }
    const twice = { n: 1 };
    expect([...jsonPieces([twice, twice], 0)].join("")).toBe('[{"n":1},{"n":1}]');
  });

  it("comes in steps that are small, for what is large", () => {
    const value = { list: Array.from({ length: 20_000 }, (_, index) => ({ index, text: "x".repeat(50) })), text: "y".repeat(1_000_000) };
    const pieces = [...jsonPieces(value)];
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(200_000);
    expect(pieces.join("")).toBe(JSON.stringify(value));
  });
});

it("a state comes back from its bytes, wherever they are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.integer({ min: 1, max: 50 }), async (value, size) => {
      const codec = jsonState<unknown>();
      const bytes = Buffer.concat([...codec.encode(value)]);
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
      const stream = (async function* () { yield* pieces; })();
      expect(JSON.stringify(await codec.decode(stream))).toBe(JSON.stringify(value));
    }),
  );
});
