import { MAX_KEY_BYTES, storageKey, type StorageEntry, type StorageKey } from "@holdfast/storage";
import type { FsDirectoryEntry, FsStat } from "@holdfast/storage/ports";
import { quote, storageError, systemCode, type Failure } from "./errors.js";

/** How {@link walk} looks at the file system. */
export interface WalkIo {
  /** All entries of a directory (a prefix), made durable first; `undefined` if it is not there. */
  entries(directory: string): Promise<readonly FsDirectoryEntry[] | undefined>;
  lstat(key: string): Promise<FsStat>;
}

/**
 * Lists the objects below a directory, ascending by the bytes of their keys, one directory in memory at a time on the way down.
 * Names that are no keys (temporaries, lock files, foreign files) are passed over; what is removed in between is left out.
 *
 * @param directory - A prefix.
 * @param after - Only keys greater than this one: directories that lie wholly before it are not opened.
 * @param limit - At most so many.
 * @throws STORAGE_UNSAFE_PATH where a name that could be a key or directory stands for a symbolic link, a device or a socket.
 */
export async function* walk(
  directory: string,
  after: string | undefined,
  limit: number,
  io: WalkIo,
  failure: Failure,
): AsyncGenerator<StorageEntry, void, undefined> {
  let left = limit;
  for (const batch of batches(namesOf((await io.entries(directory)) ?? [], directory, after, failure))) {
    if (left <= 0) return;
    const [first] = batch;
    if (first?.endsWith("/") === true) {
      for await (const entry of walk(first, after, left, io, failure)) {
        left -= 1;
        yield entry;
      }
      continue;
    }
    for (let at = 0; at < batch.length && left > 0; ) {
      const part = batch.slice(at, at + left);
      at += part.length;
      for (const entry of await Promise.all(part.map((key) => entryOf(key, io, failure)))) {
        if (entry === undefined) continue;
        left -= 1;
        yield entry;
      }
    }
  }
}

const DIRECTORY = /^[a-z0-9_-]+$/;
const LEAF = /^[a-z0-9_-]+(?:\.[a-z0-9]+)+$/;
/** Files that are looked at together. */
const BATCH = 16;

/** Keys and, with a slash at the end, directories, in the order of their bytes. All are ASCII, so strings compare like bytes. */
function namesOf(
  entries: readonly FsDirectoryEntry[],
  directory: string,
  after: string | undefined,
  failure: Failure,
): readonly string[] {
  const names: string[] = [];
  for (const { name, kind } of entries) {
    const isDirectory = DIRECTORY.test(name);
    if (!isDirectory && !LEAF.test(name)) continue;
    const full = `${directory}${name}`;
    if (kind === "symlink" || kind === "other") {
      const what = kind === "symlink" ? "a symbolic link" : "no plain file";
      throw storageError("STORAGE_UNSAFE_PATH", `${failure.operation}: ${quote(full)} is ${what}`, { ...failure, key: full });
    }
    // A file with a directory's name and a directory with a leaf's name are foreign: no key can reach them.
    if ((kind === "directory") !== isDirectory) continue;
    if (full.length > MAX_KEY_BYTES) continue;
    const sorted = isDirectory ? `${full}/` : full;
    const before = after !== undefined && sorted <= after && !(isDirectory && after.startsWith(sorted));
    if (!before) names.push(sorted);
  }
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Each directory alone, files that follow each other together. */
function* batches(names: readonly string[]): Generator<readonly string[], void, undefined> {
  let batch: string[] = [];
  for (const name of names) {
    const alone = name.endsWith("/");
    if (batch.length > 0 && (alone || batch.length === BATCH)) {
      yield batch;
      batch = [];
    }
    if (alone) yield [name];
    else batch.push(name);
  }
  if (batch.length > 0) yield batch;
}

async function entryOf(name: string, io: WalkIo, failure: Failure): Promise<StorageEntry | undefined> {
  const key: StorageKey = storageKey(name);
  let stat: FsStat;
  try {
    stat = await io.lstat(key);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
  if (stat.kind !== "file") {
    throw storageError("STORAGE_UNSAFE_PATH", `${failure.operation}: ${quote(key)} is no plain file`, { ...failure, key });
  }
  return { key, size: stat.size, modifiedAt: stat.modifiedAt };
}
