import { describe, expect, it } from "vitest";
import { defaulted, flag, indentJson, JsonError, JsonReader, JsonWriter, list, nullable, omittable, oneOf, required, struct, text, u32, u64, type JsonType } from "../src/json/index.js";
import { BytesError } from "../src/index.js";

interface Item {
  readonly id: bigint;
  readonly name: string;
  readonly size: number;
  readonly on: boolean;
  readonly kind: "a" | "b";
  readonly tags: readonly string[];
  readonly note: string | undefined;
  readonly more?: Item | undefined;
}

const item: JsonType<Item> = struct<Item>({
  id: required("id", u64),
  name: required("name", text),
  size: defaulted("size", u32, () => 7),
  on: required("on", flag),
  kind: required("kind", oneOf(["a", "b"])),
  tags: required("tags", list(text)),
  note: nullable("note", text),
  more: omittable("more", { read: (reader) => item.read(reader), write: (writer, value) => { item.write(writer, value); } }),
});

const one: Item = { id: 2n ** 64n - 1n, name: 'é"\n\u{1f600}', size: 0, on: true, kind: "b", tags: ["x", ""], note: undefined };
const oneText = '{"id":18446744073709551615,"name":"é\\"\\n\u{1f600}","size":0,"on":true,"kind":"b","tags":["x",""],"note":null}';

function write<T>(type: JsonType<T>, value: T): string {
  const writer = new JsonWriter();
  type.write(writer, value);
  return Buffer.from(writer.finish()).toString();
}

function read<T>(type: JsonType<T>, json: string | Uint8Array): T {
  const reader = new JsonReader(Buffer.from(json));
  const value = type.read(reader);
  reader.end();
  return value;
}

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(JsonError);
    expect(error).toBeInstanceOf(BytesError);
    expect(error).toMatchObject({ code: "BYTES_INVALID_JSON", retryable: false });
    return error;
  }
}

describe("a struct", () => {
  it("is written in the order of its fields, and read again", () => {
    const nested = { ...one, note: "n", more: one };
    expect(write(item, one)).toBe(oneText);
    expect(write(item, nested)).toBe(oneText.replace("null}", `"n","more":${oneText}}`));
    expect(read(item, write(item, nested))).toEqual(nested);
  });

  it("is read in any order, with unknown fields, and with what may be missing", () => {
    expect(read(item, ' {"kind":"a","x":{"y":[1.5e-3,null]},"tags" :[],"x":1,"on":false,"name":"","id":0} ')).toEqual({ id: 0n, name: "", size: 7, on: false, kind: "a", tags: [] });
    expect(read(item, '[1,"n",2,true,"a",["t"],"w",null]')).toEqual({ id: 1n, name: "n", size: 2, on: true, kind: "a", tags: ["t"], note: "w" });
    expect(Object.getPrototypeOf(read(item, oneText.replace("{", '{"__proto__":{"name":1},')))).toBe(Object.prototype);
  });

  it.each<readonly [what: string, json: string, reason: string, path: string, offset: number]>([
    ["a field twice", '{"id":1,"id":1}', "duplicate_field", "id", 8],
    ["a missing field", '{"id":1}', "missing_field", "", 0],
    ["too few positions", "[1]", "wrong_length", "", 3],
    ["too many positions", '[1,"",1,true,"a",[],null,null,0]', "wrong_length", "", 30],
    ["an unknown text", '{"kind": "c"}', "unknown_variant", "kind", 9],
    ["2^64", '{"id":18446744073709551616}', "out_of_range", "id", 6],
    ["2^32", '{"size":4294967296}', "out_of_range", "size", 8],
    ["a fraction", '{"id":1.0}', "wrong_type", "id", 6],
    ["another type in a list", '{"tags":["a",1]}', "wrong_type", "tags[1]", 13],
    ["a fault deep inside", '{"more":{"more":{"on":0}}}', "wrong_type", "more.more.on", 22],
    ["half a character", '{"name":"\\ud800"}', "utf8", "name", 9],
    ["an end too early", '{"id":1', "incomplete", "", 7],
    ["another text behind it", "{}x", "missing_field", "", 0],
  ])("refuses %s with place and reason", (_what, json, reason, path, offset) => {
    expect(thrown(() => read(item, json))).toMatchObject({ operation: "readJson", reason, path, offset });
  });

  it.each<readonly [what: string, value: Item, reason: string, path: string]>([
    ["a u64 that is none", { ...one, id: -1n }, "out_of_range", "id"],
    ["a u32 that is none", { ...one, size: 0.5 }, "out_of_range", "size"],
    ["half a character", { ...one, tags: ["a", "\udc00"] }, "utf8", "tags[1]"],
    ["an unknown text", { ...one, kind: "c" as "a" }, "unknown_variant", "kind"],
    ["a fault inside", { ...one, more: { ...one, id: 2n ** 64n } }, "out_of_range", "more.id"],
  ])("does not write %s", (_what, value, reason, path) => {
    expect(thrown(() => write(item, value))).toMatchObject({ operation: "writeJson", reason, path, offset: undefined });
  });
});

