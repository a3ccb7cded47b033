import type { FsFile, FsOpenOptions, FsStat } from "@holdfast/storage/ports";
import { DEFAULT_CODE, type Fault } from "../fault-plan.js";
import type { Call } from "./calls.js";
import { damage } from "./damage.js";
import { posixFates } from "./fates.js";
import { BLOCK_BYTES, readFrom } from "./image.js";
import type { FileInode, Inode, TruncateEffect, WriteEffect } from "./inode.js";
import { uncache } from "./page-cache.js";
import { systemError } from "./system-error.js";
import { refuseUnreadable } from "./unreadable-sectors.js";
import { statOf, type World } from "./world.js";

/** The process that has a file open. */
export interface FileOwner {
  closed(file: SimFile): void;
  readonly isKilled: () => boolean;
}

/** An open file of a process. */
export class SimFile implements FsFile {
  readonly #world: World;
  readonly #process: FileOwner;
  readonly #path: string;
  readonly #inode: Inode;
  readonly #writable: boolean;
  readonly #dsync: boolean;
  /** Writes pass the cache. */
  readonly #direct: boolean;
  #closed = false;

  constructor(world: World, process: FileOwner, path: string, inode: Inode, options: FsOpenOptions) {
    this.#world = world;
    this.#process = process;
    this.#path = path;
    this.#inode = inode;
    this.#writable = options.mode !== "read";
    this.#dsync = options.dsync === true;
    this.#direct = options.direct === true;
    if (inode.kind === "file") inode.openFiles += 1;
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.#run({
      operation: "read",
      path: this.#path,
      numbers: [length, position],
      begin: (fault) => {
        const inode = this.#file("read", "EISDIR");
        const end = Math.min(inode.view.size, position + length);
        const asked = Math.max(0, end - position);
        const wanted = fault?.kind === "short" && asked > 1 ? 1 + this.#world.adversary.choose("short read", asked - 1) : asked;
        if (fault !== undefined && wanted > 0) damage(this.#world.fileSystem, inode, fault, position, wanted, this.#world.adversary);
        refuseUnreadable(inode, position, wanted, this.#world.fileSystem.geometry.sectorBytes, this.#path);
        const from = fault?.kind === "misdirect" ? this.#elsewhere(inode, position, "misdirected read") : position;
        const count = readFrom(inode.view, buffer, offset, wanted, from);
        if (count < wanted) buffer.fill(0, offset + count, offset + wanted);
        if (fault?.kind === "flip" && wanted > 0) flipBit(buffer, offset, wanted, this.#world.adversary.choose("flipped bit", wanted * 8));
        return wanted;
      },
    });
  }

  write(bytes: Uint8Array, position: number): Promise<number> {
    let effect: WriteEffect | undefined;
    let elsewhere: WriteEffect | undefined;
    return this.#run({
      operation: this.#dsync ? "dsyncWrite" : "write",
      path: this.#path,
      numbers: [bytes.byteLength, position],
      begin: (fault) => {
        const inode = this.#writableFile("write", "EBADF");
        if (bytes.byteLength === 0) return 0;
        if (this.#direct) this.#refuseDirect(bytes, position);
        const part = bytes.subarray(0, this.#writtenBytes(bytes.byteLength, fault));
        if (part.byteLength > 0) effect = this.#world.fileSystem.write(inode, part, position, this.#path, this.#world.nowMs());
        if (fault?.kind === "failPartly") {
          if (effect !== undefined) effect.inFlight = false;
          throw systemError(fault.code ?? DEFAULT_CODE, "write", this.#path);
        }
        if (effect === undefined) return 0;
        if (fault?.kind === "lost") effect.state = "lost";
        if (fault?.kind === "misdirect") elsewhere = this.#world.fileSystem.misdirect(inode, effect, this.#elsewhere(inode, position, "misdirected write"));
        return effect.end - effect.offset;
      },
      end: (fault) => {
        if (effect === undefined || this.#inode.kind !== "file") return;
        effect.inFlight = false;
        if (fault?.kind === "drop") effect.state = "dropped";
        else if (this.#dsync && fault?.kind !== "lie") this.#world.fileSystem.pin(this.#inode, elsewhere ?? effect);
        const isAmiss = effect.state === "dropped" || effect.state === "lost";
        if (this.#direct && isAmiss) uncache(this.#inode, effect, posixFates(this.#world.adversary), this.#world.fileSystem.geometry.sectorBytes);
      },
    });
  }

  sync(): Promise<void> {
    return this.#flush("sync");
  }

  datasync(): Promise<void> {
    return this.#flush("datasync");
  }

  truncate(size: number): Promise<void> {
    let effect: TruncateEffect | undefined;
    return this.#run<undefined>({
      operation: "truncate",
      path: this.#path,
      numbers: [size, 0],
      begin: () => {
        effect = this.#world.fileSystem.truncate(this.#writableFile("ftruncate", "EINVAL"), size, this.#path, this.#world.nowMs());
      },
      end: () => {
        if (effect !== undefined) effect.inFlight = false;
      },
    });
  }

  stat(): Promise<FsStat> {
    return this.#run({
      operation: "stat",
      path: this.#path,
      begin: () => {
        this.#refuseClosed("fstat");
        return statOf(this.#inode);
      },
    });
  }

  tryLock(): Promise<boolean> {
    return this.#run({
      operation: "tryLock",
      path: this.#path,
      begin: () => {
        const inode = this.#writableFile("lock", "EBADF");
        if (inode.lockedBy !== undefined && inode.lockedBy !== this) return false;
        inode.lockedBy = this;
        return true;
      },
    });
  }

