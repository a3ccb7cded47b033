import type { StorageKey, StoragePrefix } from "./keys.js";

/** What a listing or a write tells about an object. */
export interface StorageEntry {
  readonly key: StorageKey;
  /** Bytes. */
  readonly size: number;
  /** Unix milliseconds, advisory: never used to order anything. */
  readonly modifiedAt: number;
}

/**
 * What is written: bytes, or a source that can be opened again, because a retry and a resolved ambiguity need the body twice.
 * `bytes` is the length where it is known in advance; a body that turns out to have another length fails the write, `not_applied`.
 */
export type StorageBody = Uint8Array | { readonly bytes?: number; open(): AsyncIterable<Uint8Array> };

/** A range of bytes: `offset` and `length` are safe integers ≥ 0. A range past the end gives the bytes that are there. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Options of every call that can be abandoned. An aborted call rejects with `signal.reason`. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of `stream`, and with an addition of `read`. */
export interface ReadOptions extends CallOptions {
  readonly range?: ByteRange | undefined;
}

/** Options of `read`. */
export interface ReadIntoOptions extends ReadOptions {
  /**
   * Where to put the bytes, for callers who read many ranges and are done with each before the next. Only with `range`, and at
   * least as long as it. The answer is then a view of its beginning. After an abort it may still be written to.
   */
  readonly into?: Uint8Array | undefined;
}

/** Options of `list`. */
export interface ListOptions extends CallOptions {
  /** Only keys greater than this one, by bytes. */
  readonly after?: StorageKey | undefined;
  /** At most so many entries. */
  readonly limit?: number | undefined;
}

/**
 * A flat namespace of whole objects. Every write is atomic (seen whole or not at all, by everybody, also after a crash) and
 * durable once its promise resolves. All errors are {@link StorageError}, except that an aborted call rejects with `signal.reason`.
 */
export interface StorageBackend extends AsyncDisposable {
  /** `"fs"`, `"memory"`, `"s3"`: for messages, never for branching. */
  readonly name: string;
  /** Growing objects in place, where the backend can. Its presence is the capability. */
  readonly appendable: AppendableStorage | undefined;
  /** The bytes of an object, or `undefined` if there is none. The array belongs to the caller. */
  read(key: StorageKey, options?: ReadIntoOptions): Promise<Uint8Array | undefined>;
  /**
   * The bytes of one version of an object in pieces, in bounded memory, or `undefined` if there is none. The iterable can be
   * iterated once; leaving the loop early releases what it holds, and so does never starting it.
   */
  stream(key: StorageKey, options?: ReadOptions): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Size and time of an object, or `undefined` if there is none. */
  stat(key: StorageKey, options?: CallOptions): Promise<StorageEntry | undefined>;
  /** Puts an object if its key is free; decided by the store, not by look-then-write. Else STORAGE_ALREADY_EXISTS. */
  create(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry>;
  /** Puts an object, whatever was there. For hints, projections and exports only: nothing acknowledged rests on it. */
  replace(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry>;
  /** Objects below `prefix`, ascending by the bytes of their keys; what was written before the call is in it. */
  list(prefix: StoragePrefix, options?: ListOptions): AsyncIterable<StorageEntry>;
  /** Removes objects; an absent one is success. STORAGE_REMOVE_FAILED carries the keys that failed. */
  remove(keys: readonly StorageKey[], options?: CallOptions): Promise<void>;
  /** Releases what the backend holds. Idempotent; later calls reject STORAGE_CLOSED. Waits for what is in flight. */
  close(): Promise<void>;
}

/** Objects that grow in place, for backends that have files. */
export interface AppendableStorage {
  /**
   * Takes the one lock of a store and holds it until released or until the process dies. Refuses another process, worker
   * thread or handle with STORAGE_LOCKED. The lock is a file `<prefix>.lock` of its own that is never renamed or removed.
   */
  lock(prefix: StoragePrefix, options?: CallOptions): Promise<StorageLock>;
  /**
   * Opens an object for appending.
   *
   * - `create`: the object must not exist (STORAGE_ALREADY_EXISTS). The empty object and its name are durable once resolved
   *   or, at the latest, when the first `append` resolves. `reserveBytes` lets the backend prepare zeroed space up to that
   *   size ahead of the appends, to make them cheaper; a reader may then see zeros behind `size`. Not before the second
   *   `append` is called: an object that is longer than its first append shows that that one has resolved.
   * - `continue`: the object must exist (STORAGE_NOT_FOUND); `size` is what is found. For formats that continue a file.
   *
   * `sync: "each"` (default) makes every append durable before it resolves. `sync: "manual"` resolves when the bytes are
   * written: a process crash keeps them, a power loss may not, in any order, until {@link AppendFile.sync} resolves.
   *
   * Failing to prepare harms nothing: STORAGE_FULL, `not_applied`.
   */
  open(key: StorageKey, options: AppendOpenOptions): Promise<AppendFile>;
}

/** How {@link AppendableStorage.open} opens. */
export type AppendOpenOptions = {
  /** When appended bytes become durable. Default `"each"`. */
  readonly sync?: "each" | "manual" | undefined;
} & (
  | {
      readonly mode: "create";
      /** Prepare zeroed space ahead of the appends, up to this file size in bytes. Default 0: none. */
      readonly reserveBytes?: number | undefined;
    }
  | { readonly mode: "continue" }
);

/** A held lock. */
export interface StorageLock extends AsyncDisposable {
  /** The lock file's name as a person would look for it, for messages. */
  readonly name: string;
  /** Lets go of the lock. Idempotent. */
  release(): Promise<void>;
}

/**
 * An object that is being appended to. Calls of one handle are queued: one runs at a time, in call order.
 * After a failed write or sync every later call rejects STORAGE_POISONED.
 */
export interface AppendFile extends AsyncDisposable {
  readonly key: StorageKey;
  /** The end of what was appended through this handle, or what was found at `continue`. What lies behind reads as zeros. */
  readonly size: number;
  /**
   * One positional write at `at` (default: `size`; at least `size`), after which `size` is its end. A gap reads as zeros. A backend
   * may write whole blocks of 4,096 bytes, and then the block in which `at` lies again as it is; never one before it. With `sync: "each"` durable once resolved, directory entry included. `bytes` is not kept or
   * changed after the promise settles, and must not be changed before.
   *
   * @throws STORAGE_WRITE_FAILED or STORAGE_FULL with outcome `unknown`: the handle is poisoned. STORAGE_FULL with outcome
   * `not_applied` when only preparing space failed: nothing is poisoned.
   */
  append(bytes: Uint8Array, options?: { readonly at?: number | undefined }): Promise<void>;
  /** Makes everything appended so far durable. Resolves at once where every append is. */
  sync(): Promise<void>;
  /** Cuts the object to `size` bytes (at most the current size), durably. For formats that continue a file. */
  truncate(size: number): Promise<void>;
  /** Cuts off space that was prepared and not used, and closes. Idempotent. Does not sync. */
  close(): Promise<void>;
}
