import { isHoldfastError } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import type { Log, LogOptions, LogRecord } from "@holdfast/wal";

import { Violation } from "../simulated/violation.js";
import { LogLedger } from "../simulated/wal/log-ledger.js";
import type { SceneCast } from "./directed-history.js";
import { recordedLife, type Life } from "./recorded-life.js";
import { ROOT, Stage, type CrashOptions, type StageState } from "./stage.js";

/** How a log is opened in a scene. */
export type LifeOptions = Partial<Pick<LogOptions, "durability" | "maxCommitBytes" | "segmentBytes" | "startSeq">> & {
  /** Stands between the log and the disk. */
  readonly wrap?: ((port: FsPort) => FsPort) | undefined;
};

/** What a scene with a log begins with. */
export interface LogStageOptions {
  /** Durable bytes will be harmed. Damage is then a right answer, and what {@link LogStage.harm} leaves proven must be there. */
  readonly harmed?: boolean | undefined;
  /** The first sequence number. Default 1. */
  readonly startSeq?: number | undefined;
}

/** A disk with one log on it. */
export class LogStage extends Stage<LogLedger, LogStage> {
  readonly #options: LogStageOptions;

  constructor(cast: SceneCast, options: LogStageOptions = {}, from?: StageState<LogLedger>) {
    const { harmed = false, startSeq = 1 } = options;
    super(cast, from ?? new LogLedger({ faults: harmed ? "harmed" : "honest", keepsWritten: true, startSeq }));
    this.#options = options;
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
      const storage = await this.backend(wrap(this.disk.port()));
      log = await this.cast.modules.wal.openLog({ startSeq, ...options, storage, prefix: PREFIX, clock: this.clock, random: this.random() });
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
    const reader = await this.cast.modules.wal.openLogReader({ storage: await this.backend(), prefix: PREFIX, clock: this.clock });
    for await (const { seq, value } of reader.read()) this.ledger.deliver(seq, value);
    await reader.close();
  }

  /** @param then - Default: {@link check}. */
  override crashEverywhere(options: CrashOptions, action: () => Promise<unknown>, then?: (left: LogStage) => Promise<void>): Promise<void> {
    return super.crashEverywhere(options, action, then ?? ((left): Promise<void> => left.check()));
  }

  /** Kills what runs and opens again and again, an append in between and a power loss each time. */
  override async check(): Promise<void> {
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

  protected override another(from: StageState<LogLedger>): LogStage {
    return new LogStage(this.cast, this.#options, from);
  }

  get #isHarmed(): boolean {
    return this.#options.harmed === true;
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
}

const PREFIX = "log";
const SEGMENTS = `${ROOT}/${PREFIX}/segment/`;
