import type { Log, LogReader, LogRecord } from "@holdfast/wal";
import { hasCode } from "@holdfast/storage";
import type { SimProcess } from "@holdfast/storage-sim";
import type { FsBackend } from "@holdfast/storage-fs";
import type { Life } from "../life.js";
import { Violation } from "../violation.js";
import { expectedError } from "./log-errors.js";
import type { LogLedger } from "./log-ledger.js";
import { PREFIX, ROOT } from "./log-place.js";

/** Those who read a log while another process writes to it, each in a process of its own. */
export class Readers {
  readonly #life: Life<LogLedger>;
  readonly #followers: Follower[] = [];

  constructor(life: Life<LogLedger>) {
    this.#life = life;
  }

  /** Everything that a log or reader gives; `undefined` if it cannot be read. */
  async all(source: Log | LogReader, calm: boolean): Promise<readonly LogRecord<Uint8Array>[] | undefined> {
    const records: LogRecord<Uint8Array>[] = [];
    try {
      for await (const record of source.read()) records.push(record);
    } catch (error) {
      expectedError(error, "reading", { faults: this.#life.faults, calm });
      return undefined;
    }
    return records;
  }

  /** Reads in another process: what it is given, no crash takes back. */
  async look(): Promise<void> {
    const calm = this.#life.isCalm();
    const { ledger } = this.#life;
    await this.#elsewhere("opening a reader", calm, async (storage) => {
      const reader = await this.#life.modules.wal.openLogReader({ storage, prefix: PREFIX, clock: this.#life.clock });
      const records = await this.all(reader, calm);
      let seq = records?.[0]?.seq ?? 0;
      for (const record of records ?? []) {
        if (record.seq !== seq) throw new Violation("I4", `a reader elsewhere is given ${record.seq} where ${seq} should be`);
        ledger.deliver(seq, record.value);
        seq += 1;
      }
      await reader.close();
    });
  }

  /** Follows in another process until the life ends. */
  async follow(): Promise<void> {
    const calm = this.#life.isCalm();
    const process = this.#life.disk.process();
    try {
      const storage = await this.#backend(process);
      const reader = await this.#life.modules.wal.openLogReader({ storage, prefix: PREFIX, clock: this.#life.clock, pollMs: 20 });
      this.#followers.push(new Follower(reader, this.#life, calm));
    } catch (error) {
      process.kill();
      expectedError(error, "opening a follower", { faults: this.#life.faults, calm });
    }
  }

  /** Checks the whole log from outside. */
  async verify(): Promise<void> {
    const calm = this.#life.isCalm();
    await this.#elsewhere("verifying", calm, async (storage) => {
      const { findings } = await this.#life.modules.wal.verifyLog({ storage, prefix: PREFIX });
      const [finding] = findings;
      if (finding === undefined || this.#life.faults !== "honest" || (!calm && finding.code === "WAL_READ_FAILED")) return;
      throw new Violation("I5", `verifying finds ${finding.code} at ${finding.key}:${finding.offset ?? "-"}, though nothing was damaged: ${finding.reason}`);
    });
  }

  /** Nobody is behind. */
  checkFollowers(durableSeq: number): void {
    for (const follower of this.#followers) follower.check(durableSeq);
  }

  async end(): Promise<void> {
    for (const follower of this.#followers) await follower.end();
  }

  async #elsewhere(what: string, calm: boolean, run: (storage: FsBackend) => Promise<void>): Promise<void> {
    const process = this.#life.disk.process();
    try {
      const storage = await this.#backend(process);
      await run(storage);
      await storage.close();
    } catch (error) {
      expectedError(error, what, { faults: this.#life.faults, calm });
    } finally {
      process.kill();
    }
  }

  #backend(process: SimProcess): Promise<FsBackend> {
    const { modules, clock } = this.#life;
    return modules.storageFs.fsBackend({ root: ROOT, port: process.port, clock, random: this.#life.random() });
  }
}

/** A live tail in another process. */
class Follower {
  readonly #life: Life<LogLedger>;
  readonly #calm: boolean;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #violation: Violation | undefined;
  #seq = 0;
  #isOver = false;

  constructor(reader: LogReader, life: Life<LogLedger>, calm: boolean) {
    this.#life = life;
    this.#calm = calm;
    this.#ended = this.#run(reader);
  }

  check(durableSeq: number): void {
    if (this.#violation !== undefined) throw this.#violation;
    if (!this.#isOver && this.#calm && this.#seq < durableSeq && this.#life.ledger.isReadable(durableSeq)) {
      throw new Violation("I11", `a follower elsewhere has ${this.#seq}, and ${durableSeq} was durable long ago`);
    }
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    if (this.#violation !== undefined) throw this.#violation;
  }

  async #run(reader: LogReader): Promise<void> {
    try {
      for await (const { seq, value } of reader.follow({ signal: this.#stop.signal })) {
        if (this.#seq > 0 && seq !== this.#seq + 1) throw new Violation("I4", `a follower elsewhere is given ${seq} behind ${this.#seq}`);
        this.#life.ledger.deliver(seq, value);
        this.#seq = seq;
      }
    } catch (error) {
      this.#violation = this.#violationOf(error);
    }
    this.#isOver = true;
  }

  #violationOf(error: unknown): Violation | undefined {
    if (this.#stop.signal.aborted && error === this.#stop.signal.reason) return undefined;
    // It was overtaken by a trim.
    if (hasCode(error, "WAL_TRIMMED")) return undefined;
    try {
      expectedError(error, "following", { faults: this.#life.faults, calm: this.#calm && this.#life.isCalm() });
      return undefined;
    } catch (violation) {
      return violation instanceof Violation ? violation : new Violation("I5", "following fails", { cause: violation });
    }
  }
}
