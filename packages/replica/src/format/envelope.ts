/**
 * What stands around the LZ4 frame of a native object: a head that says which object it is, and a tail that says how much is in
 * it. Both are frames that every LZ4 reader passes over, so that the lz4 command unpacks the object as it is. Integers are
 * unsigned and little endian, crc is CRC-32C.
 *
 *   head   0  4  0x184D2A50          tail   0  4  0x184D2A51
 *          4  4  40                         4  4  16
 *          8  8  "HFREPLIC"                 8  8  bytes of content
 *         16  2  version, 1                16  4  crc of head bytes 0 to 43 and of the LZ4 frame
 *         18  1  1 snapshot, 2 segment     20  4  crc of head bytes 0 to 43 and of tail bytes 0 to 19
 *         19  1  0
 *         20  8  generation
 *         28  8  index
 *         36  8  offset, 0 of a snapshot
 *         44  4  crc of bytes 0 to 43
 *
 * The crcs of the tail go over the head without its own: over bytes that end in their crc, the crc is the same for all bytes.
 */
import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/** Bytes of the head. */
export const ENVELOPE_HEAD_BYTES = 48;
/** Bytes of the tail. */
export const ENVELOPE_TAIL_BYTES = 24;

/** Which object it is. */
export interface EnvelopeHead {
  readonly kind: "snapshot" | "wal-segment";
  readonly generation: string;
  readonly index: bigint;
  /** 0 of a snapshot. */
  readonly offset: bigint;
}

/** How much is in it. */
export interface EnvelopeTail {
  /** Bytes of content. */
  readonly rawSize: number;
  /** CRC-32C of the LZ4 frame, begun with {@link headCrc}. */
  readonly crc: number;
}

/** What the checksums of an object begin with: that of its head, up to where the head has it. */
export function headCrc(head: Uint8Array): number {
  return crc32c(head.subarray(0, ENVELOPE_HEAD_BYTES - 4));
}

/** Why bytes are not the head that was expected. */
export interface UnsoundHead {
  readonly problem: "damaged" | "unsupported";
  readonly reason: string;
}

/** The head of an object. */
export function encodeEnvelopeHead({ kind, generation, index, offset }: EnvelopeHead): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(ENVELOPE_HEAD_BYTES) });
  writer.u32(HEAD_MAGIC);
  writer.u32(ENVELOPE_HEAD_BYTES - 8);
  writer.bytes(MAGIC);
  writer.u16(VERSION);
  writer.u8(kind === "snapshot" ? 1 : 2);
  writer.u8(0);
  writer.u64(BigInt(`0x${generation}`));
  writer.u64(index);
  writer.u64(offset);
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

/** Whether {@link ENVELOPE_HEAD_BYTES} bytes are the head of this object: `undefined`, or what they are instead. */
export function checkEnvelopeHead(bytes: Uint8Array, expected: EnvelopeHead): UnsoundHead | undefined {
  if (isEqual(bytes, encodeEnvelopeHead(expected))) return undefined;
  const reader = new ByteReader(bytes);
  reader.skip(8);
  const hasMagic = isEqual(reader.bytes(8), MAGIC);
  const version = reader.u16();
  reader.skip(ENVELOPE_HEAD_BYTES - 4 - reader.offset);
  const isWhole = reader.u32() === crc32c(bytes.subarray(0, ENVELOPE_HEAD_BYTES - 4));
  if (!hasMagic || !isWhole) return { problem: "damaged", reason: "its head is damaged, or it is no object of this layout" };
  if (version !== VERSION) return { problem: "unsupported", reason: `version ${version} of the format; this is for version ${VERSION}` };
  return { problem: "damaged", reason: "it is another object, in the place of this one" };
}

/** The tail of an object, for the head that {@link encodeEnvelopeHead} makes. */
export function encodeEnvelopeTail(head: Uint8Array, { rawSize, crc }: EnvelopeTail): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(ENVELOPE_TAIL_BYTES) });
  writer.u32(TAIL_MAGIC);
  writer.u32(ENVELOPE_TAIL_BYTES - 8);
  writer.u64(rawSize);
  writer.u32(crc);
  writer.u32(crc32c(writer.written, headCrc(head)));
  return writer.finish();
}

/** Reads {@link ENVELOPE_TAIL_BYTES} bytes. `undefined`: they are damaged, or the tail of another object. */
export function decodeEnvelopeTail(head: Uint8Array, bytes: Uint8Array): EnvelopeTail | undefined {
  const reader = new ByteReader(bytes);
  const begins = reader.u32() === TAIL_MAGIC && reader.u32() === ENVELOPE_TAIL_BYTES - 8;
  const rawSize = Number(reader.u64());
  const crc = reader.u32();
  const isWhole = reader.u32() === crc32c(bytes.subarray(0, ENVELOPE_TAIL_BYTES - 4), headCrc(head));
  return begins && isWhole && Number.isSafeInteger(rawSize) ? { rawSize, crc } : undefined;
}

const HEAD_MAGIC = 0x184d_2a50;
const TAIL_MAGIC = 0x184d_2a51;
const MAGIC = Uint8Array.from("HFREPLIC", (letter) => letter.charCodeAt(0));
const VERSION = 1;

function isEqual(some: Uint8Array, other: Uint8Array): boolean {
  return some.length === other.length && some.every((byte, at) => byte === other[at]);
}
