import { nodeFsPort } from "@holdfast/storage-fs";
import type { FsFile, FsPort } from "@holdfast/storage/ports";

/** The real file system, and how many bytes were handed to it to be written. */
export interface CountingPort {
  readonly port: FsPort;
  readonly writtenBytes: number;
}

/** Counts what every file of {@link nodeFsPort} is given from now on. */
export function countingPort(): CountingPort {
  let writtenBytes = 0;
  const counted = (file: FsFile): FsFile => ({
    read: (...args) => file.read(...args),
    async write(bytes, position) {
      const written = await file.write(bytes, position);
      writtenBytes += written;
      return written;
    },
    sync: () => file.sync(),
    datasync: () => file.datasync(),
    truncate: (size) => file.truncate(size),
    stat: () => file.stat(),
    tryLock: () => file.tryLock(),
    unlock: () => file.unlock(),
    close: () => file.close(),
  });
  return {
    port: { ...nodeFsPort, open: async (path, options) => counted(await nodeFsPort.open(path, options)) },
    get writtenBytes() {
      return writtenBytes;
    },
  };
}
