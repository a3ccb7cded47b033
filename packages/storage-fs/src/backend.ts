import {
  storageKey,
  storagePrefix,
  systemClock,
  systemRandom,
  type AppendableStorage,
  type AppendFile,
  type AppendOpenOptions,
  type ByteRange,
  type CallOptions,
  type ListOptions,
  type ReadIntoOptions,
  type ReadOptions,
  type StorageBackend,
  type StorageBody,
  type StorageEntry,
  type StorageKey,
  type StorageLock,
  type StoragePrefix,
} from "@holdfast/storage";
import type { Clock, FsFileSystem, FsPort, RandomSource } from "@holdfast/storage/ports";
import { checkOpening, checkRange, checkRoom, checkSize } from "./arguments.js";
import { commitSlotsOf, type CommitSlots } from "./commit-slots.js";
import { directoryOf, DurableDirectories } from "./durable-directories.js";
import { absentIsUndefined, storageError, toStorageError, type Failure } from "./errors.js";
import { walk, type WalkIo } from "./listing.js";
import { refuseForeignLocks, takeLock } from "./lock.js";
import { ObjectWriter } from "./object-writer.js";
import { openForAppending } from "./open-for-appending.js";
import { nodeFsPort } from "./port.js";
import { closeAfterReading, FileStream, iterableOnce, openForReading, PIECE_BYTES, readPart, refuseOtherThanFile } from "./reading.js";
import { removeObjects } from "./removing.js";
import { openRoot, probeLinks } from "./root.js";
import type { TemporaryOptions } from "./temporaries.js";

/** Options of {@link fsBackend}. */
export interface FsBackendOptions {
  /** The directory that holds everything. Made if missing. It may be reached through symbolic links; inside it there are none. */
  readonly root: string;
  /** The file system. Default: the real one. */
  readonly port?: FsPort | undefined;
  /** Default: the system's clock. Says in a lock file since when it is held. */
  readonly clock?: Clock | undefined;
  /** Default: the system's. Names temporary files. */
  readonly random?: RandomSource | undefined;
  /** Permission bits of files that are made, less the umask: 0 to 0o777. Default 0o600. */
  readonly fileMode?: number | undefined;
  /** Permission bits of directories that are made, less the umask: 0 to 0o777. Default 0o700. */
  readonly directoryMode?: number | undefined;
  /**
   * Lock and append also where the local kernel does not keep the locks (nfs, smb, 9p, fuse) or the file system is not known.
   * Two machines may then both hold a lock: that there is one writer is up to you. Default false.
   */
  readonly allowNetworkFileSystem?: boolean | undefined;
  /**
   * Write files whose space is reserved, as those of logs are, past the system's cache where Linux and the file system can (O_DIRECT): up to
   * twice as fast, and no memory is taken for what is written. What was written is then read from the disk when it is first read. `false`
   * where it is read again at once, by another process for example. Default true.
   */
  readonly directWrites?: boolean | undefined;
}

/** A backend that can always append. */
export interface FsBackend extends StorageBackend {
  readonly appendable: AppendableStorage;
}

/**
 * Opens a local directory as a storage backend: one object is one file, its key is its path below the root.
 *
 * Nothing is answered before it is durable, and everything is whole or absent: an object is written under a name that no key
 * can have, synced, linked (`create`) or renamed (`replace`) to its name, and the directory is synced.
 *
 * Closing it waits for what is in flight, then closes files that are open for appending, ends streams and lets go of locks.
 *
 * @throws STORAGE_INVALID_ARGUMENT for options out of bounds; STORAGE_UNSUPPORTED_FILE_SYSTEM without hard links;
 * STORAGE_UNSAFE_PATH if the root is no directory; STORAGE_ACCESS_DENIED or STORAGE_FULL if it cannot be made.
 */
export async function fsBackend(options: FsBackendOptions): Promise<FsBackend> {
  const { root, port = nodeFsPort, random = systemRandom, fileMode = 0o600, directoryMode = 0o700 } = options;
  checkOpening(root, fileMode, directoryMode);
  const slots = commitSlotsOf(port);
  const unlocked = { port, random, permissions: fileMode, locked: false };
  const path = await openRoot(root, slots, directoryMode, unlocked);
  let fileSystem: FsFileSystem;
  try {
    fileSystem = await port.fileSystem(path);
  } catch (error) {
    throw toStorageError(error, { operation: "open", key: root });
  }
  const temporaries = { ...unlocked, locked: fileSystem.localLocks };
  await probeLinks(path, fileSystem.type, temporaries);
  return new DirectoryBackend({
    port,
    slots,
    clock: options.clock ?? systemClock,
    temporaries,
    fileMode,
    directories: new DurableDirectories({ slots, temporaries, root: path, permissions: directoryMode }),
    allowNetworkFileSystem: options.allowNetworkFileSystem ?? false,
    directWrites: options.directWrites ?? true,
  });
}

