import {
  hasCode,
  storageKey,
  StorageError,
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
import type { Clock, FsFile, FsFileSystem, FsPort, RandomSource } from "@holdfast/storage/ports";
import { FsAppendFile } from "./append-file.js";
import { writeBody } from "./body.js";
import { commitSlotsOf, type CommitSlots } from "./commit-slots.js";
import { directoryOf, DurableDirectories } from "./durable-directories.js";
import { isDenied, isFull, quote, storageError, systemCode, toStorageError, type Failure } from "./errors.js";
import { walk, type WalkIo } from "./listing.js";
import { takeLock } from "./lock.js";
import { nodeFsPort } from "./port.js";
import { closeAfterReading, FileStream, iterableOnce, openForReading, PIECE_BYTES, readPart, refuseOtherThanFile } from "./reading.js";
import { Reservation } from "./reservation.js";
import { openRoot, probeLinks } from "./root.js";
import { collectLeftovers, discardTemporary, openTemporary, type Temporary, type TemporaryOptions } from "./temporaries.js";

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
  checkOptions(root, fileMode, directoryMode);
  const slots = commitSlotsOf(port);
  const path = await openRoot(root, port, slots, directoryMode);
  let fileSystem: FsFileSystem;
  try {
    fileSystem = await port.fileSystem(path);
  } catch (error) {
    throw toStorageError(error, { operation: "open", key: root });
  }
  const temporaries = { port, random, permissions: fileMode, locked: fileSystem.localLocks };
  await probeLinks(path, fileSystem.type, temporaries);
  return new DirectoryBackend({
    port,
    slots,
    clock: options.clock ?? systemClock,
    temporaries,
    fileMode,
    directories: new DurableDirectories({ port, slots, root: path, permissions: directoryMode }),
    allowNetworkFileSystem: options.allowNetworkFileSystem ?? false,
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
}

class DirectoryBackend implements FsBackend {
  readonly name = "fs";
  readonly appendable: AppendableStorage;
  readonly #parts: Parts;
  readonly #directories: DurableDirectories;
  /** Directories where leftovers were collected, or are being collected. */
  readonly #collected = new Map<string, Promise<unknown>>();
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
      if (into !== undefined && into.byteLength < (options?.range?.length ?? Infinity)) throw invalid(failure, "into needs a range, and at least its length");
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
      if (limit !== Number.POSITIVE_INFINITY && !isSize(limit)) throw invalid(failure, "limit must be an integer from 0 on");
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
    return this.#call(failure, options?.signal, async () => {
      const byDirectory = new Map<string, StorageKey[]>();
      for (const key of new Set(keys.map((it) => storageKey(it)))) {
        const names = byDirectory.get(directoryOf(key));
        if (names === undefined) byDirectory.set(directoryOf(key), [key]);
        else names.push(key);
      }
      const failed = new Map<StorageKey, unknown>();
      for (const [directory, names] of byDirectory) {
        try {
          await this.#removeIn(directory, names, failed, options?.signal);
        } catch (error) {
          if (options?.signal?.aborted === true && error === options.signal.reason) throw error;
          for (const key of names) if (!failed.has(key)) failed.set(key, error);
        }
      }
      const [first] = failed.values();
      if (first === undefined) return;
      const message = `remove: ${failed.size} of ${keys.length} keys are not known to be removed`;
      throw new StorageError("STORAGE_REMOVE_FAILED", message, {
        ...failure,
        backend: this.name,
        cause: toStorageError(first, failure),
        failedKeys: [...failed.keys()],
      });
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
    return this.#call(failure, signal, async () => {
      const directory = directoryOf(storageKey(key));
      await this.#directories.make(directory);
      await this.#checkTarget(key, failure);
      await this.#collect(directory);
      const temporary = await this.#inDirectory(directory, () =>
        openTemporary(this.#directories.directoryPath(directory), this.#parts.temporaries, failure),
      );
      let entry: StorageEntry;
      try {
        const size = await writeBody(temporary.file, body, this.#parts.slots, failure, signal);
        entry = { key, size, modifiedAt: (await temporary.file.stat()).modifiedAt };
        signal?.throwIfAborted();
        await this.#giveName(temporary, key, failure);
      } catch (error) {
        await discardTemporary(temporary, this.#parts.port);
        if (systemCode(error) !== "EFBIG") throw error;
        const message = `${operation}: the body is larger than the file system or a limit of the process allows`;
        throw storageError("STORAGE_TOO_LARGE", message, { ...failure, cause: error });
      }
      if (operation === "create") await discardTemporary(temporary, this.#parts.port);
      else await closeAfterWriting(temporary.file);
      await this.#publish(directory, failure);
      return entry;
    });
  }

  /** Refuses what is no plain file. For `create` an early answer; the late one is given by `link`. */
  async #checkTarget(key: StorageKey, failure: Failure): Promise<void> {
    const stat = await absentIsUndefined(this.#parts.port.lstat(this.#directories.path(key)));
    if (stat === undefined) return;
    refuseOtherThanFile(stat, failure);
    if (failure.operation !== "replace") await this.#refuseTaken(key, failure);
  }

  /** Who is told that an object is there must be able to rely on it: its name is made durable first. */
  async #refuseTaken(key: StorageKey, failure: Failure): Promise<never> {
    const stat = await absentIsUndefined(this.#parts.port.lstat(this.#directories.path(key)));
    if (stat !== undefined) refuseOtherThanFile(stat, failure);
    await this.#directories.publish(directoryOf(key));
    throw storageError("STORAGE_ALREADY_EXISTS", `${failure.operation}: ${quote(key)} exists`, failure);
  }

  async #giveName(temporary: Temporary, key: StorageKey, failure: Failure): Promise<void> {
    const { port } = this.#parts;
    const path = this.#directories.path(key);
    try {
      if (failure.operation === "create") await port.link(temporary.path, path);
      else await port.rename(temporary.path, path);
    } catch (error) {
      if (systemCode(error) === "EEXIST") return this.#refuseTaken(key, failure);
      if (isFull(error) || isDenied(error) || NOT_APPLIED.has(systemCode(error) ?? "")) throw error;
      this.#directories.doubt(directoryOf(key));
      throw toStorageError(error, { ...failure, outcome: "unknown" });
    }
  }

  /** After a name was given: whether it lasts is not known if this fails. */
  async #publish(directory: string, failure: Failure): Promise<void> {
    try {
      await this.#directories.publish(directory);
    } catch (error) {
      throw toStorageError(error, { ...failure, outcome: "unknown" });
    }
  }

  /** Once for each directory, before the first write to it. */
  async #collect(directory: string): Promise<void> {
    if (!this.#parts.temporaries.locked) return;
    let collected = this.#collected.get(directory);
    if (collected === undefined) {
      if (this.#collected.size >= MAX_REMEMBERED) this.#collected.clear();
      collected = collectLeftovers(this.#directories.directoryPath(directory), this.#parts.port);
      this.#collected.set(directory, collected);
    }
    await collected;
  }

  /** Makes something in a directory, once more if somebody removed the directory that we knew. */
  async #inDirectory<T>(directory: string, make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      this.#directories.forget(directory);
      await this.#directories.make(directory);
      return make();
    }
  }

  async #removeIn(
    directory: string,
    keys: readonly StorageKey[],
    failed: Map<StorageKey, unknown>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (!(await this.#directories.enter(directory))) return;
    for (const key of keys) {
      if (signal?.aborted === true) break;
      const path = this.#directories.path(key);
      try {
        const stat = await absentIsUndefined(this.#parts.port.lstat(path));
        if (stat === undefined) continue;
        refuseOtherThanFile(stat, { operation: "remove", key, outcome: "not_applied" });
        await absentIsUndefined(this.#parts.port.unlink(path));
      } catch (error) {
        failed.set(key, error);
      }
    }
    // Also for what was absent: another handle may have removed it and not have got here.
    await this.#directories.publish(directory);
    signal?.throwIfAborted();
  }

  #lock(prefix: StoragePrefix, options?: CallOptions): Promise<StorageLock> {
    const failure = { operation: "lock", key: `${prefix}${LOCK_NAME}`, outcome: "not_applied" } as const;
    return this.#call(failure, options?.signal, async () => {
      const directory = storagePrefix(prefix);
      await this.#directories.make(directory);
      await this.#refuseForeignLocks(directory, failure);
      const lock = await this.#inDirectory(directory, () =>
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
      const directory = directoryOf(storageKey(key));
      const reserveBytes = options.mode === "create" ? (options.reserveBytes ?? 0) : 0;
      if (!isSize(reserveBytes)) throw invalid(failure, "reserveBytes must be an integer from 0 on");
      const dsync = options.sync !== "manual" && this.#parts.port.appendMode() === "dsync";
      const opened =
        options.mode === "create"
          ? await this.#createForAppending(key, directory, dsync, failure)
          : await this.#continueAppending(key, directory, dsync, failure);
      const reservation = reserveBytes > 0 && !opened.fileSystem.copyOnWrite ? new Reservation(reserveBytes) : undefined;
      const file = new FsAppendFile({
        port: this.#parts.port,
        slots: this.#parts.slots,
        key,
        path: this.#directories.path(key),
        file: opened.file,
        size: opened.size,
        flush: options.sync === "manual" ? "none" : dsync ? "dsync" : "datasync",
        reservation,
        onClose: (it) => this.#files.delete(it),
      });
      this.#files.add(file);
      return file;
    });
  }

  async #createForAppending(key: StorageKey, directory: string, dsync: boolean, failure: Failure): Promise<Opened> {
    const { port, fileMode } = this.#parts;
    await this.#directories.make(directory);
    const fileSystem = await this.#refuseForeignLocks(directory, failure);
    const path = this.#directories.path(key);
    let file: FsFile;
    try {
      const open = (): Promise<FsFile> => port.open(path, { mode: "create", dsync, permissions: fileMode });
      file = await this.#inDirectory(directory, open);
    } catch (error) {
      if (systemCode(error) === "EEXIST") return this.#refuseTaken(key, failure);
      throw error;
    }
    try {
      await this.#publish(directory, failure);
    } catch (error) {
      // Nothing is in it and nobody was told of it. If it cannot be removed, an empty object is left, which is what the
      // outcome says.
      await discardTemporary({ path, file }, port);
      if (!hasCode(error, "STORAGE_FULL")) throw error;
      throw storageError("STORAGE_FULL", error.message, { ...failure, cause: error, retryable: true });
    }
    return { file, size: 0, fileSystem };
  }

  async #continueAppending(key: StorageKey, directory: string, dsync: boolean, failure: Failure): Promise<Opened> {
    const { port, slots } = this.#parts;
    const missing = (): Error => storageError("STORAGE_NOT_FOUND", `open: ${quote(key)} does not exist`, failure);
    if (!(await this.#directories.enter(directory))) throw missing();
    const fileSystem = await this.#refuseForeignLocks(directory, failure);
    const file = await absentIsUndefined(port.open(this.#directories.path(key), { mode: "write", dsync }));
    if (file === undefined) throw missing();
    try {
      const stat = await file.stat();
      refuseOtherThanFile(stat, failure);
      // What is found becomes durable before anything is put behind it, its name included: whoever made it may have died before
      // that, and a later synced write pins only its own bytes.
      await slots.run(() => file.datasync());
      await this.#directories.publish(directory);
      return { file, size: stat.size, fileSystem };
    } catch (error) {
      await closeAfterWriting(file);
      throw error;
    }
  }

  async #refuseForeignLocks(directory: string, failure: Failure): Promise<FsFileSystem> {
    const path = this.#directories.directoryPath(directory);
    const fileSystem = await this.#parts.port.fileSystem(path);
    if (fileSystem.localLocks || this.#parts.allowNetworkFileSystem) return fileSystem;
    const message =
      `${failure.operation}: ${quote(path)} is on a file system (${fileSystem.type}) whose locks the local kernel is not known ` +
      `to keep; allowNetworkFileSystem permits it, and then nothing here prevents a second writer`;
    throw storageError("STORAGE_UNSUPPORTED_FILE_SYSTEM", message, failure);
  }
}

interface Opened {
  readonly file: FsFile;
  readonly size: number;
  readonly fileSystem: FsFileSystem;
}

/** No key can have this name. */
const LOCK_NAME = ".lock";
/** Streams that are asked for and not started hold a file open each; from here on the oldest gives its own up. */
const MAX_UNSTARTED_STREAMS = 16;
const MAX_REMEMBERED = 65_536;

/** Errors of `link` and `rename` that say, beside those of room and access, that nothing was changed. */
const NOT_APPLIED: ReadonlySet<string> = new Set([
  "EISDIR",
  "ELOOP",
  "EMLINK",
  "ENAMETOOLONG",
  "ENOENT",
  "ENOSYS",
  "ENOTDIR",
  "ENOTEMPTY",
  "ENOTSUP",
  "EOPNOTSUPP",
  "EXDEV",
]);

function checkOptions(root: string, fileMode: number, directoryMode: number): void {
  const failure = { operation: "open", outcome: "not_applied" } as const;
  if (typeof root !== "string" || root === "" || root.includes("\0")) throw invalid(failure, "root must be a path");
  for (const mode of [fileMode, directoryMode]) {
    if (!isSize(mode) || mode > 0o777) throw invalid(failure, "modes must be integers from 0 to 0o777");
  }
}

function checkRange(range: ByteRange | undefined, failure: Failure): void {
  if (range === undefined || (isSize(range.offset) && isSize(range.length))) return;
  throw invalid(failure, "offset and length of a range must be integers from 0 on");
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function invalid(failure: Failure, message: string): StorageError {
  return storageError("STORAGE_INVALID_ARGUMENT", `${failure.operation}: ${message}`, failure);
}

async function absentIsUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Everything was synced before: an error of closing says nothing about it. */
async function closeAfterWriting(file: FsFile): Promise<void> {
  await file.close().catch(() => undefined);
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined, undefined> {
  if (bytes.byteLength > 0) yield await Promise.resolve(bytes);
  return undefined;
}
