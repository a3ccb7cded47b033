import { isHoldfastError, storagePrefix, type AppendableStorage, type AppendFile, type HoldfastError, type StorageBackend, type StorageBody, type StorageKey, type StorageLock, type StoragePrefix } from "@holdfast/storage";
import { encodeFkwal2Entry, encodeFkwal2Header, FKWAL2_HEADER_BYTES } from "./encode.js";
import { Fkwal2Error, type Fkwal2ErrorCode, type Fkwal2ErrorDetails } from "./error.js";
import { checkedMaxEntryBytes, readFkwal2Log, type Fkwal2LogReading, type Fkwal2LogReadOptions } from "./read-log.js";

/** Options of {@link openFkwal2Log}. */
export interface Fkwal2LogOptions<T> extends Fkwal2LogReadOptions<T> {
  /** Where the file is: a backend whose objects grow in place. It is not closed by the log. */
  readonly storage: StorageBackend & { readonly appendable: AppendableStorage };
  /** The lock of the file's directory, if it is held already; it is not released by the log. By default the log takes it. */
  readonly lock?: StorageLock | undefined;
}

/** Where an entry was written. */
export interface Fkwal2Position {
  /** Its number, from 0. */
  readonly frame: number;
  /** Where its length begins, in bytes from the start of the file. */
  readonly offset: number;
}

/** A FKWALv2 file that is open for writing. */
export interface Fkwal2Log extends AsyncDisposable {
  /** What was found when it was opened. */
  readonly recovery: Fkwal2LogReading;
  /** What poisoned it: a write of which nobody knows whether it was done. Close the log, and open it again. */
  readonly poison: HoldfastError | undefined;
  /**
   * Makes an entry durable behind all others. In the order of calls. The first one writes the file anew, without a torn tail.
   *
   * @param payload - As for `encodeFkwal2Entry`, and something that `decode` takes: that is not tried here. Copied.
   * @throws with outcome `not_applied`: WAL_INVALID_ARGUMENT; WAL_TOO_LARGE; WAL_CONFLICT; WAL_POISONED; WAL_CLOSED; WAL_CORRUPT or
   * WAL_NOT_A_LOG for a file that was opened in `lenient` mode and is damaged, behind which nothing is appended. Errors of the storage
   * with their outcome; unless it is `not_applied`, the log is poisoned.
   */
  append(payload: Uint8Array): Promise<Fkwal2Position>;
  /**
   * Replaces the file, in one step, by one that has only this entry, or none. What was in it is gone, damage included: keep it under
   * another name before, if it is needed.
   *
   * @throws as {@link Fkwal2Log.append}, but for damage.
   */
  restart(first?: Uint8Array): Promise<void>;
  /** Waits for what is under way, and lets go of the lock if the log took it. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a FKWALv2 file for writing, or a new one. Reads it first, as `readFkwal2Log` does, and changes nothing before the first write.
 *
 * The first write does not go behind what is there: the whole entries are copied into a new file, with the new entry, which takes the
 * place of the old one. So nothing rests on bytes that somebody else may have failed to make durable, and a torn tail is gone.
 *
 * @throws as `readFkwal2Log`; STORAGE_LOCKED.
 */
export async function openFkwal2Log<T>(options: Fkwal2LogOptions<T>): Promise<Fkwal2Log> {
  const { storage, key } = options;
  const maxEntryBytes = checkedMaxEntryBytes(options.maxEntryBytes);
  const ownLock = options.lock === undefined ? await storage.appendable.lock(directoryOf(key)) : undefined;
  try {
    const recovery = await readFkwal2Log(options);
    return new OpenLog({ storage, key, maxEntryBytes, recovery, ownLock });
  } catch (error) {
    await ownLock?.release();
    throw error;
  }
}

interface Parts {
  readonly storage: StorageBackend & { readonly appendable: AppendableStorage };
  readonly key: StorageKey;
  readonly maxEntryBytes: number;
  readonly recovery: Fkwal2LogReading;
  readonly ownLock: StorageLock | undefined;
}

class OpenLog implements Fkwal2Log {
  readonly recovery: Fkwal2LogReading;
  readonly #parts: Parts;
  /** Entries in the file. */
  #entries: number;
  /** Bytes of the file, when it was read or written last. */
  #fileBytes: number;
  /** Whether the file is one that was made here. */
  #begun = false;
  #file: AppendFile | undefined;
  #poison: HoldfastError | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.recovery = parts.recovery;
    this.#entries = parts.recovery.entries;
    this.#fileBytes = parts.recovery.fileBytes;
  }

  get poison(): HoldfastError | undefined {
    return this.#poison;
  }

