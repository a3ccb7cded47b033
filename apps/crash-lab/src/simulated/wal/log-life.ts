import type { FsBackend } from "@holdfast/storage-fs";
import type { Adversary, SimDisk, SimProcess } from "@holdfast/storage-sim";
import type { AppendOptions, Log, LogOptions } from "@holdfast/wal";
import { hasCode, type HoldfastError } from "@holdfast/storage";
import type { FsPort } from "@holdfast/storage/ports";
import type { Life } from "../life.js";
import { RunningSteps } from "../running-steps.js";
import type { Step } from "../trial.js";
import { Violation } from "../violation.js";
import { expectedError } from "./log-errors.js";
import type { LogLedger, Offer } from "./log-ledger.js";
import { IDLE_MARKER_MS, LATE_START, PREFIX, ROOT, SYNC_EVERY_MS } from "./log-place.js";
import { Readers } from "./log-readers.js";
import { slowlyRemoving } from "./slow-removal.js";

/** One life of a process that writes a log. */
export class LogLife {
  readonly #life: Life<LogLedger>;
  readonly #readers: Readers;
  readonly #steps = new RunningSteps();
  #process: SimProcess;
  #storage: FsBackend | undefined;
  #log: Log | undefined;
  /** Nothing disturbed the log since it was opened. */
  #calm = false;
  /** The log has said that it is poisoned. */
  #poisoned = false;
  /** Nothing was appended since it was opened. */
  #fresh = true;

  constructor(life: Life<LogLedger>) {
    this.#life = life;
    this.#process = life.disk.process();
    this.#readers = new Readers(life);
  }

  async run(): Promise<void> {
    await this.#steps.run(this.#life.steps, (step) => this.#step(step));
    await this.#readers.end();
  }

  async #step({ op, numbers }: Step): Promise<void> {
    const [first = 0] = numbers;
    if (op === "h") {
      this.#life.heal();
      return;
    }
    if (op === "o") {
      await this.#steps.join();
      if (this.#log === undefined) await this.#open();
      return;
    }
    if (op === "l") return this.#readers.look();
    if (op === "f") return this.#readers.follow();
    if (op === "v") return this.#readers.verify();
    const log = this.#log;
    if (log === undefined) return;
    if (op === "a") return this.#append(log, numbers, {});
    if (op === "d") return this.#append(log, numbers, { durability: "synced" });
    if (op === "e") return this.#append(log, [20], { expectedSeq: Math.max(1, log.nextSeq + first - 1) });
    if (op === "s") return this.#sync(log);
    if (op === "t") return this.#trim(log, Math.max(1, first));
    if (op === "w") return this.#wait(log, first);
    if (op === "r") return this.#read(log);
    if (op === "u") return this.#usurp();
    if (op === "c") {
      await this.#steps.join();
      await this.#close(log);
      return this.#open();
    }
    throw new RangeError(`the log has no step ${JSON.stringify(op)}`);
  }

