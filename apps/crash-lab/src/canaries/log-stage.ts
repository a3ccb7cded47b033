import { isHoldfastError, type StorageBackend } from "@holdfast/storage";
import type { FsPort, RandomSource } from "@holdfast/storage/ports";
import { mildAdversary, quiet, seededRandom, SimDisk, virtualClock, type Adversary, type Fault, type SimStep, type VirtualClock } from "@holdfast/storage-sim";
import type { Log, LogOptions } from "@holdfast/wal";

import { Violation } from "../simulated/violation.js";
import type { CrashKind, SceneCast } from "./directed-history.js";
import { LogLedger } from "./log-ledger.js";
import { recordedLife, textOf, type Life } from "./recorded-life.js";

/** How a log is opened in a scene. */
export type LifeOptions = Partial<Pick<LogOptions, "durability" | "maxCommitBytes" | "segmentBytes" | "startSeq">> & {
  /** Stands between the log and the disk. */
  readonly wrap?: ((port: FsPort) => FsPort) | undefined;
};

/** Where {@link LogStage.crashEverywhere} crashes. */
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

/** A disk with one log on it, what the log has promised, and what a scene can do to both. */
export class LogStage {
  readonly chance: Adversary;
  ledger: LogLedger;
  disk: SimDisk;
  clock: VirtualClock = virtualClock();
  readonly #cast: SceneCast;
  /** Each process draws its salts from a seed of its own. */
  #processes: number;

  constructor(cast: SceneCast, from?: { readonly disk: SimDisk; readonly ledger: LogLedger; readonly processes: number }) {
    this.#cast = cast;
    this.chance = cast.chance;
    this.disk = from?.disk ?? new SimDisk({ profile: cast.profile, adversary: mildAdversary });
    this.ledger = from?.ledger ?? new LogLedger();
    this.#processes = from?.processes ?? 0;
    cast.onDisk(this.disk);
  }

  /** Opens the log for writing, in a new process. What it shows must be what was promised. */
  async open(options?: LifeOptions): Promise<Life> {
    const life = await this.tryOpen(options);
    if (life instanceof Error) throw new Violation("I5", `opening was refused, and nothing was harmed: ${life.message}`, { cause: life });
    return life;
  }

  /** As {@link open}, where an error is an answer. */
  async tryOpen({ wrap = (port): FsPort => port, ...options }: LifeOptions = {}): Promise<Life | Error> {
    let log: Log;
    try {
      const storage = await this.backend(wrap(this.disk.port()));
      log = await this.#cast.modules.wal.openLog({ ...options, storage, prefix: PREFIX, clock: this.clock, random: this.#random() });
    } catch (error) {
      if (isHoldfastError(error)) return error;
      throw error;
    }
    if (!log.recovery.readOnlyUntilTrimmed) await this.#compare(log);
    return recordedLife(log, this.ledger, options.durability !== undefined);
  }

  /** The storage as a new process opens it. */
  backend(port: FsPort = this.disk.port()): Promise<StorageBackend> {
    return this.#cast.modules.storageFs.fsBackend({ root: ROOT, port, clock: this.clock, random: this.#random() });
  }

  /** A reader in another process reads all it can. What it delivers is promised. */
  async readElsewhere(): Promise<void> {
    const reader = await this.#cast.modules.wal.openLogReader({ storage: await this.backend(), prefix: PREFIX, clock: this.clock });
    for await (const { seq, value } of reader.read()) this.ledger.promise(seq, textOf(value));
    await reader.close();
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
    this.#goOnAs(this.fork("process"));
  }

  /** Power is lost. By default nothing survives that was not flushed. */
  losePower(adversary: Adversary = mildAdversary): void {
    this.#goOnAs(this.fork("power", adversary));
  }

