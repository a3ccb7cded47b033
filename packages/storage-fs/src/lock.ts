import { hostname } from "node:os";
import { threadId } from "node:worker_threads";
import type { StorageLock } from "@holdfast/storage";
import type { Clock, FsFile, FsFileSystem, FsPort } from "@holdfast/storage/ports";
import { quote, storageError, systemCode, toStorageError, type Failure } from "./errors.js";

/** What {@link takeLock} needs. */
export interface LockOptions {
  readonly port: FsPort;
  readonly clock: Clock;
  readonly permissions: number;
  readonly signal?: AbortSignal | undefined;
  /** Called once when the lock is let go of. */
  readonly onRelease: (lock: StorageLock) => void;
}

/** What {@link refuseForeignLocks} needs. */
export interface LockPolicy {
  readonly port: FsPort;
  readonly allowNetworkFileSystem: boolean;
}

/**
 * Takes the lock of a store: an exclusive lock of the operating system on a file that is made once and never renamed, replaced,
 * cut or removed. The lock belongs to the open file: a second handle of the same process is refused like another process, and
 * it dies with the process, so there is no stale lock to guess about.
 *
 * The file says who holds the lock (process, thread, host, since when), for messages only.
 *
 * @param path - Path of the lock file.
 * @param failure - For messages: `key` names the lock file.
 * @throws STORAGE_LOCKED with what the file says about the holder; STORAGE_UNSAFE_PATH, STORAGE_FULL, STORAGE_ACCESS_DENIED.
 */
export async function takeLock(path: string, options: LockOptions, failure: Failure): Promise<StorageLock> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    options.signal?.throwIfAborted();
    const file = await options.port.open(path, { mode: "lock", permissions: options.permissions });
    try {
      if (!(await file.tryLock())) throw await heldByAnother(path, file, failure);
      if (await stillNamed(path, file, options.port, failure)) {
        options.signal?.throwIfAborted();
        await describeHolder(file, options.clock);
        return new HeldLock(path, file, options.onRelease);
      }
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    await file.close();
  }
  const message = `lock: ${quote(path)} is replaced again and again; something else removes it`;
  throw storageError("STORAGE_LOCKED", message, { ...failure, retryable: true });
}

/**
 * Refuses a directory whose locks the local kernel is not known to keep, unless that is allowed.
 *
 * @param path - Path of the directory.
 * @returns The file system it is on.
 * @throws STORAGE_UNSUPPORTED_FILE_SYSTEM; system errors.
 */
export async function refuseForeignLocks(path: string, policy: LockPolicy, failure: Failure): Promise<FsFileSystem> {
  const fileSystem = await policy.port.fileSystem(path);
  if (fileSystem.localLocks || policy.allowNetworkFileSystem) return fileSystem;
  const message =
    `${failure.operation}: ${quote(path)} is on a file system (${fileSystem.type}) whose locks the local kernel is not known ` +
    `to keep; allowNetworkFileSystem permits it, and then nothing here prevents a second writer`;
  throw storageError("STORAGE_UNSUPPORTED_FILE_SYSTEM", message, failure);
}

class HeldLock implements StorageLock {
  readonly name: string;
  readonly #file: FsFile;
  readonly #onRelease: (lock: StorageLock) => void;
  #released: Promise<void> | undefined;

  constructor(name: string, file: FsFile, onRelease: (lock: StorageLock) => void) {
    this.name = name;
    this.#file = file;
    this.#onRelease = onRelease;
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    this.#onRelease(this);
    try {
      // Closing lets go of the lock.
      await this.#file.close();
    } catch (error) {
      throw toStorageError(error, { operation: "release", key: this.name, outcome: "unknown" });
    }
  }
}

const ATTEMPTS = 16;
/** The file always has this size: what is written replaces all of what was there, without cutting. */
const HOLDER_BYTES = 512;

/** Who opened the file before somebody else removed it holds a lock that nobody will meet again. */
async function stillNamed(path: string, file: FsFile, port: FsPort, failure: Failure): Promise<boolean> {
  const opened = await file.stat();
  if (opened.kind !== "file") {
    throw storageError("STORAGE_UNSAFE_PATH", `lock: ${quote(path)} is no plain file but a ${opened.kind}`, failure);
  }
  try {
    return (await port.lstat(path)).identity === opened.identity;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function describeHolder(file: FsFile, clock: Clock): Promise<void> {
  const holder = { pid: process.pid, thread: threadId, host: hostname().slice(0, 255), since: new Date(clock.now()).toISOString() };
  const bytes = Buffer.from(`${JSON.stringify(holder).padEnd(HOLDER_BYTES - 1)}\n`).subarray(0, HOLDER_BYTES);
  // Only for messages: the lock is held whether or not this can be written, on a full disk for example.
  await file.write(bytes, 0).catch(() => undefined);
}

async function heldByAnother(path: string, file: FsFile, failure: Failure): Promise<Error> {
  const buffer = Buffer.alloc(HOLDER_BYTES);
  // Only for the message. Windows refuses to read what another has locked.
  const length = await file.read(buffer, 0, HOLDER_BYTES, 0).catch(() => 0);
  const holder = holderOf(buffer.toString("utf8", 0, length));
  const message = `lock: another process, thread or handle holds ${quote(path)}; ${holder ?? "the file does not say who"}`;
  return storageError("STORAGE_LOCKED", message, { ...failure, retryable: true });
}

/** Anything may stand in the file: only what looks as it should is repeated. */
function holderOf(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Empty, torn or foreign.
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { pid, thread, host, since } = value as Partial<Record<string, unknown>>;
  if (!Number.isSafeInteger(pid) || !Number.isSafeInteger(thread)) return undefined;
  const where = typeof host === "string" && /^[\w.-]{1,255}$/.test(host) ? ` on ${host}` : "";
  const when = typeof since === "string" && /^[\dTZ:.+-]{1,40}$/.test(since) ? ` since ${since}` : "";
  return `by what the file says, process ${String(pid)}, thread ${String(thread)}${where}${when}`;
}
