import type { FsFileSystem, FsStat } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import type { Calls } from "./calls.js";
import type { FileSystem } from "./file-system.js";
import type { Inode } from "./inode.js";

/** What processes run on. */
export interface World {
  readonly fileSystem: FileSystem;
  readonly calls: Calls;
  readonly adversary: Adversary;
  /** Open files that one process may have. */
  readonly maxOpenFiles: number;
  readonly appendMode: "dsync" | "write-then-sync";
  /** What becomes of writes past the cache. */
  readonly directWrites: "supported" | "refusedAtOpen" | "refusedAtWrite";
  /** What the system says of the file system. */
  readonly type: FsFileSystem;
  nowMs(): number;
}

/** What a process is told about a file or directory. */
export function statOf(inode: Inode): FsStat {
  return { kind: inode.kind, size: inode.view.size, modifiedAt: inode.modifiedAt, identity: `sim:${inode.id}`, links: inode.links };
}
