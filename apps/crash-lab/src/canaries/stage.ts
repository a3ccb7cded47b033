import type { StorageBackend } from "@holdfast/storage";
import type { FsPort, RandomSource } from "@holdfast/storage/ports";
import { mildAdversary, quiet, seededRandom, SimDisk, virtualClock, type Adversary, type Fault, type SimStep, type VirtualClock } from "@holdfast/storage-sim";

import type { Ledger } from "../simulated/ledger.js";
import type { CrashKind, SceneCast } from "./directed-history.js";

/** Where {@link Stage.crashEverywhere} crashes. */
export interface CrashOptions {
  /** Default: both. */
  readonly kinds?: readonly CrashKind[] | undefined;
  /** At which steps. Default: all that change something. */
  readonly at?: ((step: SimStep) => boolean) | undefined;
  /** How often at each of them. Default 1. */
  readonly times?: number | undefined;
  /** Decides what survives. Default: nothing that was not flushed. */
  readonly adversary?: Adversary | undefined;
}

/** Where a stage goes on from: what a crash has left, and what was promised before. */
export interface StageState<L> {
  readonly disk: SimDisk;
  readonly ledger: L;
  readonly processes: number;
}

/**
 * A disk with one store on it, what the store has promised, and what a scene can do to both.
 *
 * @typeParam S - The stage of one store, which extends this class.
 */
export abstract class Stage<L extends Ledger<L>, S> {
  readonly chance: Adversary;
  ledger: L;
  disk: SimDisk;
  clock: VirtualClock = virtualClock();
  protected readonly cast: SceneCast;
  /** Each process draws its random bytes from a seed of its own. */
  #processes: number;

  constructor(cast: SceneCast, from: StageState<L> | L) {
    this.cast = cast;
    this.chance = cast.chance;
    const state = "disk" in from ? from : { disk: new SimDisk({ profile: cast.profile, adversary: mildAdversary }), ledger: from, processes: 0 };
    this.disk = state.disk;
    this.ledger = state.ledger;
    this.#processes = state.processes;
    cast.onDisk(this.disk);
  }

  /** Opens the store in a new process, goes on, and loses power: everything that was promised must be there. */
  abstract check(): Promise<void>;

  /** Another stage of this store. */
  protected abstract another(from: StageState<L>): S;

  /** The storage as a new process opens it. */
  backend(port: FsPort = this.disk.port()): Promise<StorageBackend> {
    return this.cast.modules.storageFs.fsBackend({ root: ROOT, port, clock: this.clock, random: this.random() });
  }

  fault(fault: Fault): void {
    this.disk.addFault(fault);
  }

  /** Lets everything run that can without time passing. */
  settle(): Promise<void> {
    return quiet();
  }

  /** All processes are killed. */
  kill(): void {
    this.#goOn(this.#crash("process"));
  }

  /** Power is lost. By default nothing survives that was not flushed. */
  losePower(adversary?: Adversary): void {
    this.#goOn(this.#crash("power", adversary));
  }

  /** What a crash leaves, with the same promises; this stage goes on as well. */
  fork(kind: CrashKind, adversary?: Adversary): S {
    return this.another(this.#crash(kind, adversary));
  }

  /** Does something, takes what a crash would leave at each step of it, and then does something with each of these. */
  async crashEverywhere(
    { kinds = ["power", "process"], at = (): boolean => true, times = 1, adversary }: CrashOptions,
    action: () => Promise<unknown>,
    then: (left: S) => Promise<void>,
  ): Promise<void> {
    const all: S[] = [];
    const end = this.disk.observe((step) => {
      if (!step.changes || step.phase === "called" || !at(step)) return;
      for (const kind of kinds) for (let count = 0; count < times; count++) all.push(this.fork(kind, adversary));
    });
    await action();
    await quiet();
    end();
    for (const left of all) await then(left);
  }

  protected random(): RandomSource {
    this.#processes += 1;
    return seededRandom(this.#processes);
  }

  #crash(kind: CrashKind, adversary: Adversary = mildAdversary): StageState<L> {
    this.cast.onCrash(kind);
    const disk = this.disk.crash({ kind, adversary });
    // In the profile that only kills, power never fails: what was written is there.
    const ledger = this.ledger.afterCrash(this.cast.profile === "kill" ? "process" : kind);
    return { disk, ledger, processes: this.#processes + 1000 };
  }

  #goOn({ disk, ledger, processes }: StageState<L>): void {
    this.disk = disk;
    this.ledger = ledger;
    this.clock = virtualClock();
    this.#processes = processes;
    this.cast.onDisk(disk);
  }
}

/** The backend's directory on the disk. */
export const ROOT = "/data";
