import type { Clock, FsFileSystem, FsPort } from "@holdfast/storage/ports";
import type { Adversary } from "../adversary.js";
import type { Fault, FaultPlan } from "../fault-plan.js";
import { Calls, type SimStep } from "./calls.js";
import { afterPowerLoss, afterProcessDeath } from "./crash.js";
import { FaultInjector } from "./fault-injector.js";
import { orderedFates, posixFates } from "./fates.js";
import { FileSystem, type Profile } from "./file-system.js";
import { bytesOf } from "./image.js";
import { ROOT, type Inode } from "./inode.js";
import { evict } from "./page-cache.js";
import { decidedFates, pendingEffects, type PendingEffect, type Survival } from "./pending.js";
import { SimProcess } from "./process.js";
import { StatsCounter, type SimStats } from "./stats.js";
import { systemError } from "./system-error.js";
import { Trace, type TracedCall } from "./trace.js";
import type { World } from "./world.js";

/** Options of {@link SimDisk}. */
export interface SimDiskOptions {
  /**
   * What power loss may do to what was not flushed.
   *
   * - `posix`, the weakest: everything survives or not by itself, each sector, size and name.
   * - `ordered`: names, and the sizes of each file, survive as a prefix of their order, and a size only with its data.
   * - `kill`: every call that was answered survives. Power loss is a process's death then.
   */
  readonly profile: Profile;
  /** Decides everything that is left to chance. */
  readonly adversary: Adversary;
  /** What the disk writes as a whole, 512 or 4096 bytes. Default 512. */
  readonly sectorBytes?: 512 | 4096 | undefined;
  /** Bytes for the contents of files, taken in blocks of 4096. Default: no limit. */
  readonly capacityBytes?: number | undefined;
  /** Files and directories, the root not counted. Default: no limit. */
  readonly capacityFiles?: number | undefined;
  /** Open files of one process. Default: no limit. */
  readonly maxOpenFiles?: number | undefined;
  /** Default: none. */
  readonly faults?: FaultPlan | undefined;
  /** For the times of files. Default: one millisecond passes with each call, from 1 January 2000 on. */
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** What {@link FsPort.appendMode} answers. Default `dsync`. */
  readonly appendMode?: "dsync" | "write-then-sync" | undefined;
  /**
   * Whether files can be opened to be written past the cache.
   *
   * - `supported` (default): whole blocks of 4096 bytes can be written so; anything else is EINVAL.
   * - `refusedAtOpen`: opening fails with EINVAL, as on a file system that does not know it. A file that was to be made is there.
   * - `refusedAtWrite`: every write fails with EINVAL, as from memory that does not begin where the device asks for it.
   */
  readonly directWrites?: "supported" | "refusedAtOpen" | "refusedAtWrite" | undefined;
  /** What {@link FsPort.fileSystem} answers. Default: a local file system that does not copy on write. */
  readonly fileSystem?: FsFileSystem | undefined;
  /** A call is answered after 1 to so many turns of the microtask queue, as the adversary likes. Default 1: in the order of calls. */
  readonly maxTurns?: number | undefined;
  /** Keep each call for {@link SimDisk.trace}, and not only the hash over them. Default false. */
  readonly keepTrace?: boolean | undefined;
}

/** Options of {@link SimDisk.crash}. */
export interface CrashOptions {
  /** `process`: all processes are killed, the system goes on. `power`: only what is on the disk is left. */
  readonly kind: "process" | "power";
  /** Decides what survives, and goes on deciding on the new disk. Default: that of the old disk. */
  readonly adversary?: Adversary | undefined;
  /** Decides what survives, and no more, instead of the adversary. */
  readonly chance?: Adversary | undefined;
  /**
   * Says what is left of each effect that is not durable, instead of the adversary. Only for power loss, and any profile: what
   * is said is done, whether or not the profile would.
   */
  readonly survives?: ((effect: PendingEffect) => Survival) | undefined;
}

/**
 * A disk that breaks on command. It begins empty, with a root directory; {@link SimDisk.port} is what programs run on.
 */
export class SimDisk {
  readonly #options: SimDiskOptions;
  readonly #fileSystem: FileSystem;
  readonly #faults: FaultInjector;
  readonly #stats: StatsCounter;
  readonly #trace: Trace;
  readonly #calls: Calls;
  readonly #world: World;

