import type { Image } from "./image.js";
import { systemError } from "./system-error.js";

/** What a file has to say about its sectors that cannot be read. They are counted from the start of the file. */
export interface PartlyReadable {
  readonly view: Image;
  unreadable: Set<number> | undefined;
}

/** Sectors fail from now on: the medium was harmed, or a write that had healed them did not reach the disk. */
export function makeUnreadable(file: PartlyReadable, sectors: readonly number[] | undefined): void {
  if (sectors !== undefined) file.unreadable = new Set([...(file.unreadable ?? []), ...sectors]);
}

/** @throws EIO if a byte that is to be read lies in a sector that cannot be. */
export function refuseUnreadable(file: PartlyReadable, offset: number, length: number, sectorBytes: number, path: string): void {
  if (file.unreadable === undefined || length === 0) return;
  for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < offset + length; sector += 1) {
    if (file.unreadable.has(sector)) throw systemError("EIO", "read", path);
  }
}

/**
 * Takes the sectors that a write covers from those that cannot be read, and answers them. @throws EIO if it covers a part of
 * one: the rest of it would have to be read first.
 */
export function heal(file: PartlyReadable, offset: number, end: number, sectorBytes: number, path: string): readonly number[] | undefined {
  const { unreadable, view } = file;
  if (unreadable === undefined) return undefined;
  const healed: number[] = [];
  for (let sector = Math.floor(offset / sectorBytes); sector * sectorBytes < end; sector += 1) {
    if (!unreadable.has(sector)) continue;
    const start = sector * sectorBytes;
    const until = Math.min(view.size, start + sectorBytes);
    if (start < until && (offset > start || end < until)) throw systemError("EIO", "write", path);
    healed.push(sector);
  }
  for (const sector of healed) unreadable.delete(sector);
  return healed.length === 0 ? undefined : healed;
}
