import type {
  AppendableStorage,
  AppendFile,
  AppendOpenOptions,
  CallOptions,
  ListOptions,
  ReadIntoOptions,
  ReadOptions,
  StorageBackend,
  StorageBody,
  StorageEntry,
  StorageLock,
} from "./contract.js";
import { hasCode, StorageError, type HoldfastError } from "./errors.js";
import { Handle, type Held } from "./handle.js";
import { joinKey, joinPrefix, storageKey, storagePrefix, type StorageKey, type StoragePrefix } from "./keys.js";

/**
 * A view of what lies below a prefix, as a backend of its own: a key `k` of the view is the key `prefix + k` of the backend.
 *
 * - Keys that go in and come out (entries, files, `failedKeys`) are keys of the view. `key` and messages of errors, and lock
 *   names, are those of the backend underneath: they are for people, who look there.
 * - A key may be as long as the 900 bytes of the whole leave room for, else STORAGE_INVALID_KEY.
 * - Closing the view closes the files and releases the locks that were taken through it. It does not close the backend.
 *
 * @param prefix - As for `storagePrefix`; `""` is a view of everything.
 * @throws STORAGE_INVALID_KEY.
 */
export function scoped(backend: StorageBackend, prefix: string): StorageBackend {
  return new ScopedBackend(backend, storagePrefix(prefix));
}

class ScopedBackend implements StorageBackend {
  readonly name: string;
  readonly appendable: AppendableStorage | undefined;
  readonly #backend: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #handle: Handle;

  constructor(backend: StorageBackend, prefix: StoragePrefix) {
    this.name = backend.name;
    this.#backend = backend;
    this.#prefix = prefix;
    this.#handle = new Handle(backend.name);
    const { appendable } = backend;
    if (appendable !== undefined) {
      this.appendable = {
        lock: (below, options) => this.#lock(appendable, below, options),
        open: (key, options) => this.#open(appendable, key, options),
      };
    }
  }

  read(key: StorageKey, options?: ReadIntoOptions): Promise<Uint8Array | undefined> {
    return this.#handle.run({ operation: "read", key }, () => this.#backend.read(this.#inside(key), options));
  }

  stream(key: StorageKey, options?: ReadOptions): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#handle.run({ operation: "stream", key }, () => this.#backend.stream(this.#inside(key), options));
  }

  stat(key: StorageKey, options?: CallOptions): Promise<StorageEntry | undefined> {
    return this.#handle.run({ operation: "stat", key }, async () => {
      const entry = await this.#backend.stat(this.#inside(key), options);
      return entry === undefined ? undefined : { ...entry, key };
    });
  }

  create(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry> {
    return this.#handle.run({ operation: "create", key, outcome: "not_applied" }, async () => ({
      ...(await this.#backend.create(this.#inside(key), body, options)),
      key,
    }));
  }

  replace(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry> {
    return this.#handle.run({ operation: "replace", key, outcome: "not_applied" }, async () => ({
      ...(await this.#backend.replace(this.#inside(key), body, options)),
      key,
    }));
  }

  async *list(prefix: StoragePrefix, options: ListOptions = {}): AsyncGenerator<StorageEntry, void, undefined> {
    const call = { operation: "list", key: prefix };
    this.#handle.requireOpen(call);
    const { after } = options;
    const inside = { ...options, after: after === undefined ? undefined : this.#inside(after) };
    for await (const entry of this.#backend.list(joinPrefix(this.#prefix, prefix), inside)) {
      this.#handle.requireOpen(call);
      yield { ...entry, key: this.#outside(entry.key) };
    }
  }

  remove(keys: readonly StorageKey[], options?: CallOptions): Promise<void> {
    return this.#handle.run({ operation: "remove", outcome: "not_applied" }, async () => {
      try {
        await this.#backend.remove(keys.map((key) => this.#inside(key)), options);
      } catch (error) {
        throw hasCode(error, "STORAGE_REMOVE_FAILED") ? this.#removeFailed(error) : error;
      }
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lock(appendable: AppendableStorage, prefix: StoragePrefix, options?: CallOptions): Promise<StorageLock> {
    return this.#handle.run({ operation: "lock", key: prefix, outcome: "not_applied" }, async () => {
      const lock = await appendable.lock(joinPrefix(this.#prefix, prefix), options);
      const release = (): Promise<void> => {
        this.#handle.letGo(held);
        return lock.release();
      };
      const held: Held = { close: release };
      this.#handle.hold(held);
      return { name: lock.name, release, [Symbol.asyncDispose]: release };
    });
  }

  #open(appendable: AppendableStorage, key: StorageKey, options: AppendOpenOptions): Promise<AppendFile> {
    return this.#handle.run({ operation: "open", key, outcome: "not_applied" }, async () => {
      const file = new ScopedFile(key, await appendable.open(this.#inside(key), options), this.#handle);
      this.#handle.hold(file);
      return file;
    });
  }

  #inside(key: StorageKey): StorageKey {
    return joinKey(this.#prefix, key);
  }

  #outside(key: string): StorageKey {
    return storageKey(key.slice(this.#prefix.length));
  }

  /** The same error with keys of the view, so that who tries again names the right ones. */
  #removeFailed(error: HoldfastError): StorageError {
    const { operation, key, backend, retryable, outcome } = error;
    const failedKeys = "failedKeys" in error && Array.isArray(error.failedKeys) ? error.failedKeys : [];
    return new StorageError("STORAGE_REMOVE_FAILED", error.message, {
      operation,
      key,
      backend,
      retryable,
      outcome,
      failedKeys: failedKeys.map((each) => this.#outside(String(each))),
      cause: error,
    });
  }
}

class ScopedFile implements AppendFile {
  readonly key: StorageKey;
  readonly #file: AppendFile;
  readonly #handle: Handle;

  constructor(key: StorageKey, file: AppendFile, handle: Handle) {
    this.key = key;
    this.#file = file;
    this.#handle = handle;
  }

  get size(): number {
    return this.#file.size;
  }

  async append(bytes: Uint8Array, options?: { readonly at?: number | undefined }): Promise<void> {
    this.#requireOpen("append");
    await this.#file.append(bytes, options);
  }

  async sync(): Promise<void> {
    this.#requireOpen("sync");
    await this.#file.sync();
  }

  async truncate(size: number): Promise<void> {
    this.#requireOpen("truncate");
    await this.#file.truncate(size);
  }

  close(): Promise<void> {
    this.#handle.letGo(this);
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #requireOpen(operation: string): void {
    this.#handle.requireOpen({ operation, key: this.key, outcome: "not_applied" });
  }
}
