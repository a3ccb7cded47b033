import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryBackend, storageKey, type StorageBackend } from "@holdfast/storage";

/** Everything in a directory: names, and what the files hold. Lock files mean nothing. */
export function filesOf(root: string): Readonly<Record<string, string>> {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter(({ name }) => name !== ".lock");
  return Object.fromEntries(
    entries
      .map((entry) => [join(entry.parentPath, entry.name).slice(root.length + 1), entry.isFile() ? readFileSync(join(entry.parentPath, entry.name)).toString("latin1") : "not a file"] as const)
      .sort(),
  );
}

/** Memory with some files. */
export async function storageOf(files: Readonly<Record<string, Uint8Array | undefined>>): Promise<StorageBackend> {
  const storage = memoryBackend();
  for (const [name, bytes] of Object.entries(files)) if (bytes !== undefined) await storage.create(storageKey(name), bytes);
  return storage;
}