describe("the reader", () => {
  it.each<readonly [json: string, reason: string, offset: number]>([
    ["", "incomplete", 0],
    ["nul", "incomplete", 3],
    ["[1,]", "syntax", 3],
    ["[1 2]", "syntax", 3],
    ['{"a" 1}', "syntax", 5],
    ["01", "syntax", 0],
    ["1.", "incomplete", 2],
    ['"\t"', "syntax", 1],
    ['"\\x"', "syntax", 1],
    ["1 1", "trailing", 2],
    ["[".repeat(129), "too_deep", 128],
    ["\ufeff1", "syntax", 0],
  ])("refuses %j", (json, reason, offset) => {
    const reader = new JsonReader(Buffer.from(json));
    expect(thrown(() => { reader.skip(); reader.end(); })).toMatchObject({ reason, offset });
  });

  it("names the first byte that is not UTF-8", () => {
    expect(thrown(() => read(text, Uint8Array.of(0x22, 0xc3, 0xa9, 0x61, 0xff, 0x22)))).toMatchObject({ reason: "utf8", offset: 4 });
  });

  it.each([0, 1, 63, 64, 65, 200])("reads texts of %i characters, plain and not", (length) => {
    for (const last of ["", "z", "\u007f", "é", "\u{1f600}", "\n", '"', "\\"]) {
      const value = "aB 1".repeat(50).slice(0, length) + last;
      expect(read(text, JSON.stringify(value))).toBe(value);
      expect(thrown(() => read(text, JSON.stringify(value).slice(0, -1)))).toMatchObject({ reason: "incomplete" });
    }
    expect(thrown(() => read(text, `"${"a".repeat(length)}\u0001"`))).toMatchObject({ reason: "syntax", offset: length + 1 });
  });

  it("reads bytes and doubles", () => {
    expect(new JsonReader(Buffer.from("[0, 7,255]")).byteArray()).toEqual(Uint8Array.of(0, 7, 255));
    expect(thrown(() => new JsonReader(Buffer.from("[256]")).byteArray())).toMatchObject({ reason: "out_of_range", offset: 1 });
    expect(new JsonReader(Buffer.from("-1.5e3")).double()).toBe(-1500);
    expect(thrown(() => new JsonReader(Buffer.from("1e309")).double())).toMatchObject({ reason: "out_of_range" });
  });
});

describe("a value as it stands", () => {
  it("is read and written unchanged", () => {
    const json = ' {"a" :[1.0,18446744073709551616, "\\u00e9"]} ';
    const reader = new JsonReader(Buffer.from(`{"x":${json}}`));
    reader.object(() => {
      const start = reader.offset;
      expect(reader.raw()).toBe(json.trim());
      reader.rewind(start);
      expect(reader.raw()).toBe(json.trim());
    });
    reader.end();
    const writer = new JsonWriter();
    writer.json(json);
    expect(Buffer.from(writer.finish()).toString()).toBe(json);
  });

  it.each<readonly [json: string, reason: string]>([
    ["", "incomplete"],
    ["1 2", "trailing"],
    ['{"a":}', "syntax"],
    ['"\ud800"', "utf8"],
    ["[1,\n2]", "syntax"],
  ])("is refused if it is not one line of JSON: %j", (json, reason) => {
    const writer = new JsonWriter();
    writer.path.push("payload");
    expect(thrown(() => { writer.json(json); })).toMatchObject({ reason, path: "payload" });
  });
});

describe("indentJson", () => {
  const indented = (compact: string): string => Buffer.from(indentJson(Buffer.from(compact))).toString();

  it("writes what serde_json writes", () => {
    expect(indented('{"a":[],"b":{},"c":[1,[2]],"d":{"e":null}}')).toBe('{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    [\n      2\n    ]\n  ],\n  "d": {\n    "e": null\n  }\n}');
    expect(indented("18446744073709551615")).toBe("18446744073709551615");
  });

  it("leaves texts alone", () => {
    expect(indented('["{[,:]}\\\\","\\"{,\\"",""]')).toBe('[\n  "{[,:]}\\\\",\n  "\\"{,\\"",\n  ""\n]');
  });
});
