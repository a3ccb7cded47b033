import type { StorageBackend, StorageKey, StoragePrefix } from "@holdfast/storage";
import { agreedReading } from "./agreed-reading.js";
import { notRestored, WalError } from "./errors.js";
import { readFailed } from "./file-recovery.js";
import { bodyProblem, decodeObjectHeader, OBJECT_HEADER_BYTES } from "./format/object.js";
import { isRestoringKey } from "./layout.js";
import { logKey, logPrefix, packKey, packPrefix, parseLogKey, parsePackKey, parseTrimKey, trimPrefix, type PositionRange } from "./object-layout.js";

/** A commit or claim as a listing shows it. */
export interface ListedObject {
  readonly position: number;
  readonly key: StorageKey;
  readonly bytes: number;
}

/** A pack as a listing shows it. */
export interface ListedPack extends PositionRange {
  readonly key: StorageKey;
  readonly bytes: number;
}

/** The objects of one log, in terms of positions. Nothing is kept: each call asks the storage. */
export class LogObjects {
  readonly storage: StorageBackend;
  readonly prefix: StoragePrefix;

  constructor(storage: StorageBackend, prefix: StoragePrefix) {
    this.storage = storage;
    this.prefix = prefix;
  }

  /** Commits and claims above a position, ascending. */
  async *list(after: number, signal: AbortSignal | undefined, limit?: number): AsyncGenerator<ListedObject, void, undefined> {
    for await (const { key, size } of this.#list(logPrefix(this.prefix), logKey(this.prefix, after), signal, limit)) {
      yield { position: parseLogKey(this.prefix, key) ?? foreign(key), key, bytes: size };
    }
  }

  /** Whether there is a commit or claim above a position. */
  async hasAfter(position: number, signal: AbortSignal | undefined): Promise<boolean> {
    for await (const _ of this.list(position, signal, 1)) return true;
    return false;
  }

  /** Packs that end above a position, in ascending order of their ends. */
  async *listPacks(after: number, signal: AbortSignal | undefined): AsyncGenerator<ListedPack, void, undefined> {
    // Of the packs that end at `after` the one that begins there has the greatest key.
    for await (const { key, size } of this.#list(packPrefix(this.prefix), packKey(this.prefix, { first: after, last: after }), signal)) {
      yield { ...(parsePackKey(this.prefix, key) ?? foreign(key)), key, bytes: size };
    }
  }

  /** Positions of the floors, ascending. There is one, unless a trim is at work or was interrupted. */
  async listFloors(signal: AbortSignal | undefined): Promise<number[]> {
    const floors: number[] = [];
    for await (const { key } of this.#list(trimPrefix(this.prefix), undefined, signal)) floors.push(parseTrimKey(this.prefix, key) ?? foreign(key));
    return floors;
  }

  /** All bytes of an object, or `undefined`. */
  async read(key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    try {
      return await this.storage.read(key, { signal });
    } catch (error) {
      throw readFailed(error, key);
    }
  }

  /** As {@link read}, and what is not sound was read twice, or more often until two readings agreed. @throws WAL_READ_FAILED if none did. */
  readSound(key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return agreedReading(key, () => this.read(key, signal), (bytes) => {
      const decoded = decodeObjectHeader(bytes, 0, nameOf(key));
      return decoded.state === "valid" && bodyProblem(bytes, OBJECT_HEADER_BYTES, bytes.length, decoded.header) === undefined;
    });
  }

  /**
   * The bytes where an object's header stands, or `undefined` without an object. No storage has a checksum for a part of an
   * object, so what is not sound was read twice, as by {@link readSound}.
   */
  readHeader(key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return agreedReading(key, () => this.#readStart(key, signal), (bytes) => decodeObjectHeader(bytes, 0, nameOf(key)).state !== "invalid");
  }

  async #readStart(key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    try {
      return await this.storage.read(key, { range: { offset: 0, length: OBJECT_HEADER_BYTES }, signal });
    } catch (error) {
      throw readFailed(error, key);
    }
  }

  /** Removes objects, some at a time. */
  async remove(keys: AsyncIterable<StorageKey> | Iterable<StorageKey>, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    let batch: StorageKey[] = [];
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await this.storage.remove(batch, { signal });
      removed += batch.length;
      batch = [];
    };
    for await (const key of keys) {
      batch.push(key);
      if (batch.length === REMOVED_AT_ONCE) await flush();
    }
    await flush();
    return removed;
  }

  async *#list(prefix: StoragePrefix, after: StorageKey | undefined, signal: AbortSignal | undefined, limit?: number): AsyncGenerator<{ readonly key: StorageKey; readonly size: number }, void, undefined> {
    try {
      yield* this.storage.list(prefix, { after, signal, limit });
    } catch (error) {
      throw readFailed(error, prefix);
    }
  }
}

/** What the checksum of an object's header covers of its key. */
function nameOf(key: StorageKey): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

function foreign(key: StorageKey): never {
  if (isRestoringKey(key)) throw notRestored(key);
  throw new WalError("WAL_NOT_A_LOG", "something else than an object of a log is here; give the log a directory of its own", { operation: "openLog", key });
}

/** What one request may remove on the usual object stores. */
const REMOVED_AT_ONCE = 1000;
