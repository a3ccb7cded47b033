import { basename } from "node:path";
import type { FsFile, FsOpenOptions, FsPort } from "@holdfast/storage/ports";
import { nodeFsPort } from "@holdfast/storage-fs";

/** What a call of the port fails with, as one of Node's system errors. */
export type Fault =
  /** Nothing was done; `applied`: everything was done, and it failed all the same. Of a write: the bytes can be read, and are on disk only until {@link FaultPort.evict}. */
  | { readonly code: string; readonly applied?: boolean }
  /** A write of which only so many bytes were written. */
  | { readonly written: number }
  /** None: the call waits for something. */
  | { readonly until: Promise<unknown> };

/** A call of the port. */
export interface PortCall {
  readonly name: string;
  /** Last component of the path. */
  readonly file: string;
  readonly bytes: number;
  /** Counted from 1. */
  readonly number: number;
}

/** What {@link faultPort} is made with. */
export interface FaultPortOptions {
  /** Default `"dsync"`. */
  readonly appendMode?: "dsync" | "write-then-sync";
  /** Keeps what unsynced and failed writes have overwritten, for {@link FaultPort.evict}. */
  readonly evictable?: boolean;
}

/** The real file system, whose calls fail on demand, on a disk that is never waited for. */
export interface FaultPort extends FsPort {
  /** Decides about each call that changes something or opens a file. */
  onCall: ((call: PortCall) => Fault | undefined) | undefined;
  /** Calls that change something or open a file. */
  readonly calls: readonly PortCall[];
  readonly openFiles: number;
  /** What the death of the process does: what is in flight ends, files are closed, locks are free, every later call fails. */
  die(): Promise<void>;
  /**
   * Lets go of the cached pages of writes and syncs that failed: what was there before can be read again.
   *
   * @param keptBytes - So many bytes of the beginning of each such write stay in the cache. Default 0.
   */
  evict(keptBytes?: number): Promise<void>;
  /**
   * What a power loss does behind the death of the process, as far as contents go: writes that were not synced are lost, those
   * that `isLost` says so of, counted from 0 in the order in which they were made. Names and sizes stay.
   */
  loseUnsynced(isLost: (index: number) => boolean): Promise<void>;
}

