import { joinKey, joinPrefix, storagePrefix } from "@holdfast/storage";
import type { CallOptions, StorageBackend, StorageKey, StoragePrefix } from "@holdfast/storage";
import { isGenerationName } from "./generation-name.js";
import { layoutOf, type ReplicaLayoutName } from "./layouts.js";

/** Where {@link detectLayout} looks. */
export interface DetectLayoutOptions extends CallOptions {
  readonly storage: StorageBackend;
  /** The replica's own directory. */
  readonly prefix: string;
}

/**
 * The layout of the replica below a prefix: that of the first snapshot or WAL segment that is met.
 *
 * @returns `undefined` if there is none.
 * @throws STORAGE_INVALID_KEY. What the storage says. `signal.reason`.
 */
export async function detectLayout({ storage, prefix, signal }: DetectLayoutOptions): Promise<ReplicaLayoutName | undefined> {
  const root = joinPrefix(storagePrefix(prefix), "generations/");
  for (const generation of await listGenerations(storage, root, { signal })) {
    const directory = joinPrefix(root, generation);
    for await (const { key } of storage.list(directory, { signal })) {
      const layout = layoutOf(key.slice(directory.length));
      if (layout !== undefined) return layout;
    }
  }
  return undefined;
}

/** Names of the generations below `root` that have objects, ascending, by one list of one object each. */
export async function listGenerations(storage: StorageBackend, root: StoragePrefix, { signal }: CallOptions = {}): Promise<readonly string[]> {
  const generations: string[] = [];
  let after: StorageKey | undefined;
  while (true) {
    const directory = await firstDirectory(storage, root, after, signal);
    if (directory === undefined) return generations;
    if (isGenerationName(directory)) generations.push(directory);
    after = behind(root, directory);
  }
}

/** The first part of the first name behind a key: a directory, or a leaf that is none. */
async function firstDirectory(storage: StorageBackend, root: StoragePrefix, after: StorageKey | undefined, signal: AbortSignal | undefined): Promise<string | undefined> {
  for await (const { key } of storage.list(root, { after, limit: 1, signal })) return key.slice(root.length).split("/", 1)[0];
  return undefined;
}

/** A key behind everything in a directory and before every other one that follows it; behind a leaf itself. */
function behind(root: StoragePrefix, name: string): StorageKey {
  // "/" comes before "0", and a leaf's "." before both.
  return name.includes(".") ? joinKey(root, name) : joinKey(root, `${name}0.a`);
}
