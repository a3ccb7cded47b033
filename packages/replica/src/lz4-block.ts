import { compress, compressSync, uncompress, uncompressSync } from "lz4-napi";

/** What lz4-napi puts before a block when it packs, and wants there when it unpacks: the size of the content. */
export const BLOCK_PREFIX_BYTES = 4;

/**
 * Packs one block, in the calling thread if it is small.
 *
 * @returns {@link BLOCK_PREFIX_BYTES} bytes to be overwritten, then the block. It may be longer than the content.
 */
export function packBlock(content: Uint8Array): Uint8Array | Promise<Uint8Array> {
  return content.length > SMALL_BYTES ? compress(content) : compressSync(Buffer.from(content.buffer, content.byteOffset, content.length));
}

/**
 * Unpacks one block.
 *
 * @param prefixed - {@link BLOCK_PREFIX_BYTES} bytes, which are overwritten, then the block.
 * @param maxBytes - Bytes of content that the block may have.
 * @param window - The content before it that it may refer to.
 * @throws Of lz4-napi, if it is no such block.
 */
export async function unpackBlock(prefixed: Uint8Array, maxBytes: number, window: Uint8Array | undefined): Promise<Uint8Array> {
  const blockBytes = prefixed.length - BLOCK_PREFIX_BYTES;
  // So much is reserved before the first byte is unpacked; no block grows further, since no byte of it stands for more than 255.
  const reserved = Math.min(maxBytes, blockBytes * 255);
  new DataView(prefixed.buffer, prefixed.byteOffset).setUint32(0, reserved, true);
  return blockBytes > SMALL_BYTES ? uncompress(prefixed, window) : uncompressSync(prefixed, window);
}

/**
 * Up to here a block takes about as long as the way to another thread and back; it is as long as those that are written here. What another
 * thread has reserved is given back late or never: unpacking 512 MiB in such blocks grew the process by 1.8 GB there, and by 41 MiB here.
 */
const SMALL_BYTES = 128 * 1024;
