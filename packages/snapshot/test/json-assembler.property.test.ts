import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonAssembler } from "../src/json-assembler.js";
import { jsonState } from "../src/state-codec.js";

const spaced = fc.constantFrom("", "", "", " ", "\n\t", "\r\n  ");
const scalar = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((it) => JSON.stringify(it)),
  fc.string({ unit: "binary" }).map((it) => JSON.stringify(it)),
  fc.constantFrom("true", "false", "null", '"\\""', '"\\\\"', '"[{,"', '"\\u0041\\/"'),
);
const key = fc.oneof(fc.string().map((it) => JSON.stringify(it)), fc.constantFrom('"__proto__"', '"a"', '"10"', '"9"', '"\\u0061"', '"}\\\\"'));

/** JSON texts, with white space between everything, keys that come twice, and deep ones. */
const { text } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    scalar,
    fc.tuple(fc.array(fc.tuple(spaced, tie("text"), spaced)), spaced).map(([items, end]) => (items.length === 0 ? `[${end}]` : `[${items.map((it) => it.join("")).join(",")}]`)),
    fc.tuple(fc.array(fc.tuple(spaced, key, spaced, fc.constant(":"), spaced, tie("text"), spaced)), spaced).map(([items, end]) => (items.length === 0 ? `{${end}}` : `{${items.map((it) => it.join("")).join(",")}}`)),
  ),
}));

const window = fc.integer({ min: 1, max: 40 });
const cut = fc.integer({ min: 1, max: 60 });

function assembled(text: string, windowCharacters: number, pieceCharacters: number): unknown {
  const assembler = new JsonAssembler(windowCharacters);
  for (let at = 0; at < text.length; at += pieceCharacters) assembler.add(text.slice(at, at + pieceCharacters));
  return assembler.finish();
}

function outcomeOf(work: () => unknown): { readonly value: unknown } | "refused" {
  try {
    return { value: work() };
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return "refused";
  }
}

describe("JSON put together from pieces", () => {
  it("is the value of JSON.parse, however small window and pieces are", () => {
    fc.assert(
      fc.property(spaced, text, spaced, window, cut, (before, inner, after, windowCharacters, pieceCharacters) => {
        const whole = before + inner + after;
        const value = assembled(whole, windowCharacters, pieceCharacters);
        expect(value).toStrictEqual(JSON.parse(whole));
        // Keys in the same order, `__proto__` as a key like any other.
        expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(whole)));
      }),
      { numRuns: 1000 },
    );
  });

  it("takes and refuses what JSON.parse takes and refuses, character by character", () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.constantFrom("", ",", "]", "[", "{", "}", ":", '"', "\\", " ", "1", "x", "\u0000"));
    fc.assert(
      fc.property(text, fc.array(change, { minLength: 1, maxLength: 3 }), window, cut, (inner, changes, windowCharacters, pieceCharacters) => {
        let whole = inner;
        for (const [where, length, by] of changes) {
          const at = where % (whole.length + 1);
          whole = whole.slice(0, at) + by + whole.slice(at + length);
        }
        expect(outcomeOf(() => assembled(whole, windowCharacters, pieceCharacters))).toStrictEqual(outcomeOf(() => JSON.parse(whole) as unknown));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(["", " ", "[1,]", "[,1]", "[1,,2]", "{,}", '{"a":1,}', "[1]]", "[1}", '{"a":[1}', "[[1],]", "[[1] [2]]", "[1] 2", '["a', "[[", '{"a" 1}', "{1:2}", "nul", "[[1]]\u00a0"])("refuses %j in every window", (whole) => {
    for (let windowCharacters = 1; windowCharacters < 12; windowCharacters++) expect(() => assembled(whole, windowCharacters, 1)).toThrow(SyntaxError);
  });

  it("is what the codec of states reads, cut anywhere, also within a character", async () => {
    const codec = jsonState<unknown>();
    const value = { list: Array.from({ length: 5000 }, (_, index) => ({ index, text: "é😀".repeat(index % 9) })), long: "y".repeat(300_000), deep: [[[[1]]]] };
    const bytes = Buffer.concat([...codec.encode(value)].map((it) => Buffer.from(it)));
    for (const length of [1013, 65_536, 262_144, bytes.length]) expect(await codec.decode(pieces(bytes, length))).toEqual(value);
    await expect(codec.decode(pieces(bytes.subarray(0, -1), 4096))).rejects.toThrow(SyntaxError);
    await expect(codec.decode(pieces(Buffer.from([0x22, 0xc3, 0x22]), 1))).rejects.toThrow(TypeError);
  });
});

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}
