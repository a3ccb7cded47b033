import { StorageError, type AppendFile, type AppendableStorage, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";

/** A backend on a disk that has only so much room. */
export interface SmallDisk {
  readonly backend: StorageBackend;
  /** Bytes that may still be written. */
  freeBytes: number;
}

/** Appends and objects take room, and removing gives it back. A file's name and a failed append take none. */
export function smallDisk(inner: StorageBackend, freeBytes: number): SmallDisk {
  const appendable = inner.appendable;
  if (appendable === undefined) throw new Error("cannot append");
  const full = (operation: string, key: string, outcome: "not_applied" | "unknown"): StorageError =>
    new StorageError("STORAGE_FULL", "no space left", { operation, key, outcome, retryable: outcome === "not_applied" });
  const wrap = (file: AppendFile): AppendFile => ({
    key: file.key,
    get size() {
      return file.size;
    },
    async append(bytes, options) {
      const needed = (options?.at ?? file.size) + bytes.length - file.size;
      if (needed > disk.freeBytes) throw full("append", file.key, "unknown");
      disk.freeBytes -= needed;
      await file.append(bytes, options);
    },
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  });
  const storage: AppendableStorage = {
    lock: (prefix, options) => appendable.lock(prefix, options),
    open: async (key, options) => wrap(await appendable.open(key, options)),
  };
  const disk: SmallDisk = {
    freeBytes,
    backend: {
      ...delegate(inner),
      appendable: storage,
      async create(key, body, options) {
        const needed = body instanceof Uint8Array ? body.length : 0;
        if (needed > disk.freeBytes) throw full("create", key, "not_applied");
        disk.freeBytes -= needed;
        return inner.create(key, body, options);
      },
      async remove(keys, options) {
        for (const key of keys) disk.freeBytes += (await inner.stat(key))?.size ?? 0;
        await inner.remove(keys, options);
      },
    },
  };
  return disk;
}
