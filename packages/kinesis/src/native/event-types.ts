import { text, u32, type JsonType } from "@holdfast/bytes/json";

/** Bytes as base64 text (RFC 4648, section 4), with padding and nothing else in it. */
export const base64: JsonType<Uint8Array> = {
  read(reader) {
    reader.kind(); // Passes over white space.
    const { offset } = reader;
    const found = reader.string();
    const bytes = Buffer.from(found, "base64");
    // Node passes over what is no base64; then it is another text.
    if (bytes.toString("base64") !== found) throw reader.fault("wrong_type", "not base64", offset);
    return new Uint8Array(bytes);
  },
  write(writer, value) {
    writer.raw(`"${Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64")}"`);
  },
};

/** A text, or `null`; `undefined` is for the field around it to leave out. */
export const textOrNull: JsonType<string | null | undefined> = {
  read(reader) {
    if (reader.kind() !== "null") return text.read(reader);
    reader.null();
    return null;
  },
  write(writer, value) {
    if (typeof value === "string") text.write(writer, value);
    else writer.raw("null");
  },
};

/** A position, 0 to 2^32 − 1, and what is there, as an array of two. */
export function positioned<T>(item: JsonType<T>): JsonType<readonly [index: number, item: T]> {
  return {
    read(reader) {
      let index: number | undefined;
      let found: { readonly item: T } | undefined;
      reader.array((at) => {
        reader.path.push(at);
        if (at === 0) index = u32.read(reader);
        else if (at === 1) found = { item: item.read(reader) };
        else throw reader.fault("wrong_length", "more than two items");
        reader.path.pop();
      });
      if (index === undefined || found === undefined) throw reader.fault("wrong_length", "fewer than two items");
      return [index, found.item];
    },
    write(writer, [index, value]) {
      writer.raw("[");
      u32.write(writer, index);
      writer.raw(",");
      writer.path.push(1);
      item.write(writer, value);
      writer.path.pop();
      writer.raw("]");
    },
  };
}
