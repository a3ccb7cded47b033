import { MAX_U64 } from "../u64.js";
import type { JsonReader } from "./json-reader.js";
import type { JsonWriter } from "./json-writer.js";

/** How a value is read and written: both directions in one place. Both throw JsonError. */
export interface JsonType<T> {
  readonly read: (reader: JsonReader) => T;
  readonly write: (writer: JsonWriter, value: T) => void;
}

/** Any text that has UTF-8. */
export const text: JsonType<string> = {
  read: (reader) => reader.string(),
  write: (writer, value) => {
    writer.string(value);
  },
};

/** `true` or `false`. */
export const flag: JsonType<boolean> = {
  read: (reader) => reader.boolean(),
  write: (writer, value) => {
    writer.raw(value ? "true" : "false");
  },
};

/** An integer from 0 to 2^64 − 1, exactly: digits alone, so that `1.0` and `1e3` are refused. */
export const u64: JsonType<bigint> = {
  read: (reader) => reader.unsigned(MAX_U64),
  write: (writer, value) => {
    if (value < 0n || value > MAX_U64) throw writer.fault("out_of_range", "not an integer from 0 to 2^64 - 1");
    writer.raw(value.toString());
  },
};

/** An integer from 0 to 2^32 − 1. */
export const u32: JsonType<number> = {
  read: (reader) => Number(reader.unsigned(MAX_U32)),
  write: (writer, value) => {
    if (!Number.isInteger(value) || value < 0 || value > Number(MAX_U32)) throw writer.fault("out_of_range", "not an integer from 0 to 2^32 - 1");
    writer.raw(String(value === 0 ? 0 : value)); // −0 is 0.
  },
};

/** A text that is one of `values`. */
export function oneOf<const T extends string>(values: readonly T[]): JsonType<T> {
  return {
    read(reader) {
      reader.kind();
      const { offset } = reader;
      const found = reader.string();
      const value = values.find((it) => it === found);
      if (value === undefined) throw reader.fault("unknown_variant", `none of ${values.join(", ")}`, offset);
      return value;
    },
    write(writer, value) {
      if (!values.includes(value)) throw writer.fault("unknown_variant", `none of ${values.join(", ")}`);
      writer.string(value);
    },
  };
}

/** An array of any length. */
export function list<T>(item: JsonType<T>): JsonType<readonly T[]> {
  return {
    read(reader) {
      const items: T[] = [];
      reader.array((index) => {
        reader.path.push(index);
        items.push(item.read(reader));
        reader.path.pop();
      });
      return items;
    },
    write(writer, items) {
      writer.raw("[");
      for (const [index, value] of items.entries()) {
        if (index > 0) writer.raw(",");
        writer.path.push(index);
        item.write(writer, value);
        writer.path.pop();
      }
      writer.raw("]");
    },
  };
}

const MAX_U32 = 2n ** 32n - 1n;
