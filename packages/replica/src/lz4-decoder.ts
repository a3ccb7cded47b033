import { ReplicaError } from "./errors.js";
import { ByteSource } from "./byte-source.js";
import {
  decodeFrameHead,
  FRAME_MAGIC,
  frameHeadBytes,
  isSkippableMagic,
  LEGACY_BLOCK_BYTES,
  LEGACY_MAGIC,
  LZ4_WINDOW_BYTES,
  STORED_BLOCK_FLAG,
  WRITTEN_BLOCK_BYTES,
  type Lz4FrameHead,
} from "./format/lz4-frame.js";
import { BLOCK_PREFIX_BYTES, unpackBlock } from "./lz4-block.js";
import { xxHash32, type XxHash32 } from "./xx-hash.js";

/**
 * How an LZ4 file is read.
 *
 * - `"strict"`: one frame with a checksum of its content, from the first byte to the last. What replicas are read with.
 * - `"standard"`: what the LZ4 format allows: one frame or several, with frames to pass over between them, with or without checksums.
 * - `"lenient"`: what litestream's reader takes, too: nothing at all, a frame that breaks off before its end mark, the legacy format;
 *   of several frames the first, and nothing of what is behind it.
 */
export type Lz4Reading = "strict" | "standard" | "lenient";

/** What {@link decodeLz4} is told. */
export interface Lz4DecodeOptions {
  /** Default `"strict"`. */
  readonly reading?: Lz4Reading | undefined;
  /** Bytes of content that are accepted. Default: any number. */
  readonly maxBytes?: number | undefined;
  /** For messages: whose bytes they are. */
  readonly key?: string | undefined;
}

/**
 * The content of an LZ4 file, in pieces of one block. Takes a few blocks of memory, whatever the file says. The content is whole and
 * undamaged only when the loop ends without an error, since its checksum stands at its end. A piece may be a view of a piece of the file.
 *
 * @param file - Its bytes, in pieces of any size. Closed in the end.
 * @throws REPLICA_CORRUPT with the offset in the file; REPLICA_TOO_LARGE. What reading the file throws.
 */
export async function* decodeLz4(file: AsyncIterable<Uint8Array>, options: Lz4DecodeOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
  const source = new ByteSource(file);
  try {
    yield* decodeSource(source, options);
  } finally {
    await source.close();
  }
}

/** As {@link decodeLz4}, strictly, except that something else may follow: the source then stands behind the frame, and stays open. */
export async function* decodeFrame(source: ByteSource, { maxBytes = Infinity, key }: Lz4DecodeOptions): AsyncGenerator<Uint8Array, void, undefined> {
  yield* new Lz4Decoder(source, await xxHash32(), "strict", maxBytes, key).first();
}

async function* decodeSource(source: ByteSource, options: Lz4DecodeOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { reading = "strict", maxBytes = Infinity, key } = options;
  const decoder = new Lz4Decoder(source, await xxHash32(), reading, maxBytes, key);
  if (reading === "standard") yield* decoder.all();
  else yield* decoder.first();
  if (reading === "strict") await decoder.requireEnd();
}

class Lz4Decoder {
  readonly #source: ByteSource;
  readonly #hash: XxHash32;
  readonly #reading: Lz4Reading;
  readonly #maxBytes: number;
  readonly #key: string | undefined;
  #contentBytes = 0;
  /** Content of the largest block so far. What is written here is expected, until a larger one comes. */
  #expectedBytes = WRITTEN_BLOCK_BYTES;

  constructor(source: ByteSource, hash: XxHash32, reading: Lz4Reading, maxBytes: number, key: string | undefined) {
    this.#source = source;
    this.#hash = hash;
    this.#reading = reading;
    this.#maxBytes = maxBytes;
    this.#key = key;
  }

