import { ROOT, type DirectoryInode, type Inode } from "./inode.js";
import { systemError } from "./system-error.js";

/** The inodes of a file system, by their ids. */
export type Inodes = ReadonlyMap<number, Inode>;

/** Where a path leads: a directory that is there, and a name in it, which may be taken or free. The name of `/` is empty. */
export interface Place {
  readonly directory: DirectoryInode;
  readonly name: string;
}

/** @throws EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR of the path up to its last name. */
export function placeOf(inodes: Inodes, path: string, operation: string): Place {
  if (!path.startsWith("/")) throw systemError("EINVAL", operation, path);
  if (path.length > MAX_PATH) throw systemError("ENAMETOOLONG", operation, path);
  let inode = inodes.get(ROOT);
  let name = "";
  for (let at = 1; at < path.length; ) {
    const slash = path.indexOf("/", at);
    const end = slash < 0 ? path.length : slash;
    if (end > at) {
      if (name !== "") inode = inodeIn(inodes, requireDirectory(inode, operation, path), name, operation, path);
      name = path.slice(at, end);
    }
    at = end + 1;
  }
  return { directory: requireDirectory(inode, operation, path), name };
}

/** @throws ENOENT if no process sees the name, ENAMETOOLONG. */
export function inodeIn(inodes: Inodes, directory: DirectoryInode, name: string, operation: string, path: string): Inode {
  const inode = findIn(inodes, directory, name, operation, path);
  if (inode === undefined) throw systemError("ENOENT", operation, path);
  return inode;
}

/** `undefined` if no process sees the name. @throws ENAMETOOLONG. */
export function findIn(inodes: Inodes, directory: DirectoryInode, name: string, operation: string, path: string): Inode | undefined {
  if (name.length > MAX_NAME / 3 && Buffer.byteLength(name) > MAX_NAME) throw systemError("ENAMETOOLONG", operation, path);
  const id = directory.view.get(name);
  return id === undefined ? undefined : inodes.get(id);
}

/** Whether a directory is another one, or lies below it. */
export function isWithin(inodes: Inodes, directory: DirectoryInode, other: DirectoryInode): boolean {
  if (directory === other) return true;
  for (const id of other.view.values()) {
    const below = inodes.get(id);
    if (below?.kind === "directory" && isWithin(inodes, directory, below)) return true;
  }
  return false;
}

const MAX_NAME = 255;
const MAX_PATH = 4095;

function requireDirectory(inode: Inode | undefined, operation: string, path: string): DirectoryInode {
  if (inode?.kind !== "directory") throw systemError("ENOTDIR", operation, path);
  return inode;
}
