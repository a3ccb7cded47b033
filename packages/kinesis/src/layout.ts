import { storageKey, type StorageKey } from "@holdfast/storage";

/** The log. */
export const WAL_KEY: StorageKey = storageKey("wal.log");

/** The snapshot. */
export const SNAPSHOT_KEY: StorageKey = storageKey("snapshot.bin");

/** Where a file is kept that may not be written over: `wal-aside-<20 digits>.log` and `snapshot-aside-<20 digits>.bin`, from 1 on. */
export function asideKey(of: StorageKey, number: number): StorageKey {
  const [name, extension] = of.split(".");
  return storageKey(`${name ?? ""}-aside-${String(number).padStart(20, "0")}.${extension ?? ""}`);
}