  /** The first frame. Lenient: behind those to pass over, and there need not be one. */
  async *first(): AsyncGenerator<Uint8Array, void, undefined> {
    const isLenient = this.#reading === "lenient";
    if (isLenient && (await this.#source.isAtEnd())) return;
    let magic = await this.#u32();
    while (isLenient && isSkippableMagic(magic)) {
      await this.#passOver();
      magic = await this.#u32();
    }
    if (magic === FRAME_MAGIC) yield* this.#frame();
    else if (isLenient && magic === LEGACY_MAGIC) yield* this.#legacyFrame();
    else throw this.#corrupt("bad magic number", this.#source.offset - 4);
  }

  /** All frames to the end of the file, of which there must be one. */
  async *all(): AsyncGenerator<Uint8Array, void, undefined> {
    let isEmpty = true;
    while (isEmpty || !(await this.#source.isAtEnd())) {
      const magic = await this.#u32();
      if (isSkippableMagic(magic)) await this.#passOver();
      else if (magic === FRAME_MAGIC) {
        isEmpty = false;
        yield* this.#frame();
      } else throw this.#corrupt("bad magic number", this.#source.offset - 4);
    }
  }

  async requireEnd(): Promise<void> {
    if (!(await this.#source.isAtEnd())) throw this.#corrupt("there is something behind the end of the frame");
  }

  async *#frame(): AsyncGenerator<Uint8Array, void, undefined> {
    const head = await this.#head();
    const before = this.#contentBytes;
    const hash = this.#hash.start();
    let window: Uint8Array = new Uint8Array();
    while (true) {
      // What litestream writes with is cut off here and read without a complaint.
      if (this.#reading === "lenient" && (await this.#source.isAtEnd())) return;
      const word = await this.#u32();
      if (word === 0) break;
      const content = await this.#block(word, head, window);
      this.#contentBytes += content.length;
      if (head.contentSize !== undefined && this.#contentBytes - before > head.contentSize) throw this.#corrupt("it holds more than it states");
      if (content.length === 0) continue;
      hash.update(content);
      if (head.blocksAreLinked) window = lastOf(window, content);
      yield content;
    }
    if (head.contentSize !== undefined && BigInt(this.#contentBytes - before) !== head.contentSize) throw this.#corrupt("it holds less than it states");
    if (head.hasContentChecksum && (await this.#u32()) !== hash.digest()) throw this.#corrupt("invalid frame checksum", this.#source.offset - 4);
  }

  async #head(): Promise<Lz4FrameHead> {
    const flags = await this.#take(1);
    const rest = await this.#take(frameHeadBytes(flags[0] ?? 0) - 1);
    const head = decodeFrameHead(Uint8Array.of(...flags, ...rest), this.#hash.of);
    if (typeof head === "string") throw this.#corrupt(head);
    if (this.#reading === "strict" && !head.hasContentChecksum) throw this.#corrupt("it has no checksum of its content");
    if (head.contentSize !== undefined && head.contentSize > this.#maxBytes - this.#contentBytes) throw this.#tooLarge();
    return head;
  }

  /** Content of the block of this size word. */
  async #block(word: number, head: Lz4FrameHead, window: Uint8Array): Promise<Uint8Array> {
    const at = this.#source.offset - 4;
    const blockBytes = (word & ~STORED_BLOCK_FLAG) >>> 0;
    // One of no bytes is a stored one. The library of litestream writes it where the content ends with a full block.
    if (blockBytes > head.blockBytes) throw this.#corrupt(`a block of ${blockBytes} bytes is none`, at);
    const isStored = word >= STORED_BLOCK_FLAG;
    const bytes = isStored ? await this.#take(blockBytes) : await this.#bytes(blockBytes, BLOCK_PREFIX_BYTES);
    const block = isStored ? bytes : bytes.subarray(BLOCK_PREFIX_BYTES);
    if (head.hasBlockChecksums && (await this.#u32()) !== this.#hash.of(block)) throw this.#corrupt("invalid block checksum", at);
    return this.#within(isStored ? block : await this.#unpacked(bytes, head.blockBytes, window, at));
  }

  /** Blocks of up to 8 MiB without any checksum, up to the end of the file or the next frame. */
  async *#legacyFrame(): AsyncGenerator<Uint8Array, void, undefined> {
    while (!(await this.#source.isAtEnd())) {
      const at = this.#source.offset;
      const blockBytes = await this.#u32();
      if (blockBytes === FRAME_MAGIC || blockBytes === LEGACY_MAGIC || isSkippableMagic(blockBytes)) return;
      // A block that cannot be made smaller grows a little.
      if (blockBytes > LEGACY_BLOCK_BYTES + LEGACY_BLOCK_BYTES / 255 + 16) throw this.#corrupt(`a block of ${blockBytes} bytes is none`, at);
      const content = this.#within(await this.#unpacked(await this.#bytes(blockBytes, BLOCK_PREFIX_BYTES), LEGACY_BLOCK_BYTES, undefined, at));
      this.#contentBytes += content.length;
      yield content;
    }
  }

  async #unpacked(prefixed: Uint8Array, maxBytes: number, window: Uint8Array | undefined, at: number): Promise<Uint8Array> {
    try {
      const content = await unpackBlock(prefixed, { max: maxBytes, expected: this.#expectedBytes }, window);
      this.#expectedBytes = Math.max(this.#expectedBytes, content.length);
      return content;
    } catch (cause) {
      throw this.#corrupt("a block cannot be unpacked", at, cause);
    }
  }

  #within(content: Uint8Array): Uint8Array {
    if (this.#contentBytes + content.length > this.#maxBytes) throw this.#tooLarge();
    return content;
  }

  async #passOver(): Promise<void> {
    const length = await this.#u32();
    if ((await this.#source.skip(length)) < length) throw this.#corrupt("unexpected end");
  }

  async #u32(): Promise<number> {
    const bytes = await this.#take(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  /** So many bytes, not to be written to. */
  async #take(length: number): Promise<Uint8Array> {
    const bytes = await this.#source.take(length);
    if (bytes.length < length) throw this.#corrupt("unexpected end");
    return bytes;
  }

  /** A copy of so many bytes, behind `free` ones. */
  async #bytes(length: number, free: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(free + length);
    if ((await this.#source.fill(bytes.subarray(free))) < length) throw this.#corrupt("unexpected end");
    return bytes;
  }

  #corrupt(what: string, offset: number = this.#source.offset, cause?: unknown): ReplicaError {
    const key = this.#key;
    const whose = key ?? "an LZ4 file";
    return new ReplicaError("REPLICA_CORRUPT", `${whose}, at ${offset}: ${what}`, { operation: "decodeLz4", key, offset, cause });
  }

  #tooLarge(): ReplicaError {
    const key = this.#key;
    const whose = key ?? "an LZ4 file";
    const message = `${whose} holds more than the ${this.#maxBytes} bytes that are accepted`;
    return new ReplicaError("REPLICA_TOO_LARGE", message, { operation: "decodeLz4", key, offset: this.#source.offset });
  }
}

/** The end of all content so far, as far as a block may refer back. */
function lastOf(before: Uint8Array, content: Uint8Array): Uint8Array {
  if (content.length >= LZ4_WINDOW_BYTES) return content.slice(-LZ4_WINDOW_BYTES);
  const kept = before.subarray(Math.max(0, before.length + content.length - LZ4_WINDOW_BYTES));
  const joined = new Uint8Array(kept.length + content.length);
  joined.set(kept);
  joined.set(content, kept.length);
  return joined;
}
