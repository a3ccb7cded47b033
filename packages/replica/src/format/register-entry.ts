/**
 * An entry of the register of a replica's generations: 52 bytes. Integers are unsigned and little endian, crc is CRC-32C.
 *
 *    0  8  "HFREPREG"
 *    8  2  version, 1
 *   10  6  0
 *   16  8  number, as in its name
 *   24  8  generation, as bytes
 *   32 16  the log's id
 *   48  4  crc of bytes 0 to 47
 */
import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

const ENTRY_BYTES = 52;

/** A generation, and which one it was in the order of their beginnings. */
export interface RegisteredGeneration {
  /** From 1, without a gap. */
  readonly number: bigint;
  readonly generation: string;
  /** Of the log whose history it is: 32 hexadecimal digits. */
  readonly logId: string;
}

/** The 52 bytes of an entry; its number is from 1 to 2^64 − 1. */
export function encodeRegisterEntry({ number, generation, logId }: RegisteredGeneration): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(ENTRY_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(VERSION);
  writer.zeros(6);
  writer.u64(number);
  writer.bytes(fromHex(generation));
  writer.bytes(fromHex(logId));
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

/** Reads an entry: the version of a newer one, or `undefined` if it is damaged. */
export function decodeRegisterEntry(bytes: Uint8Array): RegisteredGeneration | { readonly unsupportedVersion: number } | undefined {
  // It has this length, and its checksum this place, in every version.
  if (bytes.length !== ENTRY_BYTES) return undefined;
  const reader = new ByteReader(bytes, 0, ENTRY_BYTES);
  const hasMagic = reader.bytes(8).every((byte, at) => byte === MAGIC[at]);
  const version = reader.u16();
  reader.skip(6);
  const number = reader.u64();
  const [generation, logId] = [toHex(reader.bytes(8)), toHex(reader.bytes(16))];
  if (!hasMagic || reader.u32() !== crc32c(bytes.subarray(0, ENTRY_BYTES - 4))) return undefined;
  return version === VERSION ? { number, generation, logId } : { unsupportedVersion: version };
}

const MAGIC = Uint8Array.from("HFREPREG", (letter) => letter.charCodeAt(0));
const VERSION = 1;

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}
