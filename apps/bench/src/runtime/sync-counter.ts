import { nodeFsPort } from "@holdfast/storage-fs";
import type { FsFile, FsPort } from "@holdfast/storage/ports";

/** Times that a disk was waited for. */
export interface SyncCounter {
  count: number;
}

/** The real file system, which counts every sync, and every write on a descriptor with O_DSYNC as one. */
export function syncCountingPort(counter: SyncCounter): FsPort {
  const counted = (file: FsFile, dsync: boolean): FsFile => ({
    read: (...args) => file.read(...args),
    write(bytes, position) {
      if (dsync) counter.count += 1;
      return file.write(bytes, position);
    },
    sync() {
      counter.count += 1;
      return file.sync();
    },
    datasync() {
      counter.count += 1;
      return file.datasync();
    },
    truncate: (size) => file.truncate(size),
    stat: () => file.stat(),
    tryLock: () => file.tryLock(),
    unlock: () => file.unlock(),
    close: () => file.close(),
  });
  return {
    ...nodeFsPort,
    open: async (path, options) => counted(await nodeFsPort.open(path, options), options.dsync === true),
    syncDirectory(path) {
      counter.count += 1;
      return nodeFsPort.syncDirectory(path);
    },
  };
}