  constructor(options: SimDiskOptions, from?: Origin) {
    this.#options = options;
    const { profile, adversary, sectorBytes = 512, capacityBytes = Infinity, capacityFiles = Infinity } = options;
    this.#fileSystem = from?.fileSystem ?? new FileSystem({ profile, sectorBytes, capacityBytes, capacityFiles });
    this.#faults = from?.faults ?? new FaultInjector(options.faults ?? []);
    this.#stats = from?.stats ?? new StatsCounter();
    this.#trace = from?.trace ?? new Trace(options.keepTrace ?? false);
    this.#calls = new Calls({
      faults: this.#faults,
      trace: this.#trace,
      stats: this.#stats,
      adversary,
      evict: () => {
        this.evict();
      },
      remountReadOnly: () => {
        this.remountReadOnly();
      },
      maxTurns: options.maxTurns ?? 1,
    });
    this.#world = {
      fileSystem: this.#fileSystem,
      calls: this.#calls,
      adversary,
      maxOpenFiles: options.maxOpenFiles ?? Infinity,
      appendMode: options.appendMode ?? "dsync",
      directWrites: options.directWrites ?? "supported",
      type: options.fileSystem ?? LOCAL,
      nowMs: () => options.clock?.now() ?? START_MS + this.#calls.count,
    };
  }

  /** The file system as a new process sees it. */
  port(): FsPort {
    return this.process().port;
  }

  /** A new process, which can be killed alone. */
  process(): SimProcess {
    return new SimProcess(this.#world);
  }

  /**
   * What is left after a crash at this moment, as a new disk. This one goes on as if nothing had happened: its processes are
   * zombies, and nothing they do reaches the new one. Crashes may follow each other, also before a recovery is through.
   *
   * Faults that are left of the plan go on, {@link SimDisk.stats} counts on for both.
   */
  crash(options: CrashOptions): SimDisk {
    const adversary = options.adversary ?? this.#options.adversary;
    const fileSystem = this.#survivors(options, options.chance ?? adversary);
    this.#stats.crashes += 1;
    const trace = new Trace(this.#options.keepTrace ?? false, this.#trace);
    trace.addText(options.kind);
    return new SimDisk({ ...this.#options, adversary }, { fileSystem, faults: this.#faults.copy(), stats: this.#stats, trace });
  }

  get profile(): Profile {
    return this.#options.profile;
  }

  /** Calls that began on this disk. */
  get calls(): number {
    return this.#calls.count;
  }

  /**
   * Tells of each moment of each call, while it happens; the observer may crash the disk, or stop it.
   *
   * @returns A function that ends it.
   */
  observe(observer: (step: SimStep) => void): () => void {
    return this.#calls.observe(observer);
  }

  /** Stops the world: no call is answered any more, and none begins. Who waits, waits for ever, and is forgotten with the disk. */
  stop(): void {
    this.#calls.stop();
  }

  get stopped(): boolean {
    return this.#calls.isStopped();
  }

  /**
   * Stops the world in the call with this number, counted from 1 in the life of this disk.
   *
   * @param phase - `begun` (default): when it is in flight; `called`: before it has done anything; `done`: when it is durable
   * and not yet answered.
   * @returns Resolves when that has happened.
   */
  stopAt(call: number, phase: SimStep["phase"] = "begun"): Promise<void> {
    return new Promise((resolve) => {
      const end = this.observe((step) => {
        if (step.call !== call || step.phase !== phase) return;
        end();
        this.stop();
        resolve();
      });
    });
  }

  addFault(fault: Fault): void {
    this.#faults.add(fault);
  }

  /** No fault of the plan happens any more, and the disk can be written. What was harmed stays so. */
  heal(): void {
    this.#faults.clear();
    this.#fileSystem.readOnly = false;
  }

  /** Writing fails with EROFS from now on, as on a disk that the system has remounted after an error. */
  remountReadOnly(): void {
    this.#fileSystem.readOnly = true;
  }

  /** Clean pages leave the cache: what a failed flush or a lying disk lost is gone from sight. */
  evict(): void {
    const fates = posixFates(this.#options.adversary);
    for (const inode of this.#fileSystem.inodes.values()) if (inode.kind === "file") evict(inode, fates, this.#fileSystem.geometry.sectorBytes);
  }

  /**
   * Changes bytes of a file behind everybody's back, on the disk and in the cache.
   *
   * @throws ENOENT, EISDIR.
   */
  poke(path: string, offset: number, bytes: Uint8Array): void {
    const inode = this.#fileSystem.find(path, "poke");
    if (inode.kind === "directory") throw systemError("EISDIR", "poke", path);
    this.#fileSystem.poke(inode, offset, bytes);
  }

  /** The files that a process would find, by path, in no particular order. */
  files(): ReadonlyMap<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    for (const [path, inode] of this.#tree("", ROOT)) if (inode.kind === "file") files.set(path, bytesOf(inode.view));
    return files;
  }

  /** The paths of the directories that a process would find, the root not among them, in no particular order. */
  directories(): readonly string[] {
    return [...this.#tree("", ROOT)].filter(([, { kind }]) => kind === "directory").map(([path]) => path);
  }

  /** The calls so far, those before the crashes that led here included in the hash; `calls` only with `keepTrace`, and only of this disk. */
  trace(): { readonly hash: string; readonly calls: readonly TracedCall[] } {
    return { hash: this.#trace.hash, calls: this.#trace.calls };
  }

  get stats(): SimStats {
    return this.#stats;
  }

  /** What is not durable: first changes of names, then for each file its writes and truncates, the oldest first. */
  get pending(): readonly PendingEffect[] {
    return pendingEffects(this.#fileSystem);
  }

  *#tree(path: string, id: number): Generator<readonly [path: string, inode: Inode], void, undefined> {
    const inode = this.#fileSystem.inodes.get(id);
    if (inode === undefined) return;
    if (id !== ROOT) yield [path, inode];
    if (inode.kind === "directory") for (const [name, below] of inode.view) yield* this.#tree(`${path}/${name}`, below);
  }

  #survivors({ kind, survives }: CrashOptions, chance: Adversary): FileSystem {
    const { profile } = this.#options;
    if (survives !== undefined && kind === "power") {
      const survivals = new Map(this.pending.map((effect) => [effect.id, survives(effect)]));
      return afterPowerLoss(this.#fileSystem, decidedFates((id) => survivals.get(id) ?? false));
    }
    if (kind === "process" || profile === "kill") return afterProcessDeath(this.#fileSystem, chance);
    return afterPowerLoss(this.#fileSystem, profile === "ordered" ? orderedFates(chance) : posixFates(chance));
  }
}

/** What a disk after a crash begins with. */
interface Origin {
  readonly fileSystem: FileSystem;
  readonly faults: FaultInjector;
  readonly stats: StatsCounter;
  readonly trace: Trace;
}

const LOCAL: FsFileSystem = { type: "sim", localLocks: true, copyOnWrite: false };
const START_MS = 946_684_800_000;
