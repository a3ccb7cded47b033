import { isHoldfastError, type StorageBackend, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import { ByteReader } from "@holdfast/bytes";
import { RuntimeError } from "../errors.js";
import type { EventRecord, TranscriptRecord, WorkerRef } from "../format/model.js";
import { pageKey } from "../layout.js";
import type { PageRef } from "../state/runtime-state.js";
import { readEntry, readEvent } from "../stored/fields.js";
import { isSoundBlock, PageIndex, type BlockEntry, type PageIdentity, type PageKind } from "../stored/page.js";

/** Indexes that are kept: some hundred times 36 bytes each. */
const KEPT_INDEXES = 64;

/** Reads pages, block by block, each checked. */
export class PageStore {
  readonly #storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #logId: string;
  readonly #indexes = new Map<string, PageIndex>();

  constructor(storage: StorageBackend, prefix: StoragePrefix, logId: string) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#logId = logId;
  }

  /** @throws RUNTIME_MISSING; RUNTIME_CORRUPT; what the storage says. */
  async index(kind: PageKind, page: PageRef): Promise<PageIndex> {
    const key = pageKey(this.#prefix, kind, page.number);
    const kept = this.#indexes.get(key);
    if (kept !== undefined) {
      // The one that was used last is the last to go.
      this.#indexes.delete(key);
      this.#indexes.set(key, kept);
      return kept;
    }
    const bytes = await this.#read(key, page.indexOffset, page.bytes - page.indexOffset);
    const index = this.#decoded(key, page.indexOffset, () => new PageIndex(this.#identity(kind, page), page.indexOffset, bytes));
    this.#indexes.set(key, index);
    for (const oldest of this.#indexes.keys()) {
      if (this.#indexes.size <= KEPT_INDEXES) break;
      this.#indexes.delete(oldest);
    }
    return index;
  }

  /** The bytes of a block. @throws as `index`. */
  async block(kind: PageKind, page: PageRef, block: BlockEntry): Promise<Uint8Array> {
    const key = pageKey(this.#prefix, kind, page.number);
    const bytes = await this.#read(key, block.offset, block.bytes);
    if (isSoundBlock(this.#identity(kind, page), block, bytes)) return bytes;
    throw corrupt(key, block.offset, `the block at ${block.offset} does not match its checksum`);
  }

  /** @throws as `index`. */
  async events(page: PageRef, block: BlockEntry, runtimeId: string): Promise<EventRecord[]> {
    return this.#items("events", page, block, (reader) => readEvent(reader, runtimeId));
  }

  /** @throws as `index`. */
  async entries(page: PageRef, block: BlockEntry, workerRef: WorkerRef): Promise<TranscriptRecord[]> {
    return this.#items("transcripts", page, block, (reader) => readEntry(reader, workerRef));
  }

  async #items<T>(kind: PageKind, page: PageRef, block: BlockEntry, read: (reader: ByteReader) => T): Promise<T[]> {
    const bytes = await this.block(kind, page, block);
    return this.#decoded(pageKey(this.#prefix, kind, page.number), block.offset, () => {
      const reader = new ByteReader(bytes);
      const items: T[] = [];
      for (let index = 0; index < block.items; index++) items.push(read(reader));
      return items;
    });
  }

  async #read(key: StorageKey, offset: number, length: number): Promise<Uint8Array> {
    const bytes = await this.#storage.read(key, { range: { offset, length } });
    if (bytes === undefined) throw new RuntimeError("RUNTIME_MISSING", `the page ${key} is missing`, { operation: "read", key });
    if (bytes.length === length) return bytes;
    throw corrupt(key, offset, `${length} bytes at ${offset} are expected, ${bytes.length} are there`);
  }

  #identity(kind: PageKind, page: PageRef): PageIdentity {
    return { kind, number: page.number, logId: this.#logId };
  }

  #decoded<T>(key: StorageKey, offset: number, decode: () => T): T {
    try {
      return decode();
    } catch (cause) {
      throw corrupt(key, isHoldfastError(cause) && cause.offset !== undefined ? offset + cause.offset : offset, "bytes that are no part of a page", cause);
    }
  }
}

function corrupt(key: StorageKey, offset: number, message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("RUNTIME_CORRUPT", `the page ${key} is damaged: ${message}`, { operation: "read", key, offset, cause });
}
