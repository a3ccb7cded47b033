import { allocatedBytes, CHUNK_BYTES, cutAt, resized, written, type Image } from "./image.js";
import {
  changed,
  newDirectory,
  newFile,
  ROOT,
  settle,
  type DirectoryInode,
  type EntryEffect,
  type FileEffect,
  type FileInode,
  type Inode,
  type TruncateEffect,
  type WriteEffect,
} from "./inode.js";
import { findIn, inodeIn, isWithin, placeOf } from "./path-lookup.js";
import { systemError } from "./system-error.js";
import { heal } from "./unreadable-sectors.js";

/** How much a disk may forget and reorder; see {@link SimDiskOptions.profile}. */
export type Profile = "posix" | "ordered" | "kill";

/** What stays the same in the life of a disk, crashes included. */
export interface Geometry {
  readonly profile: Profile;
  readonly sectorBytes: number;
  readonly capacityBytes: number;
  readonly capacityFiles: number;
}

/**
 * What is on a disk and in the cache above it. Every call is done at once and answers or throws a system error; when it becomes
 * durable is up to the caller, who pins, drops or loses the effects.
 */
export class FileSystem {
  readonly geometry: Geometry;
  readonly inodes: Map<number, Inode>;
  /** Changes of directories that are not durable, in their order. */
  entries: EntryEffect[];
  /** What removed files held: a disk may show it where something new was not written. The newest come last. */
  dead: readonly Image[];
  readOnly = false;
  nextInode: number;
  nextEffect: number;
  #hasGone = false;

  constructor(geometry: Geometry, from?: Pick<FileSystem, "inodes" | "entries" | "dead" | "nextInode" | "nextEffect">) {
    this.geometry = geometry;
    this.inodes = from?.inodes ?? new Map([[ROOT, { ...newDirectory(ROOT, 0), links: 1 }]]);
    this.entries = from?.entries ?? [];
    this.dead = from?.dead ?? [];
    this.nextInode = from?.nextInode ?? ROOT + 1;
    this.nextEffect = from?.nextEffect ?? 1;
    this.#hasGone = from !== undefined;
  }

  /** @throws ENOENT, ENOTDIR, ENAMETOOLONG. */
  find(path: string, operation: string): Inode {
    const { directory, name } = placeOf(this.inodes, path, operation);
    if (name === "") return directory;
    return inodeIn(this.inodes, directory, name, operation, path);
  }

  findDirectory(path: string, operation: string): DirectoryInode {
    const inode = this.find(path, operation);
    if (inode.kind === "file") throw systemError("ENOTDIR", operation, path);
    return inode;
  }

  has(path: string): boolean {
    const { directory, name } = placeOf(this.inodes, path, "open");
    return name === "" || findIn(this.inodes, directory, name, "open", path) !== undefined;
  }

