import type { Fates } from "./fates.js";
import { cutAt, withSectors } from "./image.js";
import { applied, sectorsOf, settle, type FileEffect, type FileInode, type WriteEffect } from "./inode.js";
import { makeUnreadable } from "./unreadable-sectors.js";

/** Clean pages leave the cache: what was dropped or lost is decided, and gone from sight where the disk does not have it. */
export function evict(inode: FileInode, fates: Fates, sectorBytes: number): void {
  inode.effects = inode.effects.map((effect) => {
    const isCached = effect.kind === "truncate" || !effect.uncached;
    const now = effect.state === "dropped" && isCached ? decided(effect, fates, sectorBytes) : effect;
    if (now.kind !== "write" || now.heals === undefined) return now;
    // Of a write that a flush dropped nothing is sure to be healed.
    if (now === effect && now.state !== "lost") return now;
    makeUnreadable(inode, now.heals);
    return { ...now, heals: undefined };
  });
  showDisk(inode, sectorBytes);
  settle(inode, sectorBytes);
}

/**
 * A write that passed the cache was dropped or lost: nothing shows what did not reach the disk. Of one that was dropped `fates` decides
 * what did, and power loss may still take that.
 */
export function uncache(inode: FileInode, effect: WriteEffect, fates: Fates, sectorBytes: number): void {
  makeUnreadable(inode, effect.heals);
  const arrived = effect.state === "dropped" ? decidedWrite(effect, fates, sectorBytes) : effect;
  const state = arrived.state === "lost" ? "lost" : "dropped";
  inode.effects = inode.effects.map((it) => (it === effect ? { ...arrived, state, heals: undefined, uncached: true } : it));
  showDisk(inode, sectorBytes);
  settle(inode, sectorBytes);
}

/** What processes see is what the disk has, and what the cache has that is not clean. */
function showDisk(inode: FileInode, sectorBytes: number): void {
  inode.view = inode.effects.reduce((image, effect) => (effect.state === "lost" ? image : applied(image, effect, sectorBytes)), inode.base);
}

/** What is left of an effect that a flush dropped, as an effect that is durable. */
function decided(effect: FileEffect, fates: Fates, sectorBytes: number): FileEffect {
  if (effect.kind === "truncate") return { ...effect, state: fates.truncate(effect, sectorBytes) === "done" ? "pinned" : "lost" };
  return decidedWrite(effect, fates, sectorBytes);
}

function decidedWrite(effect: WriteEffect, fates: Fates, sectorBytes: number): WriteEffect {
  const sectors = sectorsOf(effect, sectorBytes);
  const { keep, size } = fates.write(effect, sectors);
  if (keep === "none" && size === 0) return { ...effect, state: "lost" };
  const chunks = keep === "none" ? effect.before.chunks : withSectors(effect.before.chunks, effect.after, sectors, keep === "all" ? undefined : keep);
  const after = cutAt({ size: 0, chunks }, Math.max(size, effect.before.size));
  return { ...effect, state: "pinned", end: Math.min(effect.end, after.size), after };
}
