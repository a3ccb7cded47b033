import type { Adversary } from "../adversary.js";
import { FileSystem } from "./file-system.js";
import type { Fates } from "./fates.js";
import { applied, blocksOf, changed, newDirectory, newFile, ROOT, sectorsOf, type EntryEffect, type FileEffect, type FileInode, type Inode, type TruncateEffect, type WriteEffect } from "./inode.js";
import { BLOCK_BYTES, CHUNK_BYTES, cutAt, resized, tailSectors, tailZeroed, withSectors, written, type Image } from "./image.js";
import { makeUnreadable } from "./unreadable-sectors.js";

/** What is on the disk after the power was lost. The file system that lost it is not touched. */
export function afterPowerLoss(from: FileSystem, fates: Fates): FileSystem {
  const directories = survivingDirectories(from, fates);
  const inodes = new Map<number, Inode>();
  const reach = (id: number): void => {
    const known = inodes.get(id);
    if (known !== undefined) {
      known.links += 1;
      return;
    }
    const inode = from.inodes.get(id);
    if (inode === undefined) return;
    const entries = inode.kind === "directory" ? (directories.get(id) ?? inode.base) : undefined;
    const reached = entries === undefined ? newFile(id, inode.modifiedAt) : newDirectory(id, inode.modifiedAt, entries);
    reached.links = 1;
    inodes.set(id, reached);
    for (const below of entries?.values() ?? []) reach(below);
  };
  reach(ROOT);
  const vanished: Image[] = [];
  for (const inode of from.inodes.values()) {
    if (inode.kind !== "file") continue;
    const reached = inodes.get(inode.id);
    if (reached?.kind !== "file") {
      vanished.push(inode.view);
      continue;
    }
    const { image, unhealed } = survivingImage(inode, fates, from);
    reached.base = image;
    reached.view = image;
    reached.unreadable = inode.unreadable === undefined ? undefined : new Set(inode.unreadable);
    if (unhealed.length > 0) makeUnreadable(reached, unhealed);
  }
  const to = new FileSystem(from.geometry, { ...counters(from), inodes, entries: [] });
  // Their blocks are free, and hold what was written, if it was.
  for (const image of vanished) to.bury(image);
  return to;
}

/**
 * What is on the disk and in the cache after all processes were killed. Calls that were answered are done; of those that were
 * not, the adversary decides: a change of names happened or not, a write stopped before any of its pages.
 */
export function afterProcessDeath(from: FileSystem, adversary: Adversary): FileSystem {
  const entries = entriesDone(from, adversary);
  const undone = entries.length < from.entries.length;
  const inodes = new Map<number, Inode>();
  for (const inode of from.inodes.values()) {
    if (inode.kind === "file") inodes.set(inode.id, orphaned(inode, from, adversary));
    else inodes.set(inode.id, { ...inode, view: undone ? replayed(inode.id, inode.base, entries) : inode.view });
  }
  const to = new FileSystem(from.geometry, { ...counters(from), inodes, entries });
  to.readOnly = from.readOnly;
  if (undone) countLinks(to);
  return to;
}

function counters(from: FileSystem): Pick<FileSystem, "dead" | "nextInode" | "nextEffect"> {
  return { dead: from.dead, nextInode: from.nextInode, nextEffect: from.nextEffect };
}

function survivingDirectories(from: FileSystem, fates: Fates): ReadonlyMap<number, ReadonlyMap<string, number>> {
  const directories = new Map<number, ReadonlyMap<string, number>>();
  const gone = new Set<number>();
  for (const effect of from.entries) {
    const survives = effect.state === "pinned" || fates.entry(effect);
    if (!survives || (effect.needs !== undefined && gone.has(effect.needs))) {
      gone.add(effect.id);
      continue;
    }
    const directory = from.inodes.get(effect.directory);
    if (directory?.kind !== "directory") continue;
    directories.set(effect.directory, changed(directories.get(effect.directory) ?? directory.base, effect.changes));
  }
  return directories;
}

function survivingImage(inode: FileInode, fates: Fates, { geometry, dead }: FileSystem): { readonly image: Image; readonly unhealed: readonly number[] } {
  if (inode.effects.length === 0) return { image: inode.base, unhealed: [] };
  fates.file();
  const remains = new Remains(inode.base, geometry.sectorBytes);
  for (const effect of inode.effects) {
    if (effect.state === "pinned") remains.all(effect);
    else if (effect.state === "lost") remains.nothing(effect);
    else if (effect.kind === "write") remains.some(effect, fates);
    else remains.cut(effect, fates);
  }
  return { image: remains.filled(fates, dead), unhealed: remains.unhealed };
}

