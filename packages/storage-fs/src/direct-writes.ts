import type { FsFile } from "@holdfast/storage/ports";

/**
 * Appends of any place and length, written as whole blocks that pass the system's cache. A file that grows through the cache needs a page of
 * memory for each of its blocks, which costs more than the disk does for all but small appends. Measured in docs/decisions/0012.
 *
 * The bytes of the block in which an append begins are written again, as they are. So does the cache, which writes whole pages: which sectors
 * a write addresses is the same in both ways.
 */
export class DirectWrites {
  readonly #file: FsFile;
  /** The block in which the appends end: their bytes, then zeros. */
  readonly #last = new Uint8Array(BLOCK_BYTES);
  /** Where the appends end. */
  #end = 0;

  /** @param file - Empty; opened for synced writes past the cache. */
  constructor(file: FsFile) {
    this.#file = file;
  }

  /** Where the file ends after a write from any place to `end` with `zeros` zeros behind. */
  reach(end: number, zeros: number): number {
    return roundUp(end + zeros);
  }

  /**
   * Writes `bytes` at `at`, which is the end of the appends or lies behind it, and `zeros` zeros behind them, or more up to the end of a block.
   *
   * @returns How many bytes are written from `at` on. Less than nothing if a short write ended before it.
   * @throws What the file throws; EINVAL where memory or disk ask for larger blocks, before anything is written.
   */
  async write(bytes: Uint8Array, at: number, zeros: number): Promise<number> {
    const from = at - (at % BLOCK_BYTES);
    const start = at - from;
    const end = start + bytes.byteLength;
    const total = roundUp(end + zeros);
    const memory = takeMemory(total);
    try {
      const before = Math.max(0, this.#end - from);
      memory.set(this.#last.subarray(0, before));
      memory.fill(0, before, start);
      memory.set(bytes, start);
      memory.fill(0, end, total);
      return (await this.#file.write(memory.subarray(0, total), from)) - start;
    } finally {
      giveMemory(memory);
    }
  }

  /** An append of `bytes` at `at` is done, in this way or another. */
  appended(bytes: Uint8Array, at: number): void {
    const end = at + bytes.byteLength;
    const block = end - (end % BLOCK_BYTES);
    const isSameBlock = this.#end > block;
    if (!isSameBlock) this.#last.fill(0);
    if (at < block) this.#last.set(bytes.subarray(block - at));
    else this.#last.set(bytes, at - block);
    this.#end = end;
  }

  /** Nothing is waiting in this file: an error of closing it would say nothing about what was written. */
  async close(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/**
 * Memory that begins at the beginning of a page, as the disk asks for: V8 gives whole pages to buffers that can be resized. An engine that
 * does not makes the first write fail with EINVAL, and the file is written through the cache.
 */
function takeMemory(bytes: number): Uint8Array {
  if (bytes > SPARE_BYTES) return pages(bytes);
  return spare.pop() ?? pages(SPARE_BYTES);
}

function giveMemory(memory: Uint8Array): void {
  if (memory.byteLength === SPARE_BYTES && spare.length < MAX_SPARE) spare.push(memory);
}

function pages(bytes: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
}

/** What file systems and disks ask for at most, as a rule: a page, and their own blocks. */
const BLOCK_BYTES = 4096;
/** Only what is used of it takes memory. */
const SPARE_BYTES = 1024 * 1024 + 2 * BLOCK_BYTES;
const spare: Uint8Array[] = [];
/** As many as there are commits at a time in one thread. */
const MAX_SPARE = 2;
