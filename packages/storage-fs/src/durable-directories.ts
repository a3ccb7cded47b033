import { dirname } from "node:path";
import type { FsPort } from "@holdfast/storage/ports";
import type { CommitSlots } from "./commit-slots.js";
import { isDenied, quote, Refusal, systemCode } from "./errors.js";
import { unlessForeign } from "./foreign-parent.js";
import type { TemporaryOptions } from "./temporaries.js";

/** What {@link DurableDirectories} needs. */
export interface DurableDirectoriesOptions {
  readonly slots: CommitSlots;
  /** How files are made that are taken away again. */
  readonly temporaries: TemporaryOptions;
  /** Absolute, without symbolic links. */
  readonly root: string;
  /** Permission bits of directories that are made. */
  readonly permissions: number;
}

/**
 * The directories of one handle: which are known to be real directories (no symbolic link on the way) and durable.
 *
 * On a file system, visible is not durable: a name that can be read may be gone after a power loss, whoever made it, until its
 * directory was synced, and the directory itself may be gone until its parent was. So a directory that is met for the first
 * time is checked component by component and synced together with its parent before anything in it is answered.
 *
 * A directory is named by its storage prefix: `""` is the root, `"a/b/"` lies two below it. The check for symbolic links is
 * made once for each directory and handle: who may write inside the root is trusted not to swap directories later.
 *
 * Rejects with system errors and {@link Refusal}s; the operations make StorageErrors of them.
 */
export class DurableDirectories {
  readonly #port: FsPort;
  readonly #slots: CommitSlots;
  readonly #temporaries: TemporaryOptions;
  readonly #root: string;
  readonly #permissions: number;
  readonly #durable = new Set<string>();
  /** Checked, but we may not sync them: a read-only medium or missing rights. Good for reading only. */
  readonly #readable = new Set<string>();
  /** We changed entries, and the sync that should have followed was refused before it began. */
  readonly #unsynced = new Set<string>();
  /** A sync failed. What it left behind is not known, and a repeated one may answer ok although entries are gone. */
  readonly #failed = new Map<string, unknown>();
  readonly #entering = new Map<string, Promise<boolean>>();
  readonly #making = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #queued = new Map<string, Promise<void>>();

  constructor(options: DurableDirectoriesOptions) {
    this.#port = options.temporaries.port;
    this.#slots = options.slots;
    this.#temporaries = options.temporaries;
    this.#root = options.root.endsWith("/") ? options.root : `${options.root}/`;
    this.#permissions = options.permissions;
  }

  /** The path of a key or of a lock file. */
  path(name: string): string {
    return `${this.#root}${name}`;
  }