  createFile(path: string, nowMs: number): { readonly inode: FileInode; readonly effect: EntryEffect } {
    const { directory, name } = placeOf(this.inodes, path, "open");
    this.#refuseTaken(directory, name, "open", path);
    this.#refuseReadOnly("open", path);
    this.#refuseFullOfFiles("open", path);
    const inode = newFile(this.#newInode(), nowMs);
    this.inodes.set(inode.id, inode);
    return { inode, effect: this.#change(directory, [[name, inode.id]], nowMs) };
  }

  mkdir(path: string, nowMs: number): readonly EntryEffect[] {
    const { directory, name } = placeOf(this.inodes, path, "mkdir");
    this.#refuseTaken(directory, name, "mkdir", path);
    this.#refuseReadOnly("mkdir", path);
    this.#refuseFullOfFiles("mkdir", path);
    const inode = newDirectory(this.#newInode(), nowMs);
    this.inodes.set(inode.id, inode);
    return [this.#change(directory, [[name, inode.id]], nowMs)];
  }

  link(from: string, to: string, nowMs: number): readonly EntryEffect[] {
    const inode = this.find(from, "link");
    const { directory, name } = placeOf(this.inodes, to, "link");
    this.#refuseTaken(directory, name, "link", to);
    if (inode.kind === "directory") throw systemError("EPERM", "link", from);
    this.#refuseReadOnly("link", to);
    return [this.#change(directory, [[name, inode.id]], nowMs)];
  }

  unlink(path: string, nowMs: number): readonly EntryEffect[] {
    const inode = this.find(path, "unlink");
    if (inode.kind === "directory") throw systemError("EISDIR", "unlink", path);
    this.#refuseReadOnly("unlink", path);
    const { directory, name } = placeOf(this.inodes, path, "unlink");
    return [this.#change(directory, [[name, undefined]], nowMs)];
  }

  /** The order of checks is Linux's: both directories, the old name, the new name, loops, kinds. */
  rename(from: string, to: string, nowMs: number): readonly EntryEffect[] {
    const source = placeOf(this.inodes, from, "rename");
    const target = placeOf(this.inodes, to, "rename");
    if (source.name === "" || target.name === "") throw systemError("EBUSY", "rename", from);
    const inode = inodeIn(this.inodes, source.directory, source.name, "rename", from);
    const replaced = findIn(this.inodes, target.directory, target.name, "rename", to);
    this.#refuseReadOnly("rename", from);
    if (inode.kind === "directory" && isWithin(this.inodes, target.directory, inode)) throw systemError("EINVAL", "rename", from);
    if (replaced?.kind === "directory" && isWithin(this.inodes, source.directory, replaced)) throw systemError("ENOTEMPTY", "rename", to);
    if (replaced === inode) return [];
    if (replaced !== undefined) refuseReplacing(inode, replaced, from);
    if (source.directory === target.directory) {
      return [this.#change(source.directory, [[source.name, undefined], [target.name, inode.id]], nowMs)];
    }
    const given = this.#change(target.directory, [[target.name, inode.id]], nowMs);
    return [given, this.#change(source.directory, [[source.name, undefined]], nowMs, given.id)];
  }

  /** Writes as many of the bytes as there is room for. @throws ENOSPC if there is none for the first; EROFS; EFBIG. */
  write(inode: FileInode, bytes: Uint8Array, offset: number, path: string, nowMs: number): WriteEffect {
    this.#refuseReadOnly("write", path);
    const room = this.#room(inode, offset, bytes.byteLength);
    if (room === 0) throw systemError("ENOSPC", "write", path);
    const heals = heal(inode, offset, offset + room, this.geometry.sectorBytes, path);
    const before = inode.view;
    const after = written(before, room < bytes.byteLength ? bytes.subarray(0, room) : bytes, offset);
    const effect: WriteEffect = {
      kind: "write",
      id: this.#newEffect(),
      state: "open",
      inFlight: true,
      offset,
      end: offset + room,
      before,
      after,
      heals,
      uncached: false,
    };
    inode.effects.push(effect);
    inode.view = after;
    inode.modifiedAt = nowMs;
    return effect;
  }

  truncate(inode: FileInode, size: number, path: string, nowMs: number): TruncateEffect {
    this.#refuseReadOnly("truncate", path);
    const before = inode.view;
    const effect: TruncateEffect = { kind: "truncate", id: this.#newEffect(), state: "open", inFlight: true, size, before };
    if (size < before.size) this.bury(before);
    inode.effects.push(effect);
    inode.view = resized(before, size);
    inode.modifiedAt = nowMs;
    return effect;
  }

  /** The bytes are on the disk at another place, and not where they belong. Only the cache shows them there. */
  misdirect(inode: FileInode, effect: WriteEffect, offset: number): WriteEffect {
    const bytes = cutAt(effect.after, effect.end);
    const moved = new Uint8Array(effect.end - effect.offset);
    for (let at = 0; at < moved.byteLength; at += 1) {
      const from = effect.offset + at;
      moved[at] = bytes.chunks[Math.floor(from / CHUNK_BYTES)]?.[from % CHUNK_BYTES] ?? 0;
    }
    effect.state = "lost";
    const elsewhere: WriteEffect = {
      kind: "write",
      id: this.#newEffect(),
      state: "open",
      inFlight: false,
      offset,
      end: offset + moved.byteLength,
      before: effect.before,
      after: written(effect.before, moved, offset),
      heals: undefined,
      uncached: false,
    };
    inode.effects.push(elsewhere);
    return elsewhere;
  }

  /** Changes bytes on the disk and in the cache, behind everybody's back. The rest of their sectors becomes durable with them. */
  poke(inode: FileInode, offset: number, bytes: Uint8Array): void {
    const before = inode.view;
    const after = written(before, bytes, offset);
    inode.effects.push({ kind: "write", id: this.#newEffect(), state: "pinned", inFlight: false, offset, end: offset + bytes.byteLength, before, after, heals: undefined, uncached: false });
    inode.view = after;
    settle(inode, this.geometry.sectorBytes);
  }

  /** Ids of effects that are there now are below this one. */
  get mark(): number {
    return this.nextEffect;
  }

  /** One effect of a file is durable. */
  pin(inode: FileInode, effect: FileEffect): void {
    if (effect.state === "open") effect.state = "pinned";
    settle(inode, this.geometry.sectorBytes);
  }

  /** What a flush of a file found below `mark` is durable, or was dropped. */
  flushFile(inode: FileInode, mark: number, state: "pinned" | "dropped"): void {
    for (const effect of inode.effects) if (effect.id < mark && effect.state === "open") effect.state = state;
    settle(inode, this.geometry.sectorBytes);
  }

  /** What a flush of a directory found below `mark` is durable, or was dropped. */
  flushEntries(inode: Inode, mark: number, state: "pinned" | "dropped"): void {
    if (this.entries.length === 0) return;
    const concerns = (it: EntryEffect): boolean => it.directory === inode.id || it.changes.some(([, id]) => id === inode.id);
    const last = this.geometry.profile === "ordered" ? this.entries.findLast((it) => it.id < mark && concerns(it)) : undefined;
    for (const effect of this.entries) {
      if (effect.id >= mark || effect.state !== "open") continue;
      if (effect.directory !== inode.id && (last === undefined || effect.id > last.id)) continue;
      effect.state = state;
      // The old name is gone for good only where the new one is there for good.
      const needed = this.entries.find(({ id }) => id === effect.needs);
      if (needed?.state === "open") needed.state = state;
    }
    this.#settleEntries();
  }

  /** A file was closed. */
  closed(inode: FileInode): void {
    inode.openFiles -= 1;
    if (isGone(inode)) this.#gone(inode);
  }

  /** Remembers the bytes of a file that is gone. */
  bury(image: Image): void {
    if (image.chunks.some((chunk) => chunk !== undefined)) this.dead = [...this.dead.slice(1 - MAX_DEAD), image];
  }

  #change(directory: DirectoryInode, changes: EntryEffect["changes"], nowMs: number, needs?: number): EntryEffect {
    const effect: EntryEffect = { kind: "entry", id: this.#newEffect(), state: "open", inFlight: true, directory: directory.id, changes, needs };
    const gone = changes.map(([name]) => this.inodes.get(directory.view.get(name) ?? 0));
    directory.view = changed(directory.view, changes);
    directory.modifiedAt = nowMs;
    for (const [, id] of changes) {
      const inode = id === undefined ? undefined : this.inodes.get(id);
      if (inode !== undefined) inode.links += 1;
    }
    this.entries.push(effect);
    for (const inode of gone) {
      if (inode === undefined) continue;
      inode.links -= 1;
      if (isGone(inode)) this.#gone(inode);
    }
    return effect;
  }

  #settleEntries(): void {
    let done = 0;
    for (const effect of this.entries) {
      if (effect.state !== "pinned") break;
      const directory = this.inodes.get(effect.directory);
      if (directory?.kind === "directory") directory.base = changed(directory.base, effect.changes);
      done += 1;
    }
    if (done > 0) this.entries = this.entries.slice(done);
    this.#sweep();
  }

  /** No process can reach it any more. It may come back while its last name may. */
  #gone(inode: Inode): void {
    this.#hasGone = true;
    if (inode.kind === "file") this.bury(inode.view);
    this.#sweep();
  }

  #sweep(): void {
    if (!this.#hasGone || this.entries.length > 0) return;
    for (const inode of this.inodes.values()) if (isGone(inode)) this.inodes.delete(inode.id);
    this.#hasGone = false;
  }

  /** How many bytes of a write fit. */
  #room(inode: FileInode, offset: number, length: number): number {
    if (this.geometry.capacityBytes === Infinity || length === 0) return length || 1;
    let free = this.geometry.capacityBytes;
    for (const it of this.inodes.values()) if (it.kind === "file" && !isGone(it)) free -= allocatedBytes(it.view);
    let end = offset;
    while (end < offset + length) {
      const index = Math.floor(end / CHUNK_BYTES);
      if (inode.view.chunks[index] === undefined) free -= CHUNK_BYTES;
      if (free < 0) break;
      end = Math.min(offset + length, (index + 1) * CHUNK_BYTES);
    }
    return end - offset;
  }

  #refuseTaken(directory: DirectoryInode, name: string, operation: string, path: string): void {
    if (name === "" || findIn(this.inodes, directory, name, operation, path) !== undefined) throw systemError("EEXIST", operation, path);
  }

  #refuseReadOnly(operation: string, path: string): void {
    if (this.readOnly) throw systemError("EROFS", operation, path);
  }

  #refuseFullOfFiles(operation: string, path: string): void {
    if (this.geometry.capacityFiles === Infinity) return;
    let count = 0;
    for (const inode of this.inodes.values()) if (!isGone(inode)) count += 1;
    // The root does not count.
    if (count > this.geometry.capacityFiles) throw systemError("ENOSPC", operation, path);
  }

  #newInode(): number {
    this.nextInode += 1;
    return this.nextInode - 1;
  }

  #newEffect(): number {
    this.nextEffect += 1;
    return this.nextEffect - 1;
  }
}

/** How many removed files are remembered. */
const MAX_DEAD = 4;

/** Whether it has no name that a process sees, and none has it open. */
function isGone(inode: Inode): boolean {
  return inode.links === 0 && (inode.kind === "directory" || inode.openFiles === 0);
}

function refuseReplacing(inode: Inode, replaced: Inode, path: string): void {
  if (replaced.kind === "directory" && inode.kind === "file") throw systemError("EISDIR", "rename", path);
  if (replaced.kind === "file" && inode.kind === "directory") throw systemError("ENOTDIR", "rename", path);
  if (replaced.kind === "directory" && replaced.view.size > 0) throw systemError("ENOTEMPTY", "rename", path);
}
