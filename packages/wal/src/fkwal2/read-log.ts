import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { Fkwal2Error } from "./error.js";
import { damageOf, tornOf, type Fkwal2ReadOptions, type Fkwal2Torn } from "./read.js";
import { walkFkwal2, type Fkwal2Frame, type Walk, type WantedBytes } from "./walk.js";

/** Options of {@link readFkwal2Log}. */
export interface Fkwal2LogReadOptions<T> extends Fkwal2ReadOptions<T> {
  readonly storage: StorageBackend;
  readonly key: StorageKey;
  /**
   * Called for each entry in the order of the file, as it is read; lenient: for those behind damage too. In `strict` mode the good
   * ones of a damaged file are told before the error. The payload is to be copied if it is kept.
   */
  readonly onEntry?: ((entry: Fkwal2Frame<T>) => void) | undefined;
  /** The largest entry that is read, in bytes: 1 to 2^32. So much memory is used at most, and 1 MiB. Default 2^30. */
  readonly maxEntryBytes?: number | undefined;
}

/** What {@link readFkwal2Log} found, beside the entries. */
export interface Fkwal2LogReading {
  readonly fileBytes: number;
  /** How many entries were told. */
  readonly entries: number;
  /** Where the last good entry ends, or the header; 0 for a file without a whole header. */
  readonly validBytes: number;
  /** An interrupted write at the end of the file. */
  readonly torn: Fkwal2Torn | undefined;
  /** Lenient: what strict reading would have thrown. */
  readonly damage: Fkwal2Error | undefined;
}

/**
 * Reads a FKWALv2 file from storage, entry by entry, without a lock and without writing. An absent file has no entries. Memory is
 * bounded by the largest entry, whatever the size of the file and whatever its lengths say. What is appended meanwhile is not read; a file
 * that is restarted meanwhile may look damaged, or shorter, and is to be read again.
 *
 * @throws in `strict` mode WAL_CORRUPT with `key`, `frame` and `offset`, and the decoder's error as `cause`; WAL_NOT_A_LOG. In both
 * modes WAL_TOO_LARGE, WAL_READ_FAILED, WAL_INVALID_ARGUMENT; errors of the storage.
 */
export async function readFkwal2Log<T>(options: Fkwal2LogReadOptions<T>): Promise<Fkwal2LogReading> {
  const { storage, key, decode, mode = "strict", onEntry } = options;
  const maxEntryBytes = checkedMaxEntryBytes(options.maxEntryBytes);
  const fileBytes = (await storage.stat(key))?.size ?? 0;
  let entries = 0;
  const walk = walkFkwal2<T>({
    fileBytes,
    decode,
    maxEntryBytes,
    key,
    visit: (entry, salvaged) => {
      if (salvaged && mode === "strict") return; // Only that there are some is told, in the error.
      entries += 1;
      onEntry?.(entry);
    },
  });
  const { tail, validBytes, salvaged } = await overStorage(new FileWindow(storage, key, fileBytes), walk);
  const damage = damageOf({ tail, salvaged, operation: "readFkwal2Log", key });
  if (damage !== undefined && mode === "strict") throw damage;
  return { fileBytes, entries, validBytes, torn: tornOf(tail, validBytes), damage };
}

/** The bound itself, or its default. @throws WAL_INVALID_ARGUMENT. */
export function checkedMaxEntryBytes(maxEntryBytes: number = 2 ** 30): number {
  if (Number.isInteger(maxEntryBytes) && maxEntryBytes >= 1 && maxEntryBytes <= 2 ** 32) return maxEntryBytes;
  const message = `maxEntryBytes must be an integer from 1 to 2^32, got ${maxEntryBytes}`;
  throw new Fkwal2Error("WAL_INVALID_ARGUMENT", message, { operation: "readFkwal2Log" });
}

async function overStorage<R>(file: FileWindow, walk: Walk<R>): Promise<R> {
  for (let step = walk.next(); ; ) {
    if (step.done === true) return step.value;
    step = walk.next(file.held(step.value) ?? (await file.read(step.value)));
  }
}

/** Read at once, unless an entry is longer. */
const WINDOW_BYTES = 2 ** 20;

const NO_BYTES: Uint8Array = new Uint8Array();

/** A file, of which one piece is in memory. */
class FileWindow {
  readonly #storage: StorageBackend;
  readonly #key: StorageKey;
  readonly #fileBytes: number;
  #bytes: Uint8Array = NO_BYTES;
  #offset = 0;

  constructor(storage: StorageBackend, key: StorageKey, fileBytes: number) {
    this.#storage = storage;
    this.#key = key;
    this.#fileBytes = fileBytes;
  }

  /** What is wanted, if it is in memory. */
  held({ offset, atLeast, atMost }: WantedBytes): Uint8Array | undefined {
    const start = offset - this.#offset;
    if (start < 0 || start + atLeast > this.#bytes.length) return undefined;
    return this.#bytes.subarray(start, start + atMost);
  }

  /** What is wanted, read together with what stands behind it. */
  async read(wanted: WantedBytes): Promise<Uint8Array> {
    const { offset, atLeast } = wanted;
    const length = Math.min(Math.max(atLeast, WINDOW_BYTES), this.#fileBytes - offset);
    this.#bytes = NO_BYTES; // Not two at a time.
    this.#bytes = (await this.#storage.read(this.#key, { range: { offset, length } })) ?? NO_BYTES;
    this.#offset = offset;
    const bytes = this.held(wanted);
    if (bytes !== undefined) return bytes;
    const message = `${this.#key} had ${this.#fileBytes} bytes and has ${offset + this.#bytes.length}: it became shorter while it was read`;
    throw new Fkwal2Error("WAL_READ_FAILED", message, { operation: "readFkwal2Log", key: this.#key, offset, retryable: true });
  }
}