  /** The path of a directory, without a slash at its end: with one, a symbolic link would be followed. */
  directoryPath(directory: string): string {
    if (directory === ABOVE_ROOT) return dirname(this.#root);
    const path = this.path(directory);
    return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  }

  /**
   * Makes a directory ready for reading: checked, and durable where we may make it so. A read-only medium and missing rights
   * do not prevent reading, unless this handle has itself changed the directory.
   *
   * @returns Whether the directory is there.
   */
  enter(directory: string): Promise<boolean> {
    if (this.#isDurable(directory)) return YES;
    if (this.#readable.has(directory) && !this.#unsynced.has(directory)) return YES;
    return shared(this.#entering, directory, () => this.#enter(directory));
  }

  /** Makes a directory ready for writing: made with everything above it where missing, checked, durable. */
  async make(directory: string): Promise<void> {
    if (!this.#isDurable(directory)) await shared(this.#making, directory, () => this.#make(directory));
  }

  /**
   * Makes the entries of a directory durable, those included that were changed before the call. Concurrent callers share one
   * sync, but never one that began before they called.
   */
  async publish(directory: string): Promise<void> {
    try {
      await this.#sync(directory);
    } catch (error) {
      this.#unsynced.add(directory);
      throw error;
    }
  }

  /** Entries of a directory may have been changed without being made durable: they are not answered before they are. */
  doubt(directory: string): void {
    this.#unsynced.add(directory);
  }

  /** Makes something in a directory that was made, once more if somebody removed the directory meanwhile. */
  async within<T>(directory: string, make: () => Promise<T>): Promise<T> {
    try {
      return await make();
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      for (const it of chainOf(directory)) this.#durable.delete(it);
      await this.make(directory);
      return make();
    }
  }

  #isDurable(directory: string): boolean {
    return this.#durable.has(directory) && !this.#unsynced.has(directory) && !this.#failed.has(directory);
  }

  async #enter(directory: string): Promise<boolean> {
    const pending = await this.#check(directory, false);
    if (pending === undefined) return false;
    try {
      await this.#settle(pending, () => this.#sync(ABOVE_ROOT));
    } catch (error) {
      const ours = pending.some((it) => this.#unsynced.has(it) || this.#unsynced.has(parentOf(it)));
      if (ours || !isDenied(error)) throw error;
      for (const it of pending) remember(this.#readable, it);
    }
    return true;
  }

  async #make(directory: string): Promise<void> {
    const pending = (await this.#check(directory, true)) ?? [];
    await this.#settle(pending, () => unlessForeign(this.directoryPath(ABOVE_ROOT), this.#temporaries, () => this.#sync(ABOVE_ROOT)));
  }

  /** Answers the directories on the path that are not known durable, checked; `undefined` if one is not there. */
  async #check(directory: string, make: boolean): Promise<readonly string[] | undefined> {
    const pending = chainOf(directory).filter((it) => !this.#isDurable(it));
    for (const it of pending) {
      if (await this.#isThere(it)) continue;
      if (!make) return undefined;
      try {
        await this.#port.mkdir(this.directoryPath(it), this.#permissions);
      } catch (error) {
        // Somebody else made it, or put something there.
        if (systemCode(error) !== "EEXIST") throw error;
        await this.#isThere(it);
      }
    }
    return pending;
  }

  async #isThere(directory: string): Promise<boolean> {
    let kind;
    try {
      ({ kind } = await this.#port.lstat(this.directoryPath(directory)));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
    if (kind === "directory") return true;
    throw new Refusal("STORAGE_UNSAFE_PATH", `${quote(directory)} is no directory but a ${kind}`);
  }

  /** Syncs each directory together with its parent. */
  async #settle(pending: readonly string[], syncAbove: () => Promise<void>): Promise<void> {
    const all = new Set(pending.flatMap((it) => [parentOf(it), it]));
    for (const it of all) await (it === ABOVE_ROOT ? syncAbove() : this.#sync(it));
    for (const it of pending) remember(this.#durable, it);
  }

  #sync(directory: string): Promise<void> {
    if (this.#failed.has(directory)) {
      const message = `an earlier sync of the directory ${quote(directory)} failed; open the backend anew`;
      return Promise.reject(new Refusal("STORAGE_POISONED", message, this.#failed.get(directory)));
    }
    const running = this.#running.get(directory);
    if (running === undefined) return this.#run(directory);
    let queued = this.#queued.get(directory);
    if (queued === undefined) {
      const again = (): Promise<void> => {
        this.#queued.delete(directory);
        return this.#sync(directory);
      };
      queued = running.then(again, again);
      this.#queued.set(directory, queued);
    }
    return queued;
  }

  #run(directory: string): Promise<void> {
    const run = this.#flush(directory).finally(() => {
      this.#running.delete(directory);
    });
    this.#running.set(directory, run);
    return run;
  }

  async #flush(directory: string): Promise<void> {
    const path = this.directoryPath(directory);
    try {
      await this.#slots.run(() => this.#port.syncDirectory(path));
      this.#unsynced.delete(directory);
    } catch (error) {
      const code = systemCode(error) ?? "";
      if (NOT_SUPPORTED.has(code)) {
        const message = `the file system cannot make the entries of ${quote(directory)} durable (${code})`;
        throw new Refusal("STORAGE_UNSUPPORTED_FILE_SYSTEM", message, error);
      }
      if (!NOT_BEGUN.has(code)) this.#failed.set(directory, error);
      throw error;
    }
  }
}

/** The directory of a key, as a prefix. */
export function directoryOf(key: string): string {
  return key.slice(0, key.lastIndexOf("/") + 1);
}

const YES = Promise.resolve(true);

/** Runs `action`, or joins who runs it for the same directory. */
function shared<T>(running: Map<string, Promise<T>>, directory: string, action: () => Promise<T>): Promise<T> {
  const joined = running.get(directory);
  if (joined !== undefined) return joined;
  const run = action().finally(() => {
    running.delete(directory);
  });
  running.set(directory, run);
  return run;
}

const MAX_REMEMBERED = 65_536;

/** What is known can be forgotten at any time; it only costs syncing again. */
function remember(known: Set<string>, directory: string): void {
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.add(directory);
}

/** Stands for the directory that holds the root; no prefix can have this name. */
const ABOVE_ROOT = "../";

/** Errors of a directory sync that say it was refused before anything was flushed, so that it may be tried again. */
const NOT_BEGUN: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "EACCES",
  "EPERM",
  "EROFS",
  "ENOENT",
  "ENOTDIR",
  "ELOOP",
  "ENAMETOOLONG",
]);

/** What a file system answers that has no sync of directories. */
const NOT_SUPPORTED: ReadonlySet<string> = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

function parentOf(directory: string): string {
  return directory === "" ? ABOVE_ROOT : directoryOf(directory.slice(0, -1));
}

/** The directory and all above it, from the root down. */
function chainOf(directory: string): readonly string[] {
  const chain = [""];
  for (let end = directory.indexOf("/"); end >= 0; end = directory.indexOf("/", end + 1)) chain.push(directory.slice(0, end + 1));
  return chain;
}
