import fc from "fast-check";
import { parse } from "lossless-json";
import { expect, it } from "vitest";
import { indentJson, JsonError, JsonReader, JsonWriter } from "../src/json/index.js";

/** Reads any value as `lossless-json` would say it: integers as they stand. */
function readAny(reader: JsonReader): unknown {
  switch (reader.kind()) {
    case "object": {
      const fields: [string, unknown][] = [];
      reader.object((name) => fields.push([name, readAny(reader)]));
      return new Map(fields);
    }
    case "array": {
      const items: unknown[] = [];
      reader.array(() => items.push(readAny(reader)));
      return items;
    }
    case "string":
      return reader.string();
    case "number":
      return reader.double();
    case "boolean":
      return reader.boolean();
    case "null":
      reader.null();
      return null;
  }
}

function readText(bytes: Uint8Array): unknown {
  const reader = new JsonReader(bytes);
  const value = readAny(reader);
  reader.end();
  return value;
}

/** Objects as maps: a name is a name, `__proto__` too. */
function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([name, it]) => [name, asMaps(it)]));
}

const anyJson = fc.jsonValue({ maxDepth: 5, noUnicodeString: false });

it("reads what JSON.stringify writes, compact and indented", () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      const expected = asMaps(JSON.parse(JSON.stringify(value)));
      expect(readText(Buffer.from(JSON.stringify(value)))).toEqual(expected);
      expect(readText(Buffer.from(JSON.stringify(value, undefined, 3)))).toEqual(expected);
    }),
  );
});

it("indents as JSON.stringify does", () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      expect(Buffer.from(indentJson(Buffer.from(JSON.stringify(value)))).toString()).toBe(JSON.stringify(value, undefined, 2));
    }),
  );
});

it("keeps every integer of 64 bits", () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), (values) => {
      const json = Buffer.from(`[${values.join(",")}]`);
      const reader = new JsonReader(json);
      const found: bigint[] = [];
      reader.array(() => found.push(reader.unsigned(2n ** 64n - 1n)));
      expect(found).toEqual(values);
      expect((parse(json.toString(), null, { parseNumber: BigInt }))).toEqual(values);
    }),
  );
});

it("writes texts and bytes that JSON.parse reads", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.uint8Array(), (value, bytes) => {
      const writer = new JsonWriter();
      writer.raw("[");
      writer.string(value);
      writer.raw(",");
      writer.byteArray(bytes);
      writer.raw("]");
      expect(JSON.parse(Buffer.from(writer.finish()).toString())).toEqual([value, [...bytes]]);
    }),
  );
});

it("damage has an error with an offset, or is JSON", () => {
  fc.assert(
    fc.property(anyJson, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), (value, edits, length) => {
      const json = Buffer.from(JSON.stringify(value));
      for (const [at, byte] of edits) json[at % json.length] = byte;
      const damaged = json.subarray(0, length % 4 === 0 ? length % (json.length + 1) : json.length);
      try {
        readText(damaged);
        JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(damaged)); // Whatever is accepted is JSON.
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        expect(error.offset).toBeGreaterThanOrEqual(0);
        expect(error.offset).toBeLessThanOrEqual(damaged.length);
      }
    }),
  );
});
