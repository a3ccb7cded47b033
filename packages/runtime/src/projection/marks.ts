import { storageKey, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import type { FileMark, FileMarks } from "../files/file-mark.js";
import type { ChangedFile } from "../stored/change.js";

/** Marks by path below `prefix` as marks by key. */
export function keyedMarks(prefix: StoragePrefix, files: ReadonlyMap<string, FileMark>): FileMarks {
  return new Map([...files].map(([path, mark]) => [storageKey(`${prefix}${path}`), mark]));
}

/** The inverse of {@link keyedMarks}. */
export function pathMarks(prefix: StoragePrefix, marks: FileMarks): ReadonlyMap<string, FileMark> {
  return new Map([...marks].map(([key, mark]) => [key.slice(prefix.length), mark]));
}

/** A file by its path below `prefix`, which its key begins with. Without a mark the file is gone. */
export function changedFile(prefix: StoragePrefix, key: StorageKey, mark: FileMark | undefined): ChangedFile {
  return { path: key.slice(prefix.length), mark };
}
