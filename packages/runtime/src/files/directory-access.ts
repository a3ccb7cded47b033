import { lstatSync, type BigIntStats } from "node:fs";
import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { StorageKey, StoragePrefix } from "@holdfast/storage";

/** A name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}

/**
 * What a directory of yoi needs beyond the objects in it: names that no key can have, such as `.DS_Store`, which are reported; and empty
 * directories, since yoi refuses a runtime with one of a worker that was removed.
 */
export interface DirectoryAccess {
  /** All entries of a directory, by their names; `undefined` if it is not there. */
  entries(directory: StoragePrefix): Promise<readonly DirectoryEntry[] | undefined>;
  /** Removes a directory if it is there and empty. */
  removeEmpty(directory: StoragePrefix): Promise<void>;
  /**
   * A text for each file that is another one as soon as somebody writes to the file, replaces it, or touches its times; `undefined` for a
   * file that is not there. In the order of `keys`. Nothing is read.
   */
  stamps(keys: readonly StorageKey[]): Promise<readonly (string | undefined)[]>;
}

/** The access to a directory of the local file system, the root of a storage. */
export function localDirectories(root: string): DirectoryAccess {
  return {
    async entries(directory) {
      const entries = await unless(["ENOENT"], readdir(join(root, directory), { withFileTypes: true }));
      return entries?.map((it) => ({ name: it.name, isDirectory: it.isDirectory() })).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async removeEmpty(directory) {
      // What is not empty has something that is not ours, and stays.
      await unless(["ENOENT", "ENOTEMPTY", "EEXIST"], rmdir(join(root, directory)));
    },
    async stamps(keys) {
      const stamps: (string | undefined)[] = [];
      for (const [index, key] of keys.entries()) {
        const path = join(root, key);
        // Asking the kernel takes less than asking a thread to; every so often others get a turn.
        const stat = index % 256 === 0 ? await unless(["ENOENT"], lstat(path, { bigint: true })) : lstatSync(path, { bigint: true, throwIfNoEntry: false });
        stamps.push(stat && stampOf(stat));
      }
      return stamps;
    },
  };
}

/** The time of the last change of the inode cannot be set by anybody. */
function stampOf({ size, ino, mtimeNs, ctimeNs }: BigIntStats): string {
  return [size, ino, mtimeNs, ctimeNs].join(" ");
}

async function unless<T>(codes: readonly string[], work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && "code" in error && codes.includes(String(error.code))) return undefined;
    throw error;
  }
}
