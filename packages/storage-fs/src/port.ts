import * as fs from "node:fs";
import { constants } from "node:fs";
import { tryLock, unlock } from "fs-native-extensions";
import type { FsDirectoryEntry, FsFile, FsFileSystem, FsKind, FsOpenMode, FsPort, FsStat } from "@holdfast/storage/ports";
import { fileSystemOfType } from "./file-systems.js";

/**
 * The real file system. Descriptors and callbacks instead of `FileHandle`, which costs 5 to 10 µs more for each call.
 *
 * Windows: directories cannot be synced there, so names are not durable by themselves, and symbolic links are not refused by
 * the operating system at open.
 */
export const nodeFsPort: FsPort = {
  name: "node",
  appendMode: () => (DSYNC === undefined ? "write-then-sync" : "dsync"),
  async open(path, options) {
    if (options.dsync === true && DSYNC === undefined) {
      throw systemError("ENOTSUP", "O_DSYNC does not make writes durable on this platform", path);
    }
    if (options.direct === true && DIRECT === undefined) {
      throw systemError("ENOTSUP", "O_DIRECT does not exist on this platform", path);
    }
    const flags = OPEN_FLAGS[options.mode] | (options.dsync === true ? (DSYNC ?? 0) : 0) | (options.direct === true ? (DIRECT ?? 0) : 0);
    if (options.mode === "read" && readLately.has(path)) return new NodeFile(fs.openSync(path, flags), true);
    const descriptor = await new Promise<number>((resolve, reject) => {
      fs.open(path, flags, options.permissions ?? 0o600, (error, fd) => {
        if (error === null) resolve(fd);
        else reject(error);
      });
    });
    if (options.mode === "read") readLately.add(path);
    return new NodeFile(descriptor, options.mode === "read");
  },
  mkdir: (path, permissions) =>
    settle((done) => {
      fs.mkdir(path, permissions, done);
    }),
  readdir: (path) =>
    new Promise((resolve, reject) => {
      fs.readdir(path, { withFileTypes: true }, (error, entries) => {
        if (error === null) resolve(entries.map(directoryEntry));
        else reject(error);
      });
    }),
  lstat: (path) =>
    new Promise((resolve, reject) => {
      fs.lstat(path, { bigint: true }, (error, stats) => {
        if (error === null) resolve(toStat(stats));
        else reject(error);
      });
    }),
  link: (from, to) =>
    settle((done) => {
      fs.link(from, to, done);
    }),
  rename: (from, to) =>
    settle((done) => {
      fs.rename(from, to, done);
    }),
  unlink: (path) =>
    settle((done) => {
      fs.unlink(path, done);
    }),
  realpath: (path) =>
    new Promise((resolve, reject) => {
      fs.realpath.native(path, (error, resolved) => {
        if (error === null) resolve(resolved);
        else reject(error);
      });
    }),
  async syncDirectory(path) {
    if (process.platform === "win32") return;
    const descriptor = await new Promise<number>((resolve, reject) => {
      fs.open(path, DIRECTORY_FLAGS, (error, fd) => {
        if (error === null) resolve(fd);
        else reject(error);
      });
    });
    const file = new NodeFile(descriptor, true);
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  fileSystem: (path) =>
    new Promise<FsFileSystem>((resolve, reject) => {
      fs.statfs(path, { bigint: true }, (error, stats) => {
        if (error === null) resolve(fileSystemOfType(process.platform, stats.type));
        else reject(error);
      });
    }),
};

/**
 * Paths that were opened for reading lately. Their names and inodes are in memory, so that opening them again takes the system
 * a few microseconds and need not wait for a disk. Done at once, the read behind it is on its way before the caller goes on: who
 * reads a file in many ranges works on one while the next one is fetched.
 */
const readLately = new (class {
  readonly #paths = new Set<string>();

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  add(path: string): void {
    this.#paths.add(path);
    const [oldest] = this.#paths;
    if (this.#paths.size > 32 && oldest !== undefined) this.#paths.delete(oldest);
  }
})();

/** O_DSYNC where it exists and reaches the disk. On macOS it does not reach the platter, on Windows it does not exist. */
const DSYNC: number | undefined = process.platform === "linux" ? flag("O_DSYNC") : undefined;
/** Elsewhere it does not exist. */
const DIRECT: number | undefined = process.platform === "linux" ? flag("O_DIRECT") : undefined;
const NOFOLLOW = flag("O_NOFOLLOW") ?? 0;
/** Without it, opening a FIFO that somebody put at a key's place would occupy a thread of the pool for ever. */
const NONBLOCK = flag("O_NONBLOCK") ?? 0;

const DIRECTORY_FLAGS = constants.O_RDONLY | (flag("O_DIRECTORY") ?? 0) | NOFOLLOW;
const OPEN_FLAGS: Readonly<Record<FsOpenMode, number>> = {
  read: constants.O_RDONLY | NOFOLLOW | NONBLOCK,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NOFOLLOW,
  write: constants.O_RDWR | NOFOLLOW | NONBLOCK,
  lock: constants.O_RDWR | constants.O_CREAT | NOFOLLOW | NONBLOCK,
};

/** A constant that a platform may not have: a missing one must never be or-ed into flags. */
function flag(name: string): number | undefined {
  const value: unknown = Object.entries(constants).find(([it]) => it === name)?.[1];
  return typeof value === "number" ? value : undefined;
}

class NodeFile implements FsFile {
  /** −1 once closed: the number may belong to another file by then. */
  #descriptor: number;
  /** Nothing was written through it, so that closing it cannot wait for a disk. */
  readonly #isReadOnly: boolean;

  constructor(descriptor: number, isReadOnly: boolean) {
    this.#descriptor = descriptor;
    this.#isReadOnly = isReadOnly;
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#open(), buffer, offset, length, position, (error, bytesRead) => {
        if (error === null) resolve(bytesRead);
        else reject(error);
      });
    });
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#open(), bytes, 0, bytes.byteLength, position, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
  }

  sync(): Promise<void> {
    return settle((done) => {
      fs.fsync(this.#open(), done);
    });
  }

  datasync(): Promise<void> {
    return settle((done) => {
      fs.fdatasync(this.#open(), done);
    });
  }

  truncate(size: number): Promise<void> {
    return settle((done) => {
      fs.ftruncate(this.#open(), size, done);
    });
  }

  // What is open has its inode in memory: the system answers in a microsecond, a trip to the thread pool costs twenty.
  stat(): Promise<FsStat> {
    return new Promise((resolve) => {
      resolve(toStat(fs.fstatSync(this.#open(), { bigint: true })));
    });
  }

  // The two lock calls answer at once, without the thread pool; they are asynchronous only in the port.
  tryLock(): Promise<boolean> {
    return new Promise((resolve) => {
      resolve(tryLock(this.#open()));
    });
  }

  unlock(): Promise<void> {
    return new Promise((resolve) => {
      unlock(this.#open());
      resolve();
    });
  }

  close(): Promise<void> {
    return settle((done) => {
      const descriptor = this.#open();
      this.#descriptor = -1;
      if (!this.#isReadOnly) {
        fs.close(descriptor, done);
        return;
      }
      fs.closeSync(descriptor);
      done(null);
    });
  }

  #open(): number {
    if (this.#descriptor < 0) throw systemError("EBADF", "the file is closed");
    return this.#descriptor;
  }
}

function settle(call: (done: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

function systemError(code: string, message: string, path?: string): Error {
  return Object.assign(new Error(`${code}: ${message}${path === undefined ? "" : `, '${path}'`}`), { code });
}

interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

function kindOf(it: Kinds): FsKind {
  if (it.isFile()) return "file";
  if (it.isDirectory()) return "directory";
  return it.isSymbolicLink() ? "symlink" : "other";
}

function directoryEntry(entry: fs.Dirent): FsDirectoryEntry {
  return { name: entry.name, kind: kindOf(entry) };
}

function toStat(stats: fs.BigIntStats): FsStat {
  return {
    kind: kindOf(stats),
    size: Number(stats.size),
    modifiedAt: Number(stats.mtimeMs),
    identity: `${stats.dev.toString()}:${stats.ino.toString()}`,
    links: Number(stats.nlink),
  };
}
