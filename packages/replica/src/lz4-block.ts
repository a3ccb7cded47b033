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
 * @param bytes - Of content: that the block may have, and that it is expected to have at most. A wrong guess costs a second try.
 * @param window - The content before it that it may refer to.
 * @throws Of lz4-napi, if it is no such block.
 */
export async function unpackBlock(prefixed: Uint8Array, bytes: { readonly max: number; readonly expected: number }, window: Uint8Array | undefined): Promise<Uint8Array> {
  const blockBytes = prefixed.length - BLOCK_PREFIX_BYTES;
  // No block grows further, since no byte of it stands for more than 255.
  const bound = Math.min(bytes.max, blockBytes * 255);
  if (bytes.expected < bound) {
    try {
      return await unpackInto(bytes.expected, prefixed, window);
    } catch {
      // It has more, perhaps.
    }
  }
  return unpackInto(bound, prefixed, window);
}

/** So much is reserved and cleared before the first byte is unpacked: 4 MiB take longer than unpacking what is in a block that is written here. */
function unpackInto(reserved: number, prefixed: Uint8Array, window: Uint8Array | undefined): Uint8Array | Promise<Uint8Array> {
  new DataView(prefixed.buffer, prefixed.byteOffset).setUint32(0, reserved, true);
  return prefixed.length - BLOCK_PREFIX_BYTES > SMALL_BYTES ? uncompress(prefixed, window) : uncompressSync(prefixed, window);
}

/**
 * Up to here a block takes about as long as the way to another thread and back; it is as long as those that are written here. What another
 * thread has reserved is given back late or never: unpacking 512 MiB in such blocks grew the process by 1.8 GB there, and by 41 MiB here.
 */
const SMALL_BYTES = 128 * 1024;