  async append(payload: Uint8Array): Promise<Fkwal2Position> {
    const frame = this.#encode("append", payload); // At once: the payload is not kept.
    return this.#inTurn("append", async () => {
      const position = this.#begun ? await this.#appendBehind(frame) : await this.#begin(frame);
      this.#entries += 1;
      this.#fileBytes = position.offset + frame.length;
      return position;
    });
  }

  async restart(first?: Uint8Array): Promise<void> {
    const frame = first === undefined ? NO_BYTES : this.#encode("restart", first);
    return this.#inTurn("restart", async () => {
      await this.#closeFile();
      await this.#replace("restart", Buffer.concat([encodeFkwal2Header(), frame]));
      this.#entries = frame.length === 0 ? 0 : 1;
      this.#fileBytes = FKWAL2_HEADER_BYTES + frame.length;
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#turn.then(async () => {
      try {
        await this.#closeFile();
      } finally {
        await this.#parts.ownLock?.release();
      }
    });
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode(operation: string, payload: Uint8Array): Uint8Array {
    const { key, maxEntryBytes } = this.#parts;
    if (payload.length > maxEntryBytes) {
      throw new Fkwal2Error("WAL_TOO_LARGE", `${operation}: the entry has ${payload.length} bytes, more than ${maxEntryBytes}`, { operation, key, outcome: "not_applied" });
    }
    return encodeFkwal2Entry(payload);
  }

  /** Writes the file anew: the entries that were found, and one more. */
  async #begin(frame: Uint8Array): Promise<Fkwal2Position> {
    const { damage, validBytes } = this.recovery;
    if (damage !== undefined) {
      const { code, message, frame: number, offset } = damage;
      throw this.#refusal(code, `append: ${message}`, { operation: "append", frame: number, offset, cause: damage });
    }
    const keptBytes = validBytes < FKWAL2_HEADER_BYTES ? 0 : validBytes;
    await this.#replace("append", keptBytes === 0 ? Buffer.concat([encodeFkwal2Header(), frame]) : this.#continued(keptBytes, frame));
    return { frame: this.#entries, offset: Math.max(keptBytes, FKWAL2_HEADER_BYTES) };
  }

  async #appendBehind(frame: Uint8Array): Promise<Fkwal2Position> {
    const { storage, key } = this.#parts;
    const file = (this.#file ??= await storage.appendable.open(key, { mode: "continue" }));
    const offset = file.size;
    this.#checkUnchanged("append", offset);
    await this.#poisonedBy("append", () => file.append(frame));
    return { frame: this.#entries, offset };
  }

  async #replace(operation: string, body: StorageBody): Promise<void> {
    const { storage, key } = this.#parts;
    this.#checkUnchanged(operation, (await storage.stat(key))?.size ?? 0);
    await this.#poisonedBy(operation, () => storage.replace(key, body));
    this.#begun = true;
  }

  #continued(keptBytes: number, frame: Uint8Array): StorageBody {
    const { storage, key } = this.#parts;
    return {
      bytes: keptBytes + frame.length,
      async *open() {
        yield* (await storage.stream(key, { range: { offset: 0, length: keptBytes } })) ?? [];
        yield frame;
      },
    };
  }

  #checkUnchanged(operation: string, size: number): void {
    if (size === this.#fileBytes) return;
    const message = `${operation}: ${this.#parts.key} has ${size} bytes, and had ${this.#fileBytes}: somebody writes to it without the lock`;
    throw this.#refusal("WAL_CONFLICT", message, { operation });
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** One at a time, in the order of calls. */
  #inTurn<T>(operation: string, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(this.#refusal("WAL_CLOSED", `${operation}: the log is closed`, { operation }));
    const result = this.#turn.then(() => {
      if (this.#poison === undefined) return work();
      throw this.#refusal("WAL_POISONED", `${operation}: an earlier write failed; open the log again`, { operation, cause: this.#poison });
    });
    this.#turn = result.catch(() => undefined); // Who called is told; the next in turn is not concerned.
    return result;
  }

  async #poisonedBy(operation: string, write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (isHoldfastError(error) && error.outcome === "not_applied") throw error;
      this.#poison = isHoldfastError(error) ? error : new Fkwal2Error("WAL_POISONED", `${operation}: an unexpected error`, { operation, key: this.#parts.key, outcome: "unknown", cause: error });
      throw this.#poison;
    }
  }

  #refusal(code: Fkwal2ErrorCode, message: string, details: Fkwal2ErrorDetails): Fkwal2Error {
    return new Fkwal2Error(code, message, { key: this.#parts.key, outcome: "not_applied", ...details });
  }
}

const NO_BYTES = new Uint8Array();

function directoryOf(key: StorageKey): StoragePrefix {
  return storagePrefix(key.slice(0, Math.max(0, key.lastIndexOf("/"))));
}
