import { BLOCK_BYTES, EMPTY, resized, withSectors, type Image } from "./image.js";
import { makeUnreadable } from "./unreadable-sectors.js";

/**
 * What became of an effect that is visible and was not durable when it was made.
 *
 * - `open`: nobody knows. A flush pins it; power loss leaves it, or parts of it, or not.
 * - `pinned`: durable. It stays in the list only while something before it is not.
 * - `dropped`: a flush failed. As `open`, but no flush will pin it any more.
 * - `lost`: the disk has thrown it away. Only the cache shows it.
 */
export type EffectState = "open" | "pinned" | "dropped" | "lost";

/** A write to a file. `before` and `after` are the whole file as processes see it; the write is of the sectors it touches. */
export interface WriteEffect {
  readonly kind: "write";
  readonly id: number;
  state: EffectState;
  /** The call has not been answered. */
  inFlight: boolean;
  readonly offset: number;
  readonly end: number;
  readonly before: Image;
  readonly after: Image;
  /** Sectors that could not be read before, and can while the cache has this write, or once it is on the disk. */
  readonly heals: readonly number[] | undefined;
  /** It has failed past the cache: what is seen of it is what the disk has. */
  readonly uncached: boolean;
}

/** A change of a file's size by truncate. */
export interface TruncateEffect {
  readonly kind: "truncate";
  readonly id: number;
  state: EffectState;
  inFlight: boolean;
  readonly size: number;
  readonly before: Image;
}

/** An effect on one file. */
export type FileEffect = WriteEffect | TruncateEffect;

/** Names of one directory that changed together. */
export interface EntryEffect {
  readonly kind: "entry";
  readonly id: number;
  state: EffectState;
  inFlight: boolean;
  readonly directory: number;
  /** Name and inode; `undefined`: the name is gone. */
  readonly changes: readonly (readonly [name: string, inode: number | undefined])[];
  /** The id of another effect without which this one does not survive: a rename never leaves a file without a name. */
  readonly needs: number | undefined;
}

/** A file. What processes see is `view`; what is durable is `base` with the effects, in their order, that survive. */
export interface FileInode {
  readonly kind: "file";
  readonly id: number;
  base: Image;
  view: Image;
  effects: FileEffect[];
  /** Names in the directories that processes see. */
  links: number;
  openFiles: number;
  /** The open file that holds the lock. */
  lockedBy: object | undefined;
  /** Sectors that cannot be read. What the cache has of them is not among them. */
  unreadable: Set<number> | undefined;
  modifiedAt: number;
}

/** A directory. Maps are never changed, only replaced. */
export interface DirectoryInode {
  readonly kind: "directory";
  readonly id: number;
  base: ReadonlyMap<string, number>;
  view: ReadonlyMap<string, number>;
  links: number;
  modifiedAt: number;
}

/** What a name stands for. */
export type Inode = FileInode | DirectoryInode;

/** The id of the inode of `/`. */
export const ROOT = 1;

/** A new file without a name. */
export function newFile(id: number, modifiedAt: number, image: Image = EMPTY): FileInode {
  return {
    kind: "file",
    id,
    base: image,
    view: image,
    effects: [],
    links: 0,
    openFiles: 0,
    lockedBy: undefined,
    unreadable: undefined,
    modifiedAt,
  };
}

/** A new directory without a name. */
export function newDirectory(id: number, modifiedAt: number, entries: ReadonlyMap<string, number> = new Map()): DirectoryInode {
  return { kind: "directory", id, base: entries, view: entries, links: 0, modifiedAt };
}

/** Sectors of a file that follow each other. */
export interface Sectors {
  /** The first one, counted from the start of the file. */
  readonly first: number;
  readonly count: number;
  /** Size of each: 512 or 4096. */
  readonly bytes: number;
}

/** The sectors that a write touches. A disk writes whole ones, with what the cache holds around the bytes. */
export function sectorsOf(effect: WriteEffect, bytes: number): Sectors {
  const first = Math.floor(effect.offset / bytes);
  return { first, count: Math.ceil(effect.end / bytes) - first, bytes };
}

/** The sectors of all blocks that a write touches. */
export function blocksOf({ first, count, bytes }: Sectors): Sectors {
  const each = Math.max(1, BLOCK_BYTES / bytes);
  const start = first - (first % each);
  return { first: start, count: Math.ceil((first + count) / each) * each - start, bytes };
}

/** The image with all of an effect. */
export function applied(image: Image, effect: FileEffect, sectorBytes: number): Image {
  if (effect.kind === "truncate") return resized(image, effect.size);
  if (image === effect.before) return effect.after;
  const chunks = withSectors(image.chunks, effect.after, sectorsOf(effect, sectorBytes), undefined);
  return { size: Math.max(image.size, effect.end), chunks };
}

/** The map with changes made to it. */
export function changed(entries: ReadonlyMap<string, number>, changes: EntryEffect["changes"]): ReadonlyMap<string, number> {
  const result = new Map(entries);
  for (const [name, inode] of changes) {
    if (inode === undefined) result.delete(name);
    else result.set(name, inode);
  }
  return result;
}

/** Puts what is pinned, and has nothing uncertain before it, into the base. */
export function settle(inode: FileInode, sectorBytes: number): void {
  let done = 0;
  for (const effect of inode.effects) {
    if (effect.state !== "pinned" && effect.state !== "lost") break;
    if (effect.state === "lost" && effect.kind === "write") makeUnreadable(inode, effect.heals);
    if (effect.state === "pinned") inode.base = applied(inode.base, effect, sectorBytes);
    done += 1;
  }
  if (done > 0) inode.effects = inode.effects.slice(done);
}
