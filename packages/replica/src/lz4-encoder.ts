import { STORED_BLOCK_FLAG, WRITTEN_BLOCK_BYTES, WRITTEN_FRAME_HEAD } from "./format/lz4-frame.js";
import { BLOCK_PREFIX_BYTES, packBlock } from "./lz4-block.js";
import { xxHash32 } from "./xx-hash.js";

/**
 * One LZ4 frame of some content, as litestream writes it: independent blocks of up to 4 MiB, a checksum of the content, none of blocks.
 * Takes a block or two of memory, whatever the size.
 *
 * @param content - Pieces of any size. A piece is not used any more when the next one is asked for.
 */
export async function* encodeLz4(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = (await xxHash32()).start();
  yield WRITTEN_FRAME_HEAD.slice();
  for await (const block of blocksOf(content)) {
    hash.update(block);
    yield await encodeBlock(block);
  }
  const end = new Uint8Array(8);
  new DataView(end.buffer).setUint32(4, hash.digest(), true);
  yield end;
}

/** The size word of a block, and the block: packed, or as it is if that is shorter. */
async function encodeBlock(content: Uint8Array): Promise<Uint8Array> {
  const packed = await packBlock(content);
  const packedBytes = packed.length - BLOCK_PREFIX_BYTES;
  if (packedBytes < content.length) {
    // A copy, which the garbage collector knows the size of: what lz4-napi answers waits for it far too long.
    const block = new Uint8Array(packed);
    new DataView(block.buffer).setUint32(0, packedBytes, true);
    return block;
  }
  const stored = new Uint8Array(BLOCK_PREFIX_BYTES + content.length);
  new DataView(stored.buffer).setUint32(0, (STORED_BLOCK_FLAG | content.length) >>> 0, true);
  stored.set(content, BLOCK_PREFIX_BYTES);
  return stored;
}

/** The same bytes in pieces of one block each; the last may be shorter. A piece is good until the next one is asked for. */
async function* blocksOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let block = new Uint8Array();
  let filled = 0;
  for await (const piece of content) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + WRITTEN_BLOCK_BYTES - filled);
      at += part.length;
      // A block as it stands in a large piece is not copied.
      if (part.length === WRITTEN_BLOCK_BYTES) {
        yield part;
        continue;
      }
      block = grown(block, filled, filled + part.length);
      block.set(part, filled);
      filled += part.length;
      if (filled < WRITTEN_BLOCK_BYTES) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/** `block`, or a larger one with its first bytes, so that small content takes little memory. */
function grown(block: Uint8Array<ArrayBuffer>, filled: number, needed: number): Uint8Array<ArrayBuffer> {
  if (needed <= block.length) return block;
  const larger = new Uint8Array(Math.min(WRITTEN_BLOCK_BYTES, Math.max(needed, 2 * block.length)));
  larger.set(block.subarray(0, filled));
  return larger;
}
