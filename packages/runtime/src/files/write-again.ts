import type { StorageBackend, StorageKey } from "@holdfast/storage";
import { RuntimeError } from "../errors.js";
import { markOf, markWith, type FileMark } from "./file-mark.js";

/**
 * Writes a file again as it is, in bounded memory: that it can be read does not mean that it is durable.
 *
 * @param mark - Of all of it.
 * @throws STORAGE_WRITE_FAILED with RUNTIME_CORRUPT as its cause, and nothing is changed, if it is not as its mark any more; errors of the storage.
 */
export async function writeAgain(storage: StorageBackend, key: StorageKey, mark: FileMark): Promise<void> {
  await storage.replace(key, { bytes: mark.bytes, open: () => checkedPieces(storage, key, mark) });
}

async function* checkedPieces(storage: StorageBackend, key: StorageKey, mark: FileMark): AsyncGenerator<Uint8Array, void, undefined> {
  let found = markOf(new Uint8Array(0));
  for await (const piece of (await storage.stream(key)) ?? []) {
    found = markWith(found, piece);
    yield piece;
  }
  if (found.bytes === mark.bytes && found.crc32c === mark.crc32c) return;
  throw new RuntimeError("RUNTIME_CORRUPT", `the file ${key} changed while it was being read`, { operation: "project", key, outcome: "not_applied" });
}
