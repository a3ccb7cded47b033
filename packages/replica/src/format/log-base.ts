/**
 * What the snapshots of a replicated log hold: 72 bytes, then the content of the snapshot that the log's own store had, if it had one.
 * Integers are unsigned and little endian, crc is CRC-32C.
 *
 *    0  8  "HFREPBAS"
 *    8  2  version, 1
 *   10  1  0 no content: the log begins here; 1 the content of a snapshot
 *   11  5  0
 *   16 16  the log's id
 *   32  8  generation
 *   40  8  index
 *   48  8  sequence number of the last record that is in it
 *   56  8  when that record was committed, Unix milliseconds, 0 if there is none
 *   64  4  the user's version of the content
 *   68  4  crc of bytes 0 to 67
 */
import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/** Bytes before the content. */
export const BASE_BYTES = 72;

/** What the records of an index stand on. */
export interface LogBase {
  readonly logId: string;
  readonly generation: string;
  readonly index: bigint;
  /** The last record that is in it; the WAL of the index goes on behind it. */
  readonly seq: number;
  /** When it was committed, Unix milliseconds; 0 if nothing was. */
  readonly committedAtMs: number;
  /** Of the content that follows; `undefined`: there is none, and the log begins behind `seq`. */
  readonly contentVersion: number | undefined;
}

/** The {@link BASE_BYTES} bytes that stand before the content. Checks nothing: every number fits its field. */
export function encodeLogBase({ logId, generation, index, seq, committedAtMs, contentVersion }: LogBase): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(BASE_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(VERSION);
  writer.u8(contentVersion === undefined ? 0 : 1);
  writer.zeros(5);
  writer.bytes(fromHex(logId));
  writer.bytes(fromHex(generation));
  writer.u64(index);
  writer.u64(seq);
  writer.u64(committedAtMs);
  writer.u32(contentVersion ?? 0);
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

/** Reads {@link BASE_BYTES} bytes: the base, the version of a newer one, or `undefined` if they are damaged. */
export function decodeLogBase(bytes: Uint8Array): LogBase | { readonly unsupportedVersion: number } | undefined {
  if (bytes.length < BASE_BYTES) return undefined;
  const reader = new ByteReader(bytes, 0, BASE_BYTES);
  const hasMagic = reader.bytes(8).every((byte, at) => byte === MAGIC[at]);
  const [version, kind] = [reader.u16(), reader.u8()];
  reader.skip(5);
  const [logId, generation] = [toHex(reader.bytes(16)), toHex(reader.bytes(8))];
  const [index, seq, committedAtMs] = [reader.u64(), Number(reader.u64()), Number(reader.u64())];
  const [contentVersion, crc] = [reader.u32(), reader.u32()];
  if (!hasMagic || crc !== crc32c(bytes.subarray(0, BASE_BYTES - 4))) return undefined;
  if (version !== VERSION) return { unsupportedVersion: version };
  if (kind > 1 || !Number.isSafeInteger(seq) || !Number.isSafeInteger(committedAtMs)) return undefined;
  return { logId, generation, index, seq, committedAtMs, contentVersion: kind === 1 ? contentVersion : undefined };
}

const MAGIC = Uint8Array.from("HFREPBAS", (letter) => letter.charCodeAt(0));
const VERSION = 1;

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}