/** The real port, as a fast one: nothing is waited for until it is on disk, since these tests end processes, not power. */
export function faultPort(options: FaultPortOptions = {}): FaultPort {
  const { appendMode = "dsync", evictable = false } = options;
  const files = new Set<FsFile>();
  const calls: PortCall[] = [];
  const inFlight = new Set<Promise<unknown>>();
  /** Overwritten by writes that were not synced, oldest first. */
  let unsynced: (Overwritten & { readonly file: FsFile })[] = [];
  /** Overwritten by writes that were reported as failed. */
  const failed: Overwritten[] = [];
  let dead = false;

  async function run<T>(name: string, path: string, action: () => Promise<T>, how: How<T> = {}): Promise<T> {
    if (dead) throw systemError("EIO", "the process has died");
    const call: PortCall = { name, file: basename(path), bytes: how.bytes ?? 0, number: calls.length + 1 };
    calls.push(call);
    const fault = port.onCall?.(call);
    if (fault === undefined) return track(action());
    if ("until" in fault) return track(fault.until.then(action));
    if ("written" in fault) return track(how.short === undefined ? action() : how.short(Math.min(fault.written, call.bytes)));
    if (fault.applied === true) {
      const result = await track(action());
      how.undo?.(result);
    }
    how.onFailed?.(fault.applied === true);
    throw systemError(fault.code, `injected into ${name}`);
  }

  function track<T>(done: Promise<T>): Promise<T> {
    inFlight.add(done);
    const ended = (): void => {
      inFlight.delete(done);
    };
    done.then(ended, ended);
    return done;
  }

  function plain<T>(action: () => Promise<T>): Promise<T> {
    return dead ? Promise.reject(systemError("EIO", "the process has died")) : track(action());
  }

  /** This was written and synced: nothing older lies under it any more. */
  function settle({ path, position, length }: Overwritten): void {
    const end = position + length;
    const rest = failed.flatMap((it) => (it.path === path ? [part(it, it.position, position), part(it, end, it.position + it.length)] : [it]));
    failed.splice(0, failed.length, ...rest.filter((it) => it.length > 0));
  }

  async function wrap(path: string, open: FsOpenOptions): Promise<FsFile> {
    const { dsync, ...rest } = open;
    const file = await nodeFsPort.open(path, rest);
    files.add(file);
    /** Takes out what this descriptor has written and not synced. */
    const takeUnsynced = (): Overwritten[] => {
      const own = unsynced.filter((it) => it.file === file);
      unsynced = unsynced.filter((it) => it.file !== file);
      return own;
    };
    const write = async (bytes: Uint8Array, position: number): Promise<number> => {
      if (evictable && dsync !== true) unsynced.push({ ...(await overwrittenBy(file, path, position, bytes.length)), file });
      return file.write(bytes, position);
    };
    const sync = (name: string): Promise<void> =>
      run(
        name,
        path,
        () => {
          for (const it of takeUnsynced()) settle(it);
          return Promise.resolve();
        },
        {
          onFailed: () => {
            failed.push(...takeUnsynced());
          },
        },
      );
    return {
      read: (buffer, offset, length, position) => plain(() => file.read(buffer, offset, length, position)),
      async write(bytes, position) {
        const before = evictable && dsync === true ? await overwrittenBy(file, path, position, bytes.length) : undefined;
        const writing = async (): Promise<number> => {
          const written = await write(bytes, position);
          if (before !== undefined) settle(before);
          return written;
        };
        return run("write", path, writing, {
          bytes: bytes.length,
          short: (written) => write(bytes.subarray(0, written), position),
          onFailed: (isApplied) => {
            if (isApplied && before !== undefined) failed.push(before);
          },
        });
      },
      sync: () => sync("sync"),
      datasync: () => sync("datasync"),
      truncate: (size) => run("truncate", path, () => file.truncate(size)),
      stat: () => plain(() => file.stat()),
      tryLock: () => run("tryLock", path, () => file.tryLock()),
      unlock: () => run("unlock", path, () => file.unlock()),
      close: () =>
        plain(() => {
          files.delete(file);
          return file.close();
        }),
    };
  }

  const port: FaultPort = {
    name: "fault",
    onCall: undefined,
    calls,
    get openFiles() {
      return files.size;
    },
    appendMode: () => appendMode,
    open: (path, open) => run(`open ${open.mode}`, path, () => wrap(path, open), { undo: (file) => file.close() }),
    mkdir: (path, permissions) => run("mkdir", path, () => nodeFsPort.mkdir(path, permissions)),
    readdir: (path) => plain(() => nodeFsPort.readdir(path)),
    lstat: (path) => plain(() => nodeFsPort.lstat(path)),
    link: (from, to) => run("link", to, () => nodeFsPort.link(from, to)),
    rename: (from, to) => run("rename", to, () => nodeFsPort.rename(from, to)),
    unlink: (path) =>
      run("unlink", path, async () => {
        await nodeFsPort.unlink(path);
        // Its pages go with it. Another file may get the name.
        failed.splice(0, failed.length, ...failed.filter((it) => it.path !== path));
      }),
    realpath: (path) => plain(() => nodeFsPort.realpath(path)),
    syncDirectory: (path) => run("syncDirectory", path, () => Promise.resolve()),
    fileSystem: () => Promise.resolve({ type: "ext4", localLocks: true, copyOnWrite: false }),
    async die() {
      dead = true;
      while (inFlight.size > 0) await Promise.allSettled([...inFlight]);
      for (const file of files) await file.close();
      files.clear();
    },
    async loseUnsynced(isLost) {
      const lost = unsynced.filter((_it, index) => isLost(index)).reverse();
      unsynced = [];
      for (const it of lost) await restore(it);
    },
    async evict(keptBytes = 0) {
      const evicted = failed.splice(0).reverse();
      for (const it of evicted) await restore(part(it, it.position + keptBytes, it.position + it.length));
    },
  };
  return port;
}

interface How<T> {
  readonly bytes?: number;
  readonly short?: (bytes: number) => Promise<T>;
  readonly onFailed?: (isApplied: boolean) => void;
  /** Lets go of what nobody is told of. */
  readonly undo?: (result: T) => unknown;
}

/** What a write overwrote: `bytes` at `position`, as many as the file had. */
interface Overwritten {
  readonly path: string;
  readonly position: number;
  readonly length: number;
  readonly bytes: Uint8Array;
}

async function overwrittenBy(file: FsFile, path: string, position: number, length: number): Promise<Overwritten> {
  const bytes = new Uint8Array(length);
  const count = await file.read(bytes, 0, length, position);
  return { path, position, length, bytes: bytes.subarray(0, count) };
}

/** What of it lies from `from` to `to`. */
function part(it: Overwritten, from: number, to: number): Overwritten {
  const start = Math.max(from, it.position);
  const end = Math.min(to, it.position + it.length);
  return { path: it.path, position: start, length: Math.max(0, end - start), bytes: it.bytes.subarray(start - it.position, Math.max(start, end) - it.position) };
}

async function restore({ path, position, length, bytes }: Overwritten): Promise<void> {
  let file: FsFile;
  try {
    file = await nodeFsPort.open(path, { mode: "write" });
  } catch (error) {
    // Removed since, as what nobody needs is.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  try {
    // Where there was nothing, zeros are read, as far as the file has a size.
    const before = new Uint8Array(length);
    before.set(bytes);
    const { size } = await file.stat();
    const inside = before.subarray(0, Math.max(0, size - position));
    if (inside.length > 0) await file.write(inside, position);
  } finally {
    await file.close();
  }
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
