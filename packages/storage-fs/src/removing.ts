import type { StorageKey } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import { directoryOf, type DurableDirectories } from "./durable-directories.js";
import { absentIsUndefined, storageError, toStorageError, type Failure } from "./errors.js";
import { refuseOtherThanFile } from "./reading.js";

/** Where {@link removeObjects} removes. */
export interface RemoveParts {
  readonly port: FsPort;
  readonly directories: DurableDirectories;
}

/**
 * Removes objects, one directory after the other, each synced once. What fails does not keep the rest from being removed.
 *
 * @throws STORAGE_REMOVE_FAILED with the keys that are not known to be removed; the reason of the signal.
 */
export async function removeObjects(
  keys: readonly StorageKey[],
  parts: RemoveParts,
  failure: Failure,
  signal: AbortSignal | undefined,
): Promise<void> {
  const byDirectory = new Map<string, StorageKey[]>();
  for (const key of new Set(keys)) {
    const names = byDirectory.get(directoryOf(key));
    if (names === undefined) byDirectory.set(directoryOf(key), [key]);
    else names.push(key);
  }
  const failed = new Map<StorageKey, unknown>();
  for (const [directory, names] of byDirectory) {
    try {
      await removeIn(directory, names, failed, parts, signal);
    } catch (error) {
      if (signal?.aborted === true && error === signal.reason) throw error;
      for (const key of names) if (!failed.has(key)) failed.set(key, error);
    }
  }
  const [first] = failed.values();
  if (first === undefined) return;
  const message = `remove: ${failed.size} of ${keys.length} keys are not known to be removed`;
  throw storageError("STORAGE_REMOVE_FAILED", message, {
    ...failure,
    cause: toStorageError(first, failure),
    failedKeys: [...failed.keys()],
  });
}

/** @param failed - Gets the keys that failed, each with its error. What is thrown concerns all others of the directory. */
async function removeIn(
  directory: string,
  keys: readonly StorageKey[],
  failed: Map<StorageKey, unknown>,
  { port, directories }: RemoveParts,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!(await directories.enter(directory))) return;
  for (const key of keys) {
    if (signal?.aborted === true) break;
    const path = directories.path(key);
    try {
      const stat = await absentIsUndefined(port.lstat(path));
      if (stat === undefined) continue;
      refuseOtherThanFile(stat, { operation: "remove", key, outcome: "not_applied" });
      await absentIsUndefined(port.unlink(path));
    } catch (error) {
      failed.set(key, error);
    }
  }
  // Also for what was absent: another handle may have removed it and not have got here.
  await directories.publish(directory);
  signal?.throwIfAborted();
}