/** A file as power loss leaves it, effect by effect. */
class Remains {
  #image: Image;
  readonly #sectorBytes: number;
  /** Sectors that belong to the file and were never written, with the write that should have. */
  readonly #exposed = new Map<number, WriteEffect>();
  /** Sectors that cannot be read as before, since no write to them is on the disk. */
  readonly #unhealed = new Set<number>();

  constructor(image: Image, sectorBytes: number) {
    this.#image = image;
    this.#sectorBytes = sectorBytes;
  }

  get unhealed(): readonly number[] {
    return [...this.#unhealed];
  }

  /** Nothing of the effect is on the disk. */
  nothing(effect: FileEffect): void {
    if (effect.kind === "write") for (const sector of effect.heals ?? []) this.#unhealed.add(sector);
  }

  all(effect: FileEffect): void {
    if (effect.kind === "write") {
      const { first, count } = sectorsOf(effect, this.#sectorBytes);
      const isNoted = this.#exposed.size > 0 || this.#unhealed.size > 0;
      for (let index = 0; isNoted && index < count; index += 1) this.#onDisk(first + index);
      this.#image = applied(this.#image, effect, this.#sectorBytes);
      return;
    }
    const cut = effect.size < effect.before.size;
    // Data may lie behind the end, of a write whose size did not survive: a cut takes it away as well.
    this.#image = cut ? cutAt(this.#image, effect.size) : resized(this.#image, Math.max(this.#image.size, effect.size));
    for (const sector of this.#exposed.keys()) if (cut && sector * this.#sectorBytes >= effect.size) this.#exposed.delete(sector);
  }

  cut(effect: TruncateEffect, fates: Fates): void {
    const fate = fates.truncate(effect, this.#sectorBytes);
    if (fate === "done") this.all(effect);
    if (typeof fate === "string" || effect.size % BLOCK_BYTES === 0) return;
    const first = Math.floor(effect.size / this.#sectorBytes);
    for (let index = 0; index < tailSectors(effect.size, this.#sectorBytes); index += 1) if (fate.zeroed(index)) this.#exposed.delete(first + index);
    this.#image = tailZeroed(this.#image, effect.size, this.#sectorBytes, fate.zeroed);
  }

  some(effect: WriteEffect, fates: Fates): void {
    const sectors = sectorsOf(effect, this.#sectorBytes);
    const { keep, size } = fates.write(effect, sectors);
    if (keep === "all" && size === effect.end) {
      this.all(effect);
      return;
    }
    const kept = (index: number): boolean => keep === "all" || (keep !== "none" && keep(index));
    this.nothing(effect);
    const blocks = blocksOf(sectors);
    for (let sector = blocks.first; sector < blocks.first + blocks.count; sector += 1) {
      const index = sector - sectors.first;
      const isOwn = index >= 0 && index < sectors.count;
      // What lies around the write in a new block is written with it, as zeros: with the sector of the write that is next to it.
      const isKept = kept(Math.min(Math.max(index, 0), sectors.count - 1));
      if (isKept) {
        if (isOwn) this.#onDisk(sector);
      } else if (isOwn ? this.#isFresh(effect, sector) : this.#isInNewBlock(effect, sector)) this.#exposed.set(sector, effect);
    }
    const chunks = keep === "none" ? this.#image.chunks : withSectors(this.#image.chunks, effect.after, sectors, kept);
    this.#image = { size: Math.max(this.#image.size, size), chunks };
  }

  /** Whether a block was given to a sector for this write, so that it holds whatever the block held before. */
  #isFresh(effect: WriteEffect, sector: number): boolean {
    return lacks(effect.before, sector, this.#sectorBytes) && lacks(this.#image, sector, this.#sectorBytes);
  }

  /** Whether the block in which a sector lies was given to the file for this write. */
  #isInNewBlock(effect: WriteEffect, sector: number): boolean {
    const block = Math.floor((sector * this.#sectorBytes) / BLOCK_BYTES);
    return effect.before.chunks[block] === undefined && this.#image.chunks[block] === undefined;
  }

  #onDisk(sector: number): void {
    this.#exposed.delete(sector);
    this.#unhealed.delete(sector);
  }

  /** The file, where nothing was written filled with what the disk had there. */
  filled(fates: Fates, dead: readonly Image[]): Image {
    const { size } = this.#image;
    const effects = new Set<WriteEffect>();
    for (const [sector, effect] of this.#exposed) if (sector * this.#sectorBytes < size) effects.add(effect);
    let { chunks } = this.#image;
    for (const effect of effects) {
      const fill = fates.fill(effect, dead.length);
      const source = fill === "zeros" ? undefined : fill === "garbage" ? GARBAGE : dead[fill];
      if (source === undefined) continue;
      const sectors = blocksOf(sectorsOf(effect, this.#sectorBytes));
      const shown = (index: number): boolean => this.#exposed.get(sectors.first + index) === effect;
      chunks = withSectors(chunks, repeated(source, Math.ceil(size / CHUNK_BYTES)), sectors, shown);
    }
    return cutAt({ size, chunks }, size);
  }
}

/** Whether an image has nothing in a sector: it lies behind the end, or was never written. */
function lacks(image: Image, sector: number, sectorBytes: number): boolean {
  const start = sector * sectorBytes;
  return start >= image.size || image.chunks[Math.floor(start / CHUNK_BYTES)] === undefined;
}

/** The chunks of a file again and again: a place shows what was at the same place there or, where that is shorter, from its start on. */
function repeated(source: Image, count: number): Image {
  return { size: 0, chunks: Array.from({ length: count }, (_, index) => source.chunks[index % source.chunks.length]) };
}

/** A block of nonsense, without a pattern. */
const GARBAGE: Image = written({ size: 0, chunks: [] }, nonsense(), 0);

function nonsense(): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES);
  for (let at = 0, word = 0x2545f491; at < CHUNK_BYTES; at += 1) {
    // xorshift32 (Marsaglia, 2003).
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    bytes[at] = word;
  }
  return bytes;
}

function replayed(directory: number, base: ReadonlyMap<string, number>, entries: readonly EntryEffect[]): ReadonlyMap<string, number> {
  return entries.reduce((map, effect) => (effect.directory === directory ? changed(map, effect.changes) : map), base);
}

/** The file after its processes have died: not open, not locked. */
function orphaned(inode: FileInode, { geometry }: FileSystem, adversary: Adversary): FileInode {
  const effects = inode.effects.map((effect) => ({ ...effect, inFlight: false }));
  const copy: FileInode = { ...inode, effects, openFiles: 0, lockedBy: undefined, unreadable: inode.unreadable === undefined ? undefined : new Set(inode.unreadable) };
  const last = inode.effects[inode.effects.length - 1];
  // Later effects stand on what it wrote: only the last one can be taken back.
  if (last?.inFlight !== true) return copy;
  const stopped = stoppedAt(last, adversary);
  if (stopped === last) return copy;
  copy.effects.pop();
  if (last.kind === "write") makeUnreadable(copy, last.heals?.filter((sector) => stopped?.kind !== "write" || sector * geometry.sectorBytes >= stopped.end));
  if (stopped !== undefined) copy.effects.push({ ...stopped, inFlight: false });
  copy.view = stopped?.kind === "write" ? stopped.after : last.before;
  return copy;
}

/** What is left of a call in flight: a write that a signal interrupts ends at the border of a page. */
function stoppedAt(effect: FileEffect, adversary: Adversary): FileEffect | undefined {
  const { first, count } = effect.kind === "write" ? sectorsOf(effect, CHUNK_BYTES) : { first: 0, count: 1 };
  const chosen = adversary.choose("call in flight is done", count > 1 ? 3 : 2);
  if (chosen < 2 || effect.kind === "truncate") return chosen === 0 ? undefined : effect;
  const kept = adversary.choose("pages of a killed write", count - 1) + 1;
  const chunks = withSectors(effect.before.chunks, effect.after, { first, count: kept, bytes: CHUNK_BYTES }, undefined);
  const end = (first + kept) * CHUNK_BYTES;
  return { ...effect, end, after: cutAt({ size: 0, chunks }, Math.max(effect.before.size, end)) };
}

/** Names that changed, without those of calls in flight that were not done. A rename is done as a whole. */
function entriesDone(from: FileSystem, adversary: Adversary): EntryEffect[] {
  const undone = new Set<number>();
  const done: EntryEffect[] = [];
  for (const effect of from.entries) {
    const kept = effect.needs === undefined ? !effect.inFlight || adversary.choose("call in flight is done", 2) === 1 : !undone.has(effect.needs);
    if (kept) done.push({ ...effect, inFlight: false });
    else undone.add(effect.id);
  }
  return done;
}

/** Counts the names of everything anew. */
function countLinks(to: FileSystem): void {
  for (const inode of to.inodes.values()) inode.links = inode.id === ROOT ? 1 : 0;
  for (const inode of to.inodes.values()) {
    if (inode.kind !== "directory") continue;
    for (const id of inode.view.values()) {
      const below = to.inodes.get(id);
      if (below !== undefined) below.links += 1;
    }
  }
}
