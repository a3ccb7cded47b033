import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/*
 * A snapshot is a header of 128 bytes, blocks, and an end. Integers are unsigned and little endian, crc is CRC-32C.
 *
 *   header  0  8  magic "HFSNAPSH"
 *           8  2  version: 1
 *          10  2  flags: 0
 *          12  4  0
 *          16 16  object id: random
 *          32  8  seq, as in the name
 *          40  8  number, as in the name
 *          48 16  log id, or zeros
 *          64  8  made at, Unix milliseconds
 *          72  4  the user's version of what is inside
 *          76 48  0
 *         124  4  crc of bytes 0 to 123
 *   block   length (4, 1 to 1 MiB) ‖ so many bytes ‖ crc (4)
 *   end     0 (4) ‖ bytes in all blocks (8) ‖ crc (4), and nothing behind it
 *
 * The crc of a block and of the end is that of everything before it from byte 0 of the snapshot on, with all crcs left out, the header's
 * as well (what is followed by its own crc has the same crc as anything else that is): so a block is sound in one place of one snapshot only.
 */

/** What the header of a snapshot says. */
export interface SnapshotHeader {
  /** 16 random bytes. */
  readonly objectId: Uint8Array;
  readonly seq: number;
  readonly number: number;
  /** 32 hexadecimal digits: of the log whose records are in the state; `undefined`: it was not made of a log. */
  readonly logId: string | undefined;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  /** The user's version of what is inside: 0 to 2^32 − 1. */
  readonly version: number;
}

/** Bytes of a header. */
export const HEADER_BYTES = 128;

/** Where the checksum of a header lies. */
export const HEADER_CRC_OFFSET = 124;

/** Where the object id lies. */
export const OBJECT_ID_OFFSET = 16;

/** Why bytes are no header of this version. */
export interface UnsoundHeader {
  readonly problem: "damaged" | "unsupported";
  readonly reason: string;
}

/** The 128 bytes of a header. */
export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(HEADER_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.u16(0);
  writer.u32(0);
  writer.bytes(header.objectId);
  writer.u64(header.seq);
  writer.u64(header.number);
  writer.bytes(header.logId === undefined ? new Uint8Array(16) : fromHex(header.logId));
  writer.u64(header.createdAtMs);
  writer.u32(header.version);
  writer.zeros(HEADER_CRC_OFFSET - writer.length);
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

/** Reads {@link HEADER_BYTES} bytes. Total: every input gives a header or the reason why it is none. */
export function decodeHeader(bytes: Uint8Array): SnapshotHeader | UnsoundHeader {
  if (bytes.length < HEADER_BYTES) return damaged("it ends inside its header");
  const reader = new ByteReader(bytes, 0, HEADER_BYTES);
  if (!isEqual(reader.bytes(8), MAGIC)) return damaged("it does not begin as a snapshot");
  const crc = new ByteReader(bytes, HEADER_CRC_OFFSET, HEADER_BYTES).u32();
  if (crc !== crc32c(bytes.subarray(0, HEADER_CRC_OFFSET))) return damaged("the checksum of its header is wrong");
  const version = reader.u16();
  const flags = reader.u16();
  if (version !== FORMAT_VERSION || flags !== 0) {
    return { problem: "unsupported", reason: `version ${version} with flags ${flags} of the format; this is for version ${FORMAT_VERSION}` };
  }
  return decodeFields(reader);
}

/** Whether it is the reason why there is no header. */
export function isUnsound(header: SnapshotHeader | UnsoundHeader): header is UnsoundHeader {
  return "problem" in header;
}

const MAGIC = Uint8Array.from("HFSNAPSH", (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;

function decodeFields(reader: ByteReader): SnapshotHeader | UnsoundHeader {
  const reserved = reader.u32();
  const objectId = reader.bytes(16).slice();
  const [seq, number] = [Number(reader.u64()), Number(reader.u64())];
  const logId = toHex(reader.bytes(16));
  const createdAtMs = Number(reader.u64());
  const version = reader.u32();
  const isSound =
    reserved === 0 && [seq, number, createdAtMs].every(Number.isSafeInteger) && number >= 1 && reader.bytes(HEADER_CRC_OFFSET - reader.offset).every((byte) => byte === 0);
  if (!isSound) return damaged("its header contradicts itself");
  return { objectId, seq, number, logId: logId === NO_LOG ? undefined : logId, createdAtMs, version };
}

const NO_LOG = "0".repeat(32);

function damaged(reason: string): UnsoundHeader {
  return { problem: "damaged", reason };
}

function isEqual(some: Uint8Array, other: Uint8Array): boolean {
  return some.length === other.length && some.every((byte, index) => byte === other[index]);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, index) => Number.parseInt(text.slice(index * 2, index * 2 + 2), 16));
}
