import type { FsDirectoryEntry, FsFile, FsFileSystem, FsOpenOptions, FsPort, FsStat } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import type { SimOperation } from "../fault-plan.js";
import type { Call } from "./calls.js";
import { SimFile } from "./file.js";
import type { EntryEffect, Inode } from "./inode.js";
import { systemError } from "./system-error.js";
import { statOf, type World } from "./world.js";

/** A process on a simulated disk. */
export class SimProcess {
  /** The file system as this process sees it. Every call settles in a later microtask. */
  readonly port: FsPort;
  readonly #files = new Set<SimFile>();
  readonly #world: World;
  #killed = false;

  constructor(world: World) {
    this.#world = world;
    this.port = new SimPort(world, this);
  }

  /** Whether it was killed. */
  readonly isKilled = (): boolean => this.#killed;

  /**
   * SIGKILL for this process alone: its calls are not answered any more, its files are closed and its locks are free, and what
   * it has written is there. The disk goes on.
   */
  kill(): void {
    this.#killed = true;
    for (const file of [...this.#files]) file.letGo();
  }

  opened(file: SimFile): void {
    this.#files.add(file);
  }

  /** @throws EMFILE if the process may not open another file. */
  refuseTooMany(path: string): void {
    if (this.#files.size >= this.#world.maxOpenFiles) throw systemError("EMFILE", "open", path);
  }

  closed(file: SimFile): void {
    this.#files.delete(file);
  }
}

class SimPort implements FsPort {
  readonly name = "sim";
  readonly #world: World;
  readonly #process: SimProcess;

  constructor(world: World, process: SimProcess) {
    this.#world = world;
    this.#process = process;
  }

  appendMode(): "dsync" | "write-then-sync" {
    return this.#world.appendMode;
  }

  open(path: string, options: FsOpenOptions): Promise<FsFile> {
    let file: SimFile | undefined;
    let created: EntryEffect | undefined;
    return this.#run<FsFile>({
      operation: "open",
      path,
      begin: () => {
        const { inode, effect } = this.#open(path, options);
        if (options.direct === true && this.#world.directWrites === "refusedAtOpen") {
          // Linux asks the file system when the name is there already.
          if (effect !== undefined) effect.inFlight = false;
          throw systemError("EINVAL", "open", path);
        }
        created = effect;
        file = new SimFile(this.#world, this.#process, path, inode, options);
        this.#process.opened(file);
        return file;
      },
      end: (fault) => {
        if (created !== undefined) created.inFlight = false;
        // Nobody gets the descriptor.
        if (fault?.kind === "failAfter") file?.letGo();
      },
    });
  }

  mkdir(path: string): Promise<void> {
    return this.#change("mkdir", path, () => this.#world.fileSystem.mkdir(path, this.#world.nowMs()));
  }

  link(from: string, to: string): Promise<void> {
    return this.#change("link", from, () => this.#world.fileSystem.link(from, to, this.#world.nowMs()), to);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change("rename", from, () => this.#world.fileSystem.rename(from, to, this.#world.nowMs()), to);
  }

  unlink(path: string): Promise<void> {
    return this.#change("unlink", path, () => this.#world.fileSystem.unlink(path, this.#world.nowMs()));
  }

  readdir(path: string): Promise<readonly FsDirectoryEntry[]> {
    return this.#run<readonly FsDirectoryEntry[]>({
      operation: "readdir",
      path,
      begin: (fault) => {
        const { fileSystem, adversary } = this.#world;
        const entries: FsDirectoryEntry[] = [];
        for (const [name, id] of fileSystem.findDirectory(path, "readdir").view) {
          const inode = fileSystem.inodes.get(id);
          if (inode !== undefined) entries.push({ name, kind: inode.kind });
        }
        return fault?.kind === "shuffle" ? shuffled(entries, adversary) : entries;
      },
    });
  }

  lstat(path: string): Promise<FsStat> {
    return this.#run({ operation: "lstat", path, begin: () => statOf(this.#world.fileSystem.find(path, "lstat")) });
  }

  realpath(path: string): Promise<string> {
    return this.#run({
      operation: "realpath",
      path,
      begin: () => {
        this.#world.fileSystem.find(path, "realpath");
        return `/${path.split("/").filter((name) => name !== "").join("/")}`;
      },
    });
  }

  syncDirectory(path: string): Promise<void> {
    const { fileSystem } = this.#world;
    let directory: Inode | undefined;
    let mark = 0;
    return this.#run<undefined>({
      operation: "syncDirectory",
      path,
      begin: () => {
        directory = fileSystem.findDirectory(path, "open");
        mark = fileSystem.mark;
      },
      end: (fault) => {
        if (directory !== undefined && fault?.kind !== "lie") fileSystem.flushEntries(directory, mark, fault?.kind === "drop" ? "dropped" : "pinned");
      },
    });
  }

  fileSystem(path: string): Promise<FsFileSystem> {
    return this.#run({
      operation: "fileSystem",
      path,
      begin: () => {
        this.#world.fileSystem.find(path, "statfs");
        return this.#world.type;
      },
    });
  }

  #open(path: string, { mode, dsync }: FsOpenOptions): { readonly inode: Inode; readonly effect: EntryEffect | undefined } {
    const { fileSystem, appendMode } = this.#world;
    if (dsync === true && appendMode !== "dsync") throw systemError("ENOTSUP", "open", path);
    this.#process.refuseTooMany(path);
    if (mode === "create" || (mode === "lock" && !fileSystem.has(path))) return fileSystem.createFile(path, this.#world.nowMs());
    const inode = fileSystem.find(path, "open");
    if (mode !== "read" && inode.kind === "directory") throw systemError("EISDIR", "open", path);
    if (mode !== "read" && fileSystem.readOnly) throw systemError("EROFS", "open", path);
    return { inode, effect: undefined };
  }

  #change(operation: SimOperation, path: string, begin: () => readonly EntryEffect[], other?: string): Promise<void> {
    let effects: readonly EntryEffect[] = [];
    return this.#run<undefined>({
      operation,
      path,
      ...(other === undefined ? {} : { other }),
      begin: () => {
        effects = begin();
      },
      end: () => {
        for (const effect of effects) effect.inFlight = false;
      },
    });
  }

  #run<T>(call: Call<T>): Promise<T> {
    return this.#world.calls.run(call, this.#process.isKilled);
  }
}

/** In another order. Every one is possible. */
function shuffled(entries: readonly FsDirectoryEntry[], adversary: Adversary): readonly FsDirectoryEntry[] {
  const left = [...entries];
  const result: FsDirectoryEntry[] = [];
  while (left.length > 0) result.push(...left.splice(adversary.choose("next entry", left.length), 1));
  return result;
}

