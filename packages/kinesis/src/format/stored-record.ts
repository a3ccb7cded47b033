import { ByteReader, BytesError, ByteWriter, encodeUtf8 } from "@holdfast/bytes";

/** A record as its bytes say it: postcard, in the order of the fields. */
export interface StoredRecord {
  readonly partitionKey: string;
  /** Base64, as the client sent it: nothing decodes it here. */
  readonly data: string;
  /** Unix seconds, with fractions. */
  readonly approximateArrivalTimestamp: number;
}

/** Throws BytesError. */
export function writeRecord({ partitionKey, data, approximateArrivalTimestamp }: StoredRecord): Uint8Array {
  const writer = new ByteWriter({ maxBytes: 2 ** 32 });
  writeText(writer, partitionKey);
  writeText(writer, data);
  writer.f64(approximateArrivalTimestamp);
  return writer.finish();
}

/** Throws BytesError, with the offset of what is wrong. What stands behind the record is passed over, as postcard does. */
export function readRecord(bytes: Uint8Array): StoredRecord {
  const reader = new ByteReader(bytes);
  const partitionKey = readText(reader);
  const data = readText(reader);
  return { partitionKey, data, approximateArrivalTimestamp: reader.f64() };
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  let rest = bytes.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) writer.u8((rest % 0x80) | 0x80);
  writer.u8(rest);
  writer.bytes(bytes);
}

function readText(reader: ByteReader): string {
  const { offset } = reader;
  const length = readVarint(reader);
  if (length > BigInt(reader.remaining)) {
    const needed = Number(length < MAX_SAFE ? length : MAX_SAFE);
    throw new BytesError("BYTES_TRUNCATED", `a text of ${length.toString()} bytes at ${offset}, ${reader.remaining} are left`, { operation: "readRecord", offset, needed, remaining: reader.remaining });
  }
  return reader.utf8(Number(length));
}

/** Seven bits a byte, the lowest first, and a bit that more follow: at most ten bytes and 64 bits, with zeros at the end or without. */
function readVarint(reader: ByteReader): bigint {
  const { offset } = reader;
  let value = 0n;
  for (let shift = 0n; shift <= 63n; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80 && value < 2n ** 64n) return value;
  }
  throw new BytesError("BYTES_OUT_OF_RANGE", `the length at ${offset} is greater than 64 bits hold`, { operation: "readRecord", offset });
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
