import { isHoldfastError, type StorageBackend } from "@holdfast/storage";
import type { FsPort, RandomSource } from "@holdfast/storage/ports";
import { mildAdversary, quiet, seededRandom, SimDisk, virtualClock, type Adversary, type Fault, type SimStep, type VirtualClock } from "@holdfast/storage-sim";
import type { Log, LogOptions, LogRecord } from "@holdfast/wal";

import { Violation } from "../simulated/violation.js";
import { LogLedger } from "../simulated/wal/log-ledger.js";
import { PREFIX, ROOT } from "../simulated/wal/log-place.js";
import type { CrashKind, SceneCast } from "./directed-history.js";
import { recordedLife, type Life } from "./recorded-life.js";

/** How a log is opened in a scene. */
export type LifeOptions = Partial<Pick<LogOptions, "durability" | "maxCommitBytes" | "segmentBytes">> & {
  /** Stands between the log and the disk. */
  readonly wrap?: ((port: FsPort) => FsPort) | undefined;
};

/** What a scene begins with. */
export interface LogStageOptions {
  /** Durable bytes will be harmed. Damage is then a right answer, and what {@link LogStage.harm} leaves proven must be there. */
  readonly harmed?: boolean | undefined;
  /** The first sequence number. Default 1. */
  readonly startSeq?: number | undefined;
}

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
  readonly #options: LogStageOptions;
  /** Each process draws its random bytes, and so its salts, from a seed of its own. */
  #processes: number;

  /** @param from - What a crash has left, and what was promised before. Default: an empty disk. */
  constructor(cast: SceneCast, options: LogStageOptions = {}, from?: Crashed) {
    const { harmed = false, startSeq = 1 } = options;
    this.#cast = cast;
    this.#options = options;
    this.chance = cast.chance;
    // Written through the page cache, which shows what the disk has not got: the worse of the two for a log. Random histories have both.
    this.disk = from?.disk ?? new SimDisk({ profile: cast.profile, adversary: mildAdversary, directWrites: "refusedAtOpen" });
    this.ledger = from?.ledger ?? new LogLedger({ faults: harmed ? "harmed" : "honest", keepsWritten: true, startSeq });
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
    const { startSeq = 1 } = this.#options;
    let log: Log;
    try {
      const storage = await this.#backend(wrap(this.disk.port()));
      log = await this.#cast.modules.wal.openLog({ startSeq, ...options, storage, prefix: PREFIX, clock: this.clock, random: this.#random() });
    } catch (error) {
      if (isHoldfastError(error)) return error;
      throw error;
    }
    const { firstSeq, nextSeq, durableSeq } = log;
    this.ledger.opened({ firstSeq, nextSeq, durableSeq, readOnly: log.recovery.readOnlyUntilTrimmed, records: await this.#readAll(log) });
    return recordedLife(log, this.ledger, options.durability !== undefined);
  }

  /** A reader in another process reads all it can. What it delivers is promised. */
  async readElsewhere(): Promise<void> {
    const reader = await this.#cast.modules.wal.openLogReader({ storage: await this.#backend(this.disk.port()), prefix: PREFIX, clock: this.clock });
    for await (const { seq, value } of reader.read()) this.ledger.deliver(seq, value);
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
    this.#goOn(this.#crash("process"));
  }

  /** Power is lost. By default nothing survives that was not flushed. */
  losePower(adversary?: Adversary): void {
    this.#goOn(this.#crash("power", adversary));
  }

  /** What a crash leaves, with the same promises; this stage goes on as well. */
  fork(kind: CrashKind, adversary?: Adversary): LogStage {
    return new LogStage(this.#cast, this.#options, this.#crash(kind, adversary));
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
      const life = this.#isHarmed ? await this.tryOpen() : await this.open();
      // After harm an error is a right answer.
      if (life instanceof Error) return;
      if (probe !== "") await life.append(probe);
      await this.settle();
      this.losePower();
    }
  }

  /**
   * Changes durable bytes: the last place where `text` stands in the newest segment that holds it.
   *
   * @param mayLoseFrom - Records from here on may be gone without an error, since nothing but what is harmed proves them.
   * Default: behind the last one that was promised.
   */
  harm(text: string, mayLoseFrom?: number): void {
    const found = this.segments().findLast(({ bytes }) => bytes.includes(text));
    if (found === undefined) throw new Error(`no segment holds ${JSON.stringify(text)}`);
    const at = found.bytes.lastIndexOf(text);
    this.harmBytes(found.path, at, found.bytes.subarray(at, at + text.length).map((byte) => byte ^ 0xff), mayLoseFrom);
  }

  /** Puts other bytes in the place of durable ones. */
  harmBytes(path: string, offset: number, bytes: Uint8Array, mayLoseFrom?: number): void {
    if (!this.#isHarmed) throw new Error("a stage on which something is harmed says so");
    this.disk.poke(path, offset, bytes);
    this.ledger.vouch(mayLoseFrom === undefined ? this.ledger.keptSeq : mayLoseFrom - 1);
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

  get #isHarmed(): boolean {
    return this.#options.harmed === true;
  }

  #backend(port: FsPort): Promise<StorageBackend> {
    return this.#cast.modules.storageFs.fsBackend({ root: ROOT, port, clock: this.clock, random: this.#random() });
  }

  /** `undefined`: something is harmed, and the log says so. */
  async #readAll(log: Log): Promise<readonly LogRecord<Uint8Array>[] | undefined> {
    const records: LogRecord<Uint8Array>[] = [];
    try {
      for await (const record of log.read({ from: log.firstSeq })) records.push(record);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      if (!this.#isHarmed) throw new Violation("I5", `reading was refused, and nothing was harmed: ${error.message}`, { cause: error });
      return undefined;
    }
    return records;
  }

  #random(): RandomSource {
    this.#processes += 1;
    return seededRandom(this.#processes);
  }

  #crash(kind: CrashKind, adversary: Adversary = mildAdversary): Crashed {
    this.#cast.onCrash(kind);
    const disk = this.disk.crash({ kind, adversary });
    // In the profile that only kills, power never fails: what was written is there.
    const ledger = this.ledger.afterCrash(this.#cast.profile === "kill" ? "process" : kind);
    return { disk, ledger, processes: this.#processes + 1000 };
  }

  #goOn({ disk, ledger, processes }: Crashed): void {
    this.disk = disk;
    this.ledger = ledger;
    this.clock = virtualClock();
    this.#processes = processes;
  }
}

/** What a crash leaves. */
interface Crashed {
  readonly disk: SimDisk;
  readonly ledger: LogLedger;
  readonly processes: number;
}

const SEGMENTS = `${ROOT}/${PREFIX}/segment/`;
