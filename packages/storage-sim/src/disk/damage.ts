import type { Adversary } from "../adversary.js";
import type { Fault } from "../fault-plan.js";
import type { FileSystem } from "./file-system.js";
import { readFrom } from "./image.js";
import type { FileInode } from "./inode.js";
import { makeUnreadable } from "./unreadable-sectors.js";

/** Harms the medium below a read, for good: a bit (`rot`), a sector of zeros (`zero`), a sector that fails (`unreadable`). */
export function damage(fileSystem: FileSystem, inode: FileInode, { kind }: Fault, position: number, length: number, adversary: Adversary): void {
  const { sectorBytes } = fileSystem.geometry;
  if (kind === "rot") {
    const bit = adversary.choose("rotten bit", length * 8);
    const at = position + Math.floor(bit / 8);
    const byte = new Uint8Array(1);
    readFrom(inode.view, byte, 0, 1, at);
    fileSystem.poke(inode, at, byte.map((it) => it ^ (1 << bit % 8)));
    return;
  }
  if (kind !== "zero" && kind !== "unreadable") return;
  const first = Math.floor(position / sectorBytes);
  const sector = first + adversary.choose("harmed sector", Math.ceil((position + length) / sectorBytes) - first);
  if (kind === "unreadable") {
    makeUnreadable(inode, [sector]);
    return;
  }
  const end = Math.min(inode.view.size, (sector + 1) * sectorBytes);
  fileSystem.poke(inode, sector * sectorBytes, new Uint8Array(end - sector * sectorBytes));
}
