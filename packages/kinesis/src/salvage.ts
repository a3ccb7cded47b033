import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { readFkwal2Log } from "@holdfast/wal/fkwal2";
import { readKinesisEntry } from "./codec.js";
import { KinesisError } from "./errors.js";
import { asideKey, SNAPSHOT_KEY, WAL_KEY } from "./layout.js";
import { checkedMaxStateBytes, type KinesisLoadOptions, type KinesisLogEntry } from "./load.js";
import { withLogErrors } from "./log-errors.js";

/** What {@link salvageKinesis} answers. */
export interface KinesisSalvage {
  /**
   * Every entry of every log, oldest file first: of those that were kept under another name, and of `wal.log`. `loadKinesisEntry` reads
   * one.
   */
  readonly entries: readonly KinesisLogEntry[];
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
export async function salvageKinesis(options: Pick<KinesisLoadOptions, "storage" | "maxStateBytes">): Promise<KinesisSalvage> {
  const { storage } = options;
  const maxEntryBytes = checkedMaxStateBytes(options.maxStateBytes);
  const entries: KinesisLogEntry[] = [];
  for (const key of [...(await asideKeys(storage, WAL_KEY)), WAL_KEY]) {
    await withLogErrors("salvage", () =>
      readFkwal2Log({
        storage,
        key,
        mode: "lenient",
        maxEntryBytes,
        decode: timeOf,
        onEntry: ({ offset, payload, value: createdAtMs }) => entries.push({ key, offset, bytes: payload.length, createdAtMs }),
      }),
    );
  }
  return { entries, damagedSnapshots: await asideKeys(storage, SNAPSHOT_KEY) };
}

/** The whole state is decoded all the same: what does not decode is no entry. */
function timeOf(payload: Uint8Array): { readonly value: bigint } | { readonly error: Error } {
  try {
    return { value: readKinesisEntry(payload).state.createdAtMs };
  } catch (error) {
    if (error instanceof KinesisError) return { error };
    throw error;
  }
}

async function asideKeys(storage: StorageBackend, of: StorageKey): Promise<readonly StorageKey[]> {
  const keys: StorageKey[] = [];
  for (let number = 1; ; number++) {
    const key = asideKey(of, number);
    if ((await storage.stat(key)) === undefined) return keys;
    keys.push(key);
  }
}