  unlock(): Promise<void> {
    return this.#run({
      operation: "unlock",
      path: this.#path,
      begin: () => {
        this.#refuseClosed("unlock");
        this.#freeLock();
      },
    });
  }

  close(): Promise<void> {
    return this.#run({
      operation: "close",
      path: this.#path,
      begin: () => {
        this.#refuseClosed("close");
        this.letGo();
      },
    });
  }

  /** Closes it at once, as the end of its process does. */
  letGo(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#process.closed(this);
    this.#freeLock();
    if (this.#inode.kind === "file") this.#world.fileSystem.closed(this.#inode);
  }

  #freeLock(): void {
    if (this.#inode.kind === "file" && this.#inode.lockedBy === this) this.#inode.lockedBy = undefined;
  }

  #flush(operation: "sync" | "datasync"): Promise<void> {
    const { fileSystem } = this.#world;
    let mark = 0;
    return this.#run<undefined>({
      operation,
      path: this.#path,
      begin: () => {
        this.#refuseClosed(operation);
        mark = fileSystem.mark;
      },
      end: (fault) => {
        if (fault?.kind === "lie") return;
        const state = fault?.kind === "drop" ? "dropped" : "pinned";
        if (this.#inode.kind === "file") fileSystem.flushFile(this.#inode, mark, state);
        if (operation === "sync") fileSystem.flushEntries(this.#inode, mark, state);
      },
    });
  }

  /** How many bytes of a write get through: whole sectors of one that passes the cache. */
  #writtenBytes(length: number, fault: Fault | undefined): number {
    const each = this.#direct ? this.#world.fileSystem.geometry.sectorBytes : 1;
    const count = length / each;
    if (fault?.kind === "short" && count > 1) return each * (1 + this.#world.adversary.choose("short write", count - 1));
    if (fault?.kind === "failPartly") return each * this.#world.adversary.choose("bytes of a failed write", count);
    return length;
  }

  /** Where memory begins cannot be seen here: whoever uses such memory writes on a disk that refuses all of them. */
  #refuseDirect(bytes: Uint8Array, position: number): void {
    const isWhole = position % BLOCK_BYTES === 0 && bytes.byteLength % BLOCK_BYTES === 0;
    if (!isWhole || this.#world.directWrites === "refusedAtWrite") throw systemError("EINVAL", "write", this.#path);
  }

  /** Another place of the file where a sector begins, or the end of the file if there is none. */
  #elsewhere(inode: FileInode, position: number, label: string): number {
    const { sectorBytes } = this.#world.fileSystem.geometry;
    const own = Math.floor(position / sectorBytes);
    const count = Math.max(2, Math.ceil(inode.view.size / sectorBytes));
    const chosen = this.#world.adversary.choose(label, count - 1);
    return (chosen < own ? chosen : chosen + 1) * sectorBytes + (position % sectorBytes);
  }

  #writableFile(operation: string, code: string): FileInode {
    this.#refuseClosed(operation);
    if (!this.#writable) throw systemError(code, operation, this.#path);
    return this.#file(operation, code);
  }

  #file(operation: string, code: string): FileInode {
    this.#refuseClosed(operation);
    if (this.#inode.kind !== "file") throw systemError(code, operation, this.#path);
    return this.#inode;
  }

  #refuseClosed(operation: string): void {
    if (this.#closed) throw systemError("EBADF", operation, this.#path);
  }

  #run<T>(call: Call<T>): Promise<T> {
    return this.#world.calls.run(call, this.#process.isKilled);
  }
}

function flipBit(buffer: Uint8Array, offset: number, length: number, bit: number): void {
  const at = offset + Math.min(length - 1, Math.floor(bit / 8));
  buffer[at] = (buffer[at] ?? 0) ^ (1 << bit % 8);
}
