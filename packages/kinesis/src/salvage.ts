import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { asideKey, SNAPSHOT_KEY, WAL_KEY } from "./layout.js";
import { readLog, toLogEntry, type KinesisLogEntry } from "./load.js";

/** An entry, and the file it was found in. */
export interface SalvagedEntry extends KinesisLogEntry {
  readonly key: StorageKey;
}

/** What {@link salvageKinesis} answers. */
export interface KinesisSalvage {
  /** Every entry of every log, oldest file first: of those that were kept under another name, and of `wal.log`. */
  readonly entries: readonly SalvagedEntry[];
  /** Names of snapshots that were kept under another name because they could not be read. */
  readonly damagedSnapshots: readonly StorageKey[];
}

/**
 * Everything that can still be found: the entries of the log, and of logs that were kept aside since they were damaged or could not be
 * placed. Changes nothing.
 *
 * @param options - As for `loadKinesisState`.
 * @throws KINESIS_TOO_LARGE; errors of the storage.
 */
export async function salvageKinesis(options: { readonly storage: StorageBackend; readonly maxFileBytes?: number | undefined }): Promise<KinesisSalvage> {
  const entries: SalvagedEntry[] = [];
  const logs = [...(await asideKeys(options.storage, WAL_KEY)), WAL_KEY];
  for (const key of logs) {
    const found = await readLog(options.storage, { key, mode: "lenient", maxFileBytes: options.maxFileBytes });
    for (const frame of found.entries) entries.push({ key, ...toLogEntry(frame) });
  }
  return { entries, damagedSnapshots: await asideKeys(options.storage, SNAPSHOT_KEY) };
}

async function asideKeys(storage: StorageBackend, of: StorageKey): Promise<readonly StorageKey[]> {
  const keys: StorageKey[] = [];
  for (let number = 1; ; number++) {
    const key = asideKey(of, number);
    if ((await storage.stat(key)) === undefined) return keys;
    keys.push(key);
  }
}
