/**
 * The head of an LZ4 frame, after the public LZ4 Frame Format 1.6: magic number, FLG, BD, content size and dictionary id where
 * FLG says so, and the second byte of the head's xxHash32. Everything is little endian.
 */
import { ByteReader } from "@holdfast/bytes";

/** The magic number of a frame. */
export const FRAME_MAGIC = 0x184d2204;
/** The magic number of the format before it. */
export const LEGACY_MAGIC = 0x184c2102;

/** The size word of a block that is stored as it is has this bit. */
export const STORED_BLOCK_FLAG = 0x8000_0000;

/** A block of the legacy format holds so many bytes at most. */
export const LEGACY_BLOCK_BYTES: number = 8 * 1024 * 1024;

/** A linked block may refer so far back. */
export const LZ4_WINDOW_BYTES: number = 64 * 1024;

/**
 * Content of the blocks that are written here: less than the head allows, which every reader takes. With blocks of 4 MiB half a gigabyte
 * waits for the garbage collector, since what the packer answers is freed late; it refers back 64 KiB at most, whatever the block.
 */
export const WRITTEN_BLOCK_BYTES: number = 128 * 1024;

/** The head of every frame that is written here, which is that of litestream: independent blocks of up to 4 MiB, content checksum, nothing else. */
export const WRITTEN_FRAME_HEAD: Uint8Array = Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x64, 0x70, 0xb9);

/** What the head of a frame says. */
export interface Lz4FrameHead {
  /** Bytes of content in a block at most: 64 KiB, 256 KiB, 1 MiB or 4 MiB. */
  readonly blockBytes: number;
  readonly blocksAreLinked: boolean;
  readonly hasBlockChecksums: boolean;
  readonly hasContentChecksum: boolean;
  /** Bytes of content, where it is stated. */
  readonly contentSize: bigint | undefined;
}

/** Whether these four bytes begin a frame that readers pass over. */
export function isSkippableMagic(magic: number): boolean {
  return magic >>> 4 === 0x184d2a5;
}

/** How many bytes of head follow the magic number, FLG included, the head's checksum too. */
export function frameHeadBytes(flags: number): number {
  return 3 + ((flags & HAS_CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & HAS_DICTIONARY_ID) === 0 ? 0 : 4);
}

/**
 * Reads a head. Total: every input gives a head or the reason why it is none.
 *
 * @param bytes - From FLG on, of the length that {@link frameHeadBytes} answers.
 * @param xxHash32 - With seed 0.
 */
export function decodeFrameHead(bytes: Uint8Array, xxHash32: (bytes: Uint8Array) => number): Lz4FrameHead | string {
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const blockDescriptor = reader.u8();
  if (flags >>> 6 !== 1) return "its version is not the one of the format";
  if ((flags & RESERVED_FLAG) !== 0 || (blockDescriptor & 0x8f) !== 0) return "reserved bits of its head are set";
  if ((flags & HAS_DICTIONARY_ID) !== 0) return "it needs a dictionary";
  const blockBytes = BLOCK_BYTES[blockDescriptor >>> 4];
  if (blockBytes === undefined) return "the size of its blocks is none of the format";
  const contentSize = (flags & HAS_CONTENT_SIZE) === 0 ? undefined : reader.u64();
  if (((xxHash32(bytes.subarray(0, bytes.length - 1)) >>> 8) & 0xff) !== bytes[bytes.length - 1]) return "invalid header checksum";
  return {
    blockBytes,
    blocksAreLinked: (flags & BLOCKS_ARE_INDEPENDENT) === 0,
    hasBlockChecksums: (flags & HAS_BLOCK_CHECKSUMS) !== 0,
    hasContentChecksum: (flags & HAS_CONTENT_CHECKSUM) !== 0,
    contentSize,
  };
}

const BLOCKS_ARE_INDEPENDENT = 0x20;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_CONTENT_CHECKSUM = 0x04;
const RESERVED_FLAG = 0x02;
const HAS_DICTIONARY_ID = 0x01;

/** By the number in the block descriptor. */
const BLOCK_BYTES: readonly (number | undefined)[] = [undefined, undefined, undefined, undefined, 64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024];