  /** What a crash leaves, with the same promises; this stage goes on as well. */
  fork(kind: CrashKind, adversary: Adversary = mildAdversary): LogStage {
    this.#cast.onCrash(kind);
    const disk = this.disk.crash({ kind, adversary });
    const ledger = this.ledger.clone(this.#cast.profile === "kill" ? "process" : kind);
    return new LogStage(this.#cast, { disk, ledger, processes: this.#processes + 1000 });
  }

  /** Does something, takes what a crash would leave at each step of it, and goes on with each of these: by default {@link check}. */
  async crashEverywhere(
    { kinds = ["power", "process"], at = (): boolean => true, times = 1, adversary }: CrashOptions,
    action: () => Promise<unknown>,
    then: (left: LogStage) => Promise<void> = (left) => left.check(),
  ): Promise<void> {
    const all: LogStage[] = [];
    const end = this.disk.observe((step) => {
      if (!step.changes || step.phase === "called" || !at(step)) return;
      for (const kind of kinds) for (let count = 0; count < times; count++) all.push(this.fork(kind, adversary));
    });
    await action();
    await quiet();
    end();
    for (const left of all) await then(left);
  }

  /** Kills what runs and opens again and again, an append in between and a power loss each time: everything promised must be there. */
  async check(): Promise<void> {
    this.kill();
    this.disk.heal();
    for (const probe of ["", "probe", ""]) {
      const life = this.ledger.isHarmed ? await this.tryOpen() : await this.open();
      // After harm an error is a right answer.
      if (life instanceof Error) return;
      if (probe !== "") await life.append(probe);
      await quiet();
      this.losePower();
    }
  }

  /**
   * Changes durable bytes: the last place where `text` stands in the newest segment that holds it.
   *
   * @param mayLoseFrom - Records from here on may be gone without an error, since nothing but what was harmed proved them.
   */
  harm(text: string, mayLoseFrom?: number): void {
    const found = this.segments().findLast(({ bytes }) => bytes.includes(text));
    if (found === undefined) throw new Error(`no segment holds ${JSON.stringify(text)}`);
    const at = found.bytes.lastIndexOf(text);
    this.harmBytes(found.path, at, found.bytes.subarray(at, at + text.length).map((byte) => byte ^ 0xff), mayLoseFrom);
  }

  /** Puts other bytes in the place of durable ones. */
  harmBytes(path: string, offset: number, bytes: Uint8Array, mayLoseFrom?: number): void {
    this.disk.poke(path, offset, bytes);
    this.ledger.harm(mayLoseFrom ?? Infinity);
  }

  /** Nothing is wrong with the disk any more: an append must have been taken. */
  mustHaveKept(value: string): void {
    if (!this.ledger.hasPromised(value)) throw new Violation("I11", `there is room again, and ${value} was refused`);
  }

  /** That a file was removed which must not be. */
  removed(path: string): Violation {
    return new Violation("I22", `${path} was removed because of what was harmed in it`);
  }

  /** The log's segments as processes see them, ascending. */
  segments(): readonly { readonly path: string; readonly number: number; readonly bytes: Buffer }[] {
    return [...this.disk.files()]
      .filter(([path]) => path.startsWith(SEGMENTS) && path.endsWith(".wal"))
      .map(([path, bytes]) => ({ path, number: Number(path.slice(SEGMENTS.length, -4)), bytes: Buffer.from(bytes) }))
      .sort((a, b) => a.number - b.number);
  }

  async #compare(log: Log): Promise<void> {
    const values = new Map<number, string>();
    try {
      for await (const { seq, value } of log.read({ from: log.firstSeq })) values.set(seq, textOf(value));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      if (!this.ledger.isHarmed) throw new Violation("I5", `reading was refused, and nothing was harmed: ${error.message}`, { cause: error });
    }
    this.ledger.opened({ firstSeq: log.firstSeq, nextSeq: log.nextSeq, values });
  }

  #random(): RandomSource {
    this.#processes += 1;
    return seededRandom(this.#processes);
  }

  #goOnAs({ disk, ledger, clock }: LogStage): void {
    this.disk = disk;
    this.ledger = ledger;
    this.clock = clock;
    this.#processes += 1000;
  }
}

const ROOT = "/data";
const PREFIX = "log";
const SEGMENTS = `${ROOT}/${PREFIX}/segment/`;
