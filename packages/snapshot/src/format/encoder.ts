import { ByteWriter, crc32c } from "@holdfast/bytes";
import { encodeHeader, HEADER_CRC_OFFSET, type SnapshotHeader } from "./header.js";

/** The most that a block may hold. */
export const MAX_BLOCK_BYTES: number = 1024 * 1024;

/** Bytes of the end of a snapshot: 0, the sum of the blocks' lengths, and the crc. */
export const END_BYTES = 16;

/**
 * Turns pieces of any size into the bytes of a snapshot, one block at a time. `start`, then `add` for each piece, then `end`; what they
 * give is what the file consists of, in order. Holds one block.
 */
export class SnapshotEncoder {
  readonly #header: Uint8Array;
  /** Made for the first byte that goes in: a small snapshot costs one, not two. */
  #block: Uint8Array | undefined;
  #filled = 0;
  #bodyBytes = 0;
  /** The crc of everything so far that is no crc. */
  #crc: number;

  constructor(header: SnapshotHeader) {
    this.#header = encodeHeader(header);
    this.#crc = crc32c(this.#header.subarray(0, HEADER_CRC_OFFSET));
  }

  start(): Uint8Array {
    return this.#header;
  }

  /** The blocks that `piece` completes. It is copied before the next one is asked for. */
  *add(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + BLOCK_BYTES - this.#filled);
      this.#block ??= new Uint8Array(4 + BLOCK_BYTES + 4);
      this.#block.set(part, 4 + this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK_BYTES) yield this.#takeBlock(this.#block);
    }
  }

  *end(): Generator<Uint8Array, void, undefined> {
    if (this.#block !== undefined) yield this.#takeBlock(this.#block);
    const writer = new ByteWriter({ into: new Uint8Array(END_BYTES) });
    writer.u32(0);
    writer.u64(this.#bodyBytes);
    writer.u32(crc32c(writer.written, this.#crc));
    yield writer.finish();
  }

  #takeBlock(block: Uint8Array): Uint8Array {
    const bytes = block.subarray(0, 4 + this.#filled + 4);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#filled, true);
    this.#crc = crc32c(bytes.subarray(0, 4 + this.#filled), this.#crc);
    view.setUint32(4 + this.#filled, this.#crc, true);
    this.#bodyBytes += this.#filled;
    this.#filled = 0;
    // Whoever writes it may keep it for a while.
    this.#block = undefined;
    return bytes;
  }
}

/** Bytes of content that this writer puts into a block. */
const BLOCK_BYTES = 256 * 1024;