interface Parts {
  readonly port: FsPort;
  readonly slots: CommitSlots;
  readonly clock: Clock;
  readonly temporaries: TemporaryOptions;
  readonly fileMode: number;
  readonly directories: DurableDirectories;
  readonly allowNetworkFileSystem: boolean;
  readonly directWrites: boolean;
}

class DirectoryBackend implements FsBackend {
  readonly name = "fs";
  readonly appendable: AppendableStorage;
  readonly #parts: Parts;
  readonly #directories: DurableDirectories;
  readonly #writer: ObjectWriter;
  readonly #files = new Set<AppendFile>();
  readonly #locks = new Set<StorageLock>();
  readonly #streams = new Set<FileStream>();
  readonly #unstarted = new Set<FileStream>();
  #calls = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#directories = parts.directories;
    this.#writer = new ObjectWriter(parts);
    this.appendable = {
      lock: (prefix, options) => this.#lock(prefix, options),
      open: (key, options) => this.#openForAppending(key, options),
    };
  }

  read(key: StorageKey, options?: ReadIntoOptions): Promise<Uint8Array | undefined> {
    const failure = { operation: "read", key };
    const into = options?.into;
    return this.#call(failure, options?.signal, async () => {
      checkRange(options?.range, failure);
      checkRoom(into, options?.range, failure);
      const opened = await this.#open(storageKey(key), options?.range, failure);
      if (opened === undefined) return undefined;
      try {
        options?.signal?.throwIfAborted();
        return await readPart(opened.file, opened.start, opened.end, into);
      } finally {
        await closeAfterReading(opened.file);
      }
    });
  }

  stream(key: StorageKey, options?: ReadOptions): Promise<AsyncIterable<Uint8Array> | undefined> {
    const failure = { operation: "stream", key };
    const { range, signal } = options ?? {};
    return this.#call(failure, signal, async () => {
      checkRange(range, failure);
      const opened = await this.#open(storageKey(key), range, failure);
      if (opened === undefined) return undefined;
      if (opened.end - opened.start <= PIECE_BYTES) {
        try {
          return iterableOnce(onePiece(await readPart(opened.file, opened.start, opened.end)), failure);
        } finally {
          await closeAfterReading(opened.file);
        }
      }
      const stream = new FileStream({
        opened,
        reopen: () => this.#open(key, range, failure),
        failure,
        call: (step) => this.#call(failure, signal, step),
        signal,
        onStart: (it) => {
          this.#unstarted.delete(it);
          this.#streams.add(it);
        },
        onEnd: (it) => {
          this.#unstarted.delete(it);
          this.#streams.delete(it);
        },
      });
      this.#streams.add(stream);
      this.#unstarted.add(stream);
      await this.#parkOldest();
      return iterableOnce(stream, failure);
    });
  }

  stat(key: StorageKey, options?: CallOptions): Promise<StorageEntry | undefined> {
    const failure = { operation: "stat", key };
    return this.#call(failure, options?.signal, async () => {
      if (!(await this.#directories.enter(directoryOf(storageKey(key))))) return undefined;
      const stat = await absentIsUndefined(this.#parts.port.lstat(this.#directories.path(key)));
      if (stat === undefined) return undefined;
      refuseOtherThanFile(stat, failure);
      return { key, size: stat.size, modifiedAt: stat.modifiedAt };
    });
  }

  create(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry> {
    return this.#put("create", key, body, options?.signal);
  }

  replace(key: StorageKey, body: StorageBody, options?: CallOptions): Promise<StorageEntry> {
    return this.#put("replace", key, body, options?.signal);
  }

  async *list(prefix: StoragePrefix, options?: ListOptions): AsyncGenerator<StorageEntry, void, undefined> {
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options ?? {};
    const failure = { operation: "list", key: prefix };
    const io: WalkIo = {
      entries: (directory) =>
        this.#call(failure, signal, async () => {
          if (!(await this.#directories.enter(directory))) return undefined;
          return absentIsUndefined(this.#parts.port.readdir(this.#directories.directoryPath(directory)));
        }),
      lstat: (key) => this.#parts.port.lstat(this.#directories.path(key)),
    };
    const start = await this.#call(failure, signal, () => {
      if (limit !== Number.POSITIVE_INFINITY) checkSize("limit", limit, failure);
      if (after !== undefined) storageKey(after);
      return Promise.resolve(storagePrefix(prefix));
    });
    if (limit === 0) return;
    try {
      for await (const entry of walk(start, after, limit, io, failure)) {
        signal?.throwIfAborted();
        this.#refuseClosed(failure);
        yield entry;
      }
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error;
      throw toStorageError(error, failure);
    }
  }

  remove(keys: readonly StorageKey[], options?: CallOptions): Promise<void> {
    const failure = { operation: "remove", outcome: "unknown" } as const;
    return this.#call(failure, options?.signal, () => {
      const checked = keys.map((it) => storageKey(it));
      return removeObjects(checked, this.#parts, failure, options?.signal);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await Promise.all([...this.#streams].map((stream) => stream.abandon()));
    // Locks last: whoever takes one must not meet a file that is still written to.
    const closed = await Promise.allSettled([...this.#files].map((file) => file.close()));
    const released = await Promise.allSettled([...this.#locks].map((lock) => lock.release()));
    for (const result of [...closed, ...released]) if (result.status === "rejected") throw result.reason;
  }

  /** Runs one call of the contract: refused when closed, waited for by close(), its errors made StorageErrors. */
  async #call<T>(failure: Failure, signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    this.#refuseClosed(failure);
    this.#calls += 1;
    try {
      signal?.throwIfAborted();
      return await operation();
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error;
      throw toStorageError(error, failure);
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0) this.#onIdle?.();
    }
  }

  #refuseClosed(failure: Failure): void {
    if (this.#closing === undefined) return;
    const outcome = failure.outcome === undefined ? undefined : "not_applied";
    throw storageError("STORAGE_CLOSED", `${failure.operation}: the backend is closed`, { ...failure, outcome });
  }

  async #open(key: StorageKey, range: ByteRange | undefined, failure: Failure): ReturnType<typeof openForReading> {
    if (!(await this.#directories.enter(directoryOf(key)))) return undefined;
    return openForReading(this.#directories.path(key), range, this.#parts.port, failure);
  }

  async #parkOldest(): Promise<void> {
    const [oldest] = this.#unstarted;
    if (oldest === undefined || this.#unstarted.size <= MAX_UNSTARTED_STREAMS) return;
    this.#unstarted.delete(oldest);
    // It holds nothing then, and whoever asked for it may forget it.
    if (await oldest.park()) this.#streams.delete(oldest);
  }

  #put(operation: "create" | "replace", key: StorageKey, body: StorageBody, signal: AbortSignal | undefined): Promise<StorageEntry> {
    const failure = { operation, key, outcome: "not_applied" } as const;
    return this.#call(failure, signal, () => this.#writer.put(storageKey(key), body, failure, signal));
  }

  #lock(prefix: StoragePrefix, options?: CallOptions): Promise<StorageLock> {
    const failure = { operation: "lock", key: `${prefix}${LOCK_NAME}`, outcome: "not_applied" } as const;
    return this.#call(failure, options?.signal, async () => {
      const directory = storagePrefix(prefix);
      await this.#directories.make(directory);
      await refuseForeignLocks(this.#directories.directoryPath(directory), this.#parts, failure);
      const lock = await this.#directories.within(directory, () =>
        takeLock(
          this.#directories.path(`${directory}${LOCK_NAME}`),
          {
            port: this.#parts.port,
            clock: this.#parts.clock,
            permissions: this.#parts.fileMode,
            signal: options?.signal,
            onRelease: (it) => this.#locks.delete(it),
          },
          failure,
        ),
      );
      this.#locks.add(lock);
      return lock;
    });
  }

  #openForAppending(key: StorageKey, options: AppendOpenOptions): Promise<AppendFile> {
    const failure = { operation: "open", key, outcome: "not_applied" } as const;
    return this.#call(failure, undefined, async () => {
      const parts = { ...this.#parts, onClose: (it: AppendFile) => this.#files.delete(it) };
      const file = await openForAppending(storageKey(key), options, parts, failure);
      this.#files.add(file);
      return file;
    });
  }
}

/** No key can have this name. */
const LOCK_NAME = ".lock";
/** Streams that are asked for and not started hold a file open each; from here on the oldest gives its own up. */
const MAX_UNSTARTED_STREAMS = 16;

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined, undefined> {
  if (bytes.byteLength > 0) yield await Promise.resolve(bytes);
  return undefined;
}
