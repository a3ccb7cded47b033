import { text, type JsonType } from "@holdfast/bytes/json";
import { epochSecondsText } from "./epoch-seconds.js";

/** A finite double. The original would write another as null, and could not read that. */
export const epochSeconds: JsonType<number> = {
  read: (reader) => reader.double(),
  write: (writer, value) => {
    if (!Number.isFinite(value)) throw writer.fault("out_of_range", "not a finite number");
    writer.raw(epochSecondsText(value));
  },
};

/** Bytes as an array of numbers from 0 to 255, as serde writes them. */
export const byteArray: JsonType<Uint8Array> = {
  read: (reader) => reader.byteArray(),
  write: (writer, value) => {
    writer.byteArray(value);
  },
};

/** A text and a value, as an array of two. */
export function keyed<T>(value: JsonType<T>): JsonType<readonly [key: string, value: T]> {
  return {
    read(reader) {
      let key: string | undefined;
      let found: { readonly value: T } | undefined;
      reader.array((index) => {
        reader.path.push(index);
        if (index === 0) key = text.read(reader);
        else if (index === 1) found = { value: value.read(reader) };
        else throw reader.fault("wrong_length", "more than two items");
        reader.path.pop();
      });
      if (key === undefined || found === undefined) throw reader.fault("wrong_length", "fewer than two items");
      return [key, found.value];
    },
    write(writer, [key, item]) {
      writer.raw("[");
      writer.path.push(0);
      writer.string(key);
      writer.path[writer.path.length - 1] = 1;
      writer.raw(",");
      value.write(writer, item);
      writer.path.pop();
      writer.raw("]");
    },
  };
}

/** Texts by text, written in the order of their keys' UTF-8 bytes. Of a key that comes twice the last value counts. */
export const textMap: JsonType<ReadonlyMap<string, string>> = {
  read(reader) {
    const map = new Map<string, string>();
    let index = 0;
    reader.object((name) => {
      reader.path.push(index++);
      map.set(name, reader.string());
      reader.path.pop();
    });
    return map;
  },
  write(writer, map) {
    writer.raw("{");
    for (const [index, [key, value]] of [...map].sort(([a], [b]) => compareUtf8(a, b)).entries()) {
      if (index > 0) writer.raw(",");
      writer.path.push(index);
      writer.string(key);
      writer.raw(":");
      writer.string(value);
      writer.path.pop();
    }
    writer.raw("}");
  },
};

/** The order of the UTF-8 bytes: that of code points. The order of `<` is that of UTF-16, in which U+FF5E comes behind U+1F600. */
export function compareUtf8(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  // Behind the same first half of a pair the second halves decide, in the same order.
  return (a.codePointAt(at) ?? -1) - (b.codePointAt(at) ?? -1);
}