  async #open(): Promise<void> {
    const { modules, ledger, clock, options, faults, disk } = this.#life;
    const calm = this.#life.isCalm();
    // Only damage can tempt a log to throw something away. A crashed disk is a copy that costs little until it is looked at.
    const before = faults === "honest" ? undefined : { hits: hitsOn(disk), disk: disk.crash({ kind: "process", adversary: asItIs }) };
    let log: Log;
    try {
      this.#storage = await modules.storageFs.fsBackend({ root: ROOT, port: this.#port(), clock, random: this.#life.random() });
      log = await modules.wal.openLog({ ...logOptions(options), storage: this.#storage, prefix: PREFIX, clock, random: this.#life.random() });
    } catch (error) {
      const { code } = expectedError(error, "opening", { faults, calm });
      if (code === "STORAGE_LOCKED") throw new Violation("I12", "the lock of a process that is gone is still held", { cause: error });
      // A fault that hits just now is what changes them.
      if (before?.hits === hitsOn(disk)) checkKept(segmentsOf(before.disk.files()), segmentsOf(disk.files()), code);
      this.#end();
      return;
    }
    const { firstSeq, nextSeq, durableSeq } = log;
    const readOnly = log.recovery.readOnlyUntilTrimmed;
    if (readOnly && calm) throw new Violation("I11", "opened without room for copies, though there is room");
    const records = await this.#readers.all(log, calm);
    ledger.opened({ firstSeq, nextSeq, durableSeq, readOnly, records });
    this.#log = log;
    this.#calm = calm;
    this.#poisoned = false;
    this.#fresh = true;
  }

  async #append(log: Log, sizes: readonly number[], options: AppendOptions): Promise<void> {
    const { ledger } = this.#life;
    const values = sizes.map((size) => this.#payload(size));
    const { nextSeq } = log;
    const conflicts = options.expectedSeq !== undefined && options.expectedSeq !== nextSeq;
    const offer = ledger.offer(nextSeq, values);
    if (this.#fresh) ledger.unvouch();
    this.#fresh = false;
    const [only] = values;
    try {
      const seq = values.length === 1 && only !== undefined ? await log.append(only, options) : (await log.appendBatch(values, options)).first;
      if (conflicts) throw new Violation("I16", `appended at ${seq}, though ${options.expectedSeq ?? 0} was expected`);
      if (seq !== nextSeq) throw new Violation("I7", `appended at ${seq}, and ${nextSeq} was the next number`);
      if (this.#poisoned) throw new Violation("I9", `record ${seq} is acknowledged by a log that is poisoned`);
      ledger.acknowledge(offer, !this.#isRelaxed || options.durability === "synced");
      if (this.#calm && !this.#isRelaxed) this.#checkVoidsGone(log);
    } catch (error) {
      if (conflicts && hasCode(error, "WAL_CONFLICT")) ledger.withdraw(offer);
      else this.#refused(error, "append", offer);
    }
  }

  /** A process that ends behind its first answer each time must not leave more and more files. */
  #checkVoidsGone({ recovery }: Log): void {
    if (recovery.voidSegments.length === 0) return;
    const files = this.#life.disk.files();
    const left = recovery.voidSegments.find((key) => files.has(`${ROOT}/${key}`));
    if (left !== undefined) throw new Violation("I10", `an append is acknowledged, and ${left}, which an interrupted opening left, is still there`);
  }

  async #sync(log: Log): Promise<void> {
    const last = log.nextSeq - 1;
    try {
      await log.sync();
      if (this.#poisoned) throw new Violation("I9", "sync answers ok in a log that is poisoned");
      this.#life.ledger.synced(last);
    } catch (error) {
      this.#refused(error, "sync");
    }
  }

  async #trim(log: Log, seq: number): Promise<void> {
    const { ledger } = this.#life;
    const { durableSeq: durable, firstSeq: before } = log;
    ledger.trimAsked(seq);
    if (this.#fresh) ledger.unvouch();
    this.#fresh = false;
    try {
      await log.trim(seq);
      if (this.#poisoned) throw new Violation("I9", "trim answers ok in a log that is poisoned");
      if (log.firstSeq < Math.min(seq, durable + 1)) throw new Violation("I1", `trimmed below ${seq}, and the log still begins at ${log.firstSeq}`);
      if (log.firstSeq > before || this.#life.options.has("retrim")) ledger.trimmed(log.firstSeq);
    } catch (error) {
      this.#refused(error, "trim");
    }
  }

  /** Lets time pass: marker, sync timer, followers. */
  async #wait(log: Log, durationMs: number): Promise<void> {
    const { ledger, clock } = this.#life;
    const written = ledger.keptSeq;
    const { markers } = log.stats();
    await clock.advance(durationMs);
    ledger.synced(log.durableSeq);
    if (log.stats().markers > markers) ledger.vouch(log.durableSeq);
    if (!this.#calm || this.#steps.hasLazy) return;
    if (this.#isRelaxed && durationMs >= SYNC_EVERY_MS && log.durableSeq < written) {
      throw new Violation("I1", `after ${durationMs} ms record ${written} is not durable, only ${log.durableSeq}`);
    }
    if (durationMs >= PATIENCE_MS) this.#readers.checkFollowers(log.durableSeq);
  }

  async #read(log: Log): Promise<void> {
    const records = await this.#readers.all(log, this.#calm);
    this.#life.ledger.synced(log.durableSeq);
    for (const { seq, value } of records ?? []) this.#life.ledger.deliver(seq, value);
  }

  /** The file system as the log's process sees it. */
  #port(): FsPort {
    const { clock, options } = this.#life;
    return options.has("slow") ? slowlyRemoving(this.#process.port, clock) : this.#process.port;
  }

  /** Another process, and this one, try to open what is open. */
  async #usurp(): Promise<void> {
    const { modules, disk, clock, faults } = this.#life;
    const calm = this.#life.isCalm();
    const process = disk.process();
    try {
      const storage = await modules.storageFs.fsBackend({ root: ROOT, port: process.port, clock, random: this.#life.random() });
      await modules.wal.openLog({ storage, prefix: PREFIX, clock, random: this.#life.random() });
    } catch (error) {
      process.kill();
      if (!hasCode(error, "STORAGE_LOCKED")) expectedError(error, "a second opening", { faults, calm });
      return;
    }
    throw new Violation("I12", "a second process has opened the log for writing");
  }

  async #close(log: Log): Promise<void> {
    const { ledger } = this.#life;
    const last = log.nextSeq - 1;
    try {
      await log.close();
      // Of a poisoned log it says nothing.
      if (!this.#poisoned) ledger.synced(Math.min(last, log.durableSeq));
      if (!this.#poisoned && !this.#fresh) ledger.vouch(log.durableSeq);
      await this.#storage?.close();
    } catch (error) {
      this.#refused(error, "close");
    }
    this.#end();
  }

  /** The process ends, and whatever it did not close is closed. */
  #end(): void {
    this.#process.kill();
    this.#process = this.#life.disk.process();
    this.#storage = undefined;
    this.#log = undefined;
  }

  /** Takes note of what an error says about records. */
  #refused(error: unknown, what: string, offer?: Offer): void {
    const { ledger, faults } = this.#life;
    const known = expectedError(error, what, { faults, calm: this.#calm });
    if (offer !== undefined && known.outcome === "not_applied") ledger.withdraw(offer);
    if (known.code !== "WAL_POISONED") return;
    this.#poisoned = true;
    ledger.doubt(firstSeqOf(known));
  }

  /** Bytes that no other record has, as long as there is room for a name. */
  #payload(size: number): Uint8Array {
    const name = this.#life.ledger.newName();
    const bytes = Buffer.alloc(size, (name * 37 + size) & 0xff);
    bytes.write(`${name};`.slice(0, size), 0, "latin1");
    return bytes;
  }

  get #isRelaxed(): boolean {
    return this.#life.options.has("relaxed");
  }
}

/** After so long followers have everything that is durable: the marker is written, and they have looked again. */
const PATIENCE_MS = 200;

function logOptions(words: ReadonlySet<string>): Partial<LogOptions> & { readonly codec?: undefined } {
  return {
    idleMarkerMs: IDLE_MARKER_MS,
    prepareAhead: words.has("ahead"),
    commitAlignBytes: words.has("align") ? 4096 : 8,
    startSeq: words.has("late") ? LATE_START : 1,
    ...(words.has("small") || words.has("slow") ? { segmentBytes: 16 * 1024 } : {}),
    ...(words.has("relaxed") ? { durability: { syncEveryMs: SYNC_EVERY_MS } } : {}),
  };
}

function firstSeqOf(error: HoldfastError): number {
  return "firstSeq" in error && typeof error.firstSeq === "number" ? error.firstSeq : 0;
}

/** Calls in flight are done. */
const asItIs: Adversary = { choose: (_label, count) => Math.min(1, count - 1) };

function hitsOn({ stats }: SimDisk): number {
  return [...stats.faults.values()].reduce((sum, count) => sum + count, 0);
}

function segmentsOf(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  return new Map([...files].filter(([path]) => path.endsWith(".wal")));
}

/** An opening that was refused because of damage has changed nothing. */
function checkKept(before: ReadonlyMap<string, Uint8Array>, after: ReadonlyMap<string, Uint8Array>, code: string): void {
  for (const [path, bytes] of before) {
    const now = after.get(path);
    if (now === undefined) throw new Violation("I22", `opening was refused with ${code} and has removed ${path}`);
    if (Buffer.compare(now, bytes) !== 0) throw new Violation("I22", `opening was refused with ${code} and has changed ${path}`);
  }
}
