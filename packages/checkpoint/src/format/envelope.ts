import { ByteReader, ByteWriter, BytesError, crc32c, decodeUtf8 } from "@holdfast/bytes";

/*
 * What stands around the bytes of a state, so that nothing is lost and nothing is taken for something else. Integers are unsigned and little
 * endian, crc is CRC-32C.
 *
 *   0  8  magic "HFCHKPNT"            48  8  term
 *   8  2  version: 1                  56  8  made at, Unix milliseconds
 *  10  2  flags: 0                    64  4  bytes of the stream id
 *  12  4  0                           68  4  bytes of the metadata
 *  16 16  object id: random           72  8  bytes of the state
 *  32  8  sequence, as in the name    80 44  0
 *  40  8  position, as in the name   124  4  crc of bytes 0 to 123
 *
 *   128  stream id, UTF-8 ‖ metadata ‖ state ‖ crc of everything before but the crc at 124
 */

/** Bytes of a header. */
export const HEADER_BYTES = 128;

/** Where the object id lies. */
export const OBJECT_ID_OFFSET = 16;

/** What a checkpoint says about itself. */
export interface CheckpointHeader {
  /** 16 random bytes. */
  readonly objectId: Uint8Array;
  readonly sequence: bigint;
  readonly position: number;
  /** Position of the claim of the owner that made it. */
  readonly term: number;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
}

/** What is around which the header stands. */
export interface CheckpointBody {
  readonly streamId: Uint8Array;
  readonly metadata: Uint8Array;
  readonly stateBytes: number;
  /** The whole object: room for the header, the three parts, and room for the checksum. */
  readonly bytes: Uint8Array;
}

/** A checkpoint that was checked. */
export interface ReadCheckpoint extends CheckpointHeader {
  readonly streamId: string;
  /** A view. */
  readonly metadata: Uint8Array;
  /** A view. */
  readonly state: Uint8Array;
}

/** Why bytes are no checkpoint of this version. */
export interface Unsound {
  readonly problem: "damaged" | "unsupported";
  readonly offset: number;
  readonly reason: string;
}

/** Lays the parts out, with room for what {@link sealCheckpoint} puts around them. */
export function layOutCheckpoint(streamId: Uint8Array, metadata: Uint8Array, state: { readonly bytes: number; write(writer: ByteWriter): void }): CheckpointBody {
  const bytes = new Uint8Array(HEADER_BYTES + streamId.length + metadata.length + state.bytes + CRC_BYTES);
  const writer = new ByteWriter({ into: bytes.subarray(HEADER_BYTES) });
  writer.bytes(streamId);
  writer.bytes(metadata);
  state.write(writer);
  return { streamId, metadata, stateBytes: state.bytes, bytes };
}

/** Writes header and checksum into the room that was left for them. The same body may be sealed again. */
export function sealCheckpoint(body: CheckpointBody, header: CheckpointHeader): Uint8Array {
  const { bytes } = body;
  const writer = new ByteWriter({ into: bytes.subarray(0, HEADER_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.u16(0);
  writer.u32(0);
  writer.bytes(header.objectId);
  writer.u64(header.sequence);
  writer.u64(header.position);
  writer.u64(header.term);
  writer.u64(header.createdAtMs);
  writer.u32(body.streamId.length);
  writer.u32(body.metadata.length);
  writer.u64(body.stateBytes);
  writer.zeros(HEADER_CRC_OFFSET - writer.length);
  writer.u32(crc32c(writer.written));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - CRC_BYTES, checksum(bytes), true);
  return bytes;
}

/** Reads a whole object. Total: every input gives a checkpoint or the reason why it is none. */
export function readCheckpoint(bytes: Uint8Array): ReadCheckpoint | Unsound {
  if (bytes.length < HEADER_BYTES) return damaged(0, "it ends inside its header");
  const reader = new ByteReader(bytes, 0, HEADER_BYTES);
  if (!reader.bytes(8).every((byte, index) => byte === MAGIC[index])) return damaged(0, "it does not begin as a checkpoint");
  if (new ByteReader(bytes, HEADER_CRC_OFFSET).u32() !== crc32c(bytes.subarray(0, HEADER_CRC_OFFSET))) return damaged(0, "the checksum of its header is wrong");
  const [version, flags] = [reader.u16(), reader.u16()];
  if (version !== FORMAT_VERSION || flags !== 0) {
    return { problem: "unsupported", offset: 8, reason: `version ${version} with flags ${flags} of the format; this is for version ${FORMAT_VERSION}` };
  }
  return readFields(bytes, reader);
}

/** Whether it is the reason why there is no checkpoint. */
export function isUnsound(read: ReadCheckpoint | Unsound): read is Unsound {
  return "problem" in read;
}

const MAGIC = Uint8Array.from("HFCHKPNT", (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;
const HEADER_CRC_OFFSET = 124;
const CRC_BYTES = 4;

/** Bytes that are followed by their own crc have all the same crc, so the one of the header is left out. */
function checksum(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(HEADER_BYTES, bytes.length - CRC_BYTES), crc32c(bytes.subarray(0, HEADER_CRC_OFFSET)));
}

function readFields(bytes: Uint8Array, reader: ByteReader): ReadCheckpoint | Unsound {
  const reserved = reader.u32();
  const objectId = reader.bytes(16).slice();
  const sequence = reader.u64();
  const [position, term, createdAtMs] = [Number(reader.u64()), Number(reader.u64()), Number(reader.u64())];
  const [idBytes, metadataBytes, stateBytes] = [reader.u32(), reader.u32(), Number(reader.u64())];
  const isSound =
    reserved === 0 && [position, term, createdAtMs].every(Number.isSafeInteger) && term >= 1 && position > term && reader.bytes(HEADER_CRC_OFFSET - reader.offset).every((byte) => byte === 0);
  if (!isSound) return damaged(0, "its header contradicts itself");
  const end = HEADER_BYTES + idBytes + metadataBytes + stateBytes;
  if (bytes.length !== end + CRC_BYTES) return damaged(Math.min(bytes.length, end), `it has ${bytes.length} bytes, and its header says ${end + CRC_BYTES}`);
  if (new ByteReader(bytes, end).u32() !== checksum(bytes)) return damaged(HEADER_BYTES, "its checksum is wrong");
  const parts = new ByteReader(bytes, HEADER_BYTES, end);
  const streamId = textOf(parts.bytes(idBytes));
  if (streamId === undefined) return damaged(HEADER_BYTES, "its stream id is no text");
  return { objectId, sequence, position, term, createdAtMs, streamId, metadata: parts.bytes(metadataBytes), state: parts.bytes(stateBytes) };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (error instanceof BytesError) return undefined;
    throw error;
  }
}

function damaged(offset: number, reason: string): Unsound {
  return { problem: "damaged", offset, reason };
}
