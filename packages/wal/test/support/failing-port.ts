import type { FsFile, FsPort } from "@holdfast/storage/ports";

/** A port of which one call fails, whichever it is: reads and looks too. */
export interface FailingPort {
  readonly port: FsPort;
  /** Counts the calls from now on, and has the nth fail before it does anything; 0: none. */
  arm(nth: number): void;
  /** The call that has failed. */
  readonly failed: string | undefined;
}

export function failingPort(inner: FsPort, code: string): FailingPort {
  let left = 0;
  let failed: string | undefined;
  const step = <T>(name: string, action: () => Promise<T>): Promise<T> => {
    left -= 1;
    if (left !== 0) return action();
    failed = name;
    return Promise.reject(Object.assign(new Error(`${code}: injected into ${name}`), { code }));
  };
  const wrap = (file: FsFile): FsFile => ({
    read: (buffer, offset, length, position) => step("read", () => file.read(buffer, offset, length, position)),
    write: (bytes, position) => step("write", () => file.write(bytes, position)),
    sync: () => step("sync", () => file.sync()),
    datasync: () => step("datasync", () => file.datasync()),
    truncate: (size) => step("truncate", () => file.truncate(size)),
    stat: () => step("stat", () => file.stat()),
    tryLock: () => step("tryLock", () => file.tryLock()),
    unlock: () => file.unlock(),
    close: () => file.close(),
  });
  return {
    arm(nth) {
      left = nth;
      failed = undefined;
    },
    get failed() {
      return failed;
    },
    port: {
      name: inner.name,
      appendMode: (...from) => inner.appendMode(...from),
      open: (path, options) => step(`open ${options.mode}`, async () => wrap(await inner.open(path, options))),
      mkdir: (path, permissions) => step("mkdir", () => inner.mkdir(path, permissions)),
      readdir: (path) => step("readdir", () => inner.readdir(path)),
      lstat: (path) => step("lstat", () => inner.lstat(path)),
      link: (from, to) => step("link", () => inner.link(from, to)),
      rename: (from, to) => step("rename", () => inner.rename(from, to)),
      unlink: (path) => step("unlink", () => inner.unlink(path)),
      realpath: (path) => step("realpath", () => inner.realpath(path)),
      syncDirectory: (path) => step("syncDirectory", () => inner.syncDirectory(path)),
      fileSystem: (path) => inner.fileSystem(path),
    },
  };
}
