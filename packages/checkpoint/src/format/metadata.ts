import { ByteReader, ByteWriter, BytesError, decodeUtf8 } from "@holdfast/bytes";

/*
 * u32 entries ‖ each: u32 length ‖ name, UTF-8 ‖ u32 length ‖ value, UTF-8. Names in the order of their bytes, none twice.
 */

/** Texts as bytes, in the order in which they are to stand. */
export type MetadataFields = readonly (readonly [name: Uint8Array, value: Uint8Array])[];

/** The bytes of these fields, in this order: checks neither the order nor that no name stands twice. */
export function encodeMetadata(fields: MetadataFields): Uint8Array {
  const bytes = fields.reduce((sum, [name, value]) => sum + 8 + name.length + value.length, 4);
  const writer = new ByteWriter({ into: new Uint8Array(bytes) });
  writer.u32(fields.length);
  for (const text of fields.flat()) {
    writer.u32(text.length);
    writer.bytes(text);
  }
  return writer.finish();
}

/** `undefined`: the bytes are none. They are under a checksum, so that it was not damage that made them so. */
export function decodeMetadata(bytes: Uint8Array, maxEntries: number): ReadonlyMap<string, string> | undefined {
  try {
    const reader = new ByteReader(bytes);
    const entries = new Map<string, string>();
    for (let left = reader.count(reader.u32(), 8); left > 0; left -= 1) {
      const name = decodeUtf8(reader.bytes(reader.u32()));
      if (entries.has(name) || entries.size === maxEntries) return undefined;
      entries.set(name, decodeUtf8(reader.bytes(reader.u32())));
    }
    return reader.remaining === 0 ? entries : undefined;
  } catch (error) {
    if (error instanceof BytesError) return undefined;
    throw error;
  }
}
