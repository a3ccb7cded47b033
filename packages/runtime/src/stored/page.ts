import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";
import { MalformedError } from "./fields.js";

/*
 * A page is a header of 64 bytes, blocks, and an index to its end. Integers are unsigned and little endian, crc is CRC-32C.
 *
 *   header  0  8  magic "HFRTPAGE"
 *           8  2  version: 1
 *          10  2  kind: 1 events, 2 transcripts
 *          12  4  0
 *          16  8  number, as in the name
 *          24 16  log id of the journal
 *          40 20  0
 *          60  4  crc of bytes 0 to 59
 *   block   items, each as it is stored everywhere; nothing between them
 *   index   for each block 36 bytes: offset (8) ‖ bytes (4) ‖ items (4) ‖ first key (8) ‖ last key (8) ‖ crc (4)
 *           then: blocks (4) ‖ crc (4)
 *
 * Keys are ids of events, or positions in a transcript; the entries of a worker are in blocks of its own. The crc of a block is that of bytes 0
 * to 59 of the header, the block's offset (8) and the block; that of the index is that of the same bytes, its offset (8) and the index before it.
 * So both are sound in one place of one page only. The header's own crc is left out: over bytes that end in their crc, crcs are all the same.
 */

const PAGE_HEADER_BYTES = 64;

/** Bytes of items after which a block ends. */
const BLOCK_BYTES = 16 * 1024;

const INDEX_ENTRY_BYTES = 36;
const INDEX_END_BYTES = 8;
const HEADER_CRC_OFFSET = 60;
const FORMAT_VERSION = 1;
const KINDS = { events: 1, transcripts: 2 } as const;
const MAGIC = new TextEncoder().encode("HFRTPAGE");

/** What the items of a page are. */
export type PageKind = keyof typeof KINDS;

/** Which page it is: what its header says. */
export interface PageIdentity {
  readonly kind: PageKind;
  readonly number: number;
  /** 32 hexadecimal digits: of the journal that it belongs to. */
  readonly logId: string;
}

/** Where a block is and what it has. */
export interface BlockEntry {
  readonly offset: number;
  readonly bytes: number;
  readonly items: number;
  readonly firstKey: bigint;
  readonly lastKey: bigint;
  readonly checksum: number;
}

/** Writes a page, item by item. */
export class PageWriter {
  readonly #writer = new ByteWriter({ maxBytes: 2 ** 32, initialBytes: 64 * 1024 });
  readonly #header: Uint8Array;
  readonly #blocks: BlockEntry[] = [];
  #start = PAGE_HEADER_BYTES;
  #items = 0;
  #firstKey = 0n;
  #lastKey = 0n;

  constructor(identity: PageIdentity) {
    this.#header = encodePageHeader(identity);
    this.#writer.bytes(this.#header);
  }

  /** Blocks that are finished. */
  get blocks(): number {
    return this.#blocks.length;
  }

  get length(): number {
    return this.#writer.length;
  }

  /** @param key - Not below the one before in the same block. */
  add(key: bigint, write: (writer: ByteWriter) => void): void {
    if (this.#items === 0) this.#firstKey = key;
    this.#lastKey = key;
    this.#items += 1;
    write(this.#writer);
    if (this.#writer.length - this.#start >= BLOCK_BYTES) this.endBlock();
  }

  /** Takes over items that are encoded already. */
  addBlock(block: Pick<BlockEntry, "items" | "firstKey" | "lastKey">, bytes: Uint8Array): void {
    this.endBlock();
    ({ items: this.#items, firstKey: this.#firstKey, lastKey: this.#lastKey } = block);
    this.#writer.bytes(bytes);
    this.endBlock();
  }

  /** What comes next begins a block. */
  endBlock(): void {
    if (this.#items === 0) return;
    const offset = this.#start;
    const block = this.#writer.written.subarray(offset);
    const checksum = blockChecksum(this.#header, offset, block);
    this.#blocks.push({ offset, bytes: block.length, items: this.#items, firstKey: this.#firstKey, lastKey: this.#lastKey, checksum });
    this.#start = this.#writer.length;
    this.#items = 0;
  }

  /** The whole page; the writer is done. */
  finish(): { readonly bytes: Uint8Array; readonly indexOffset: number } {
    this.endBlock();
    const indexOffset = this.#writer.length;
    for (const block of this.#blocks) writeBlockEntry(this.#writer, block);
    this.#writer.u32(this.#blocks.length);
    this.#writer.u32(blockChecksum(this.#header, indexOffset, this.#writer.written.subarray(indexOffset)));
    return { bytes: this.#writer.finish(), indexOffset };
  }
}

/** The index of a page: its blocks, decoded one by one as they are asked for. */
export class PageIndex {
  readonly blocks: number;
  readonly #bytes: Uint8Array;

  /**
   * @param bytes - From `indexOffset` to the end of the page. Kept.
   * @throws MalformedError if they are not the index of that page.
   */
  constructor(identity: PageIdentity, indexOffset: number, bytes: Uint8Array) {
    if (bytes.length < INDEX_END_BYTES) throw new MalformedError("an index that is too short");
    const reader = new ByteReader(bytes, bytes.length - INDEX_END_BYTES);
    this.blocks = reader.u32();
    const checksum = reader.u32();
    const sound = checksum === blockChecksum(encodePageHeader(identity), indexOffset, bytes.subarray(0, bytes.length - 4));
    if (!sound || this.blocks * INDEX_ENTRY_BYTES !== bytes.length - INDEX_END_BYTES) throw new MalformedError("an index that does not match its checksum");
    this.#bytes = bytes;
  }

  block(index: number): BlockEntry {
    const reader = new ByteReader(this.#bytes, index * INDEX_ENTRY_BYTES, (index + 1) * INDEX_ENTRY_BYTES);
    return { offset: reader.u64Safe(), bytes: reader.u32(), items: reader.u32(), firstKey: reader.u64(), lastKey: reader.u64(), checksum: reader.u32() };
  }

  /** Of blocks `first` to `last`: the first one with a last key of at least `key`, or `last + 1`. */
  find(key: bigint, first: number, last: number): number {
    let low = first;
    let high = last + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.block(middle).lastKey < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether `bytes` are that block of that page. */
export function isSoundBlock(identity: PageIdentity, block: BlockEntry, bytes: Uint8Array): boolean {
  return bytes.length === block.bytes && blockChecksum(encodePageHeader(identity), block.offset, bytes) === block.checksum;
}

function encodePageHeader({ kind, number, logId }: PageIdentity): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(PAGE_HEADER_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.u16(KINDS[kind]);
  writer.zeros(4);
  writer.u64(number);
  writer.bytes(Buffer.from(logId, "hex"));
  writer.zeros(HEADER_CRC_OFFSET - writer.length);
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

function blockChecksum(header: Uint8Array, offset: number, bytes: Uint8Array): number {
  const place = new ByteWriter({ into: new Uint8Array(8) });
  place.u64(offset);
  return crc32c(bytes, crc32c(place.finish(), crc32c(header.subarray(0, HEADER_CRC_OFFSET))));
}

function writeBlockEntry(writer: ByteWriter, block: BlockEntry): void {
  writer.u64(block.offset);
  writer.u32(block.bytes);
  writer.u32(block.items);
  writer.u64(block.firstKey);
  writer.u64(block.lastKey);
  writer.u32(block.checksum);
}
