import { isHoldfastError, type StorageBackend } from "@holdfast/storage";
import { expect } from "vitest";
import { openLog, verifyLog, type Log, type LogSource } from "../../src/index.js";
import { all } from "./expecting.js";

/**
 * What the writers of one log on object storage were told, and what its readers were given, over all takeovers; and whether it
 * is kept. Every record has a text of its own.
 */
export class ObjectLedger {
  /** What was acknowledged, by sequence number. */
  readonly acknowledged = new Map<number, string>();
  readonly #delivered = new Map<number, string>();
  readonly #notApplied = new Set<string>();
  readonly #offered = new Set<string>();
  /** The highest sequence number up to which somebody asked to trim. */
  #trimAsked = 1;

  /** Appends texts as one unit. Answers the error if there was one. */
  async append(log: Log, ...texts: readonly string[]): Promise<unknown> {
    for (const text of texts) this.#offered.add(text);
    try {
      const { first } = await log.appendBatch(texts.map((text) => Buffer.from(text)));
      texts.forEach((text, index) => {
        const seq = first + index;
        expect(this.acknowledged.get(seq), `record ${seq} was acknowledged before`).toBeUndefined();
        this.acknowledged.set(seq, text);
      });
      return undefined;
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      expect(error.outcome, error.message).toMatch(/^(not_applied|unknown)$/);
      if (error.outcome === "not_applied") for (const text of texts) this.#notApplied.add(text);
      return error;
    }
  }

  /** Trims. Answers the error if there was one. */
  async trim(log: Log, seq: number): Promise<unknown> {
    this.#trimAsked = Math.max(this.#trimAsked, Math.min(seq, log.durableSeq + 1));
    try {
      await log.trim(seq);
      return undefined;
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      return error;
    }
  }

  /** Takes what somebody was given: the same record for everybody, for ever. */
  deliver(seq: number, text: string): void {
    const before = this.#delivered.get(seq) ?? this.acknowledged.get(seq) ?? text;
    expect(text, `record ${seq}`).toBe(before);
    this.#delivered.set(seq, text);
  }

  /** Reads what is there, and answers the last sequence number. Not below what was acknowledged before the call. */
  async deliverAll(source: LogSource<Uint8Array>): Promise<number> {
    const acknowledged = Math.max(0, ...this.acknowledged.keys());
    let seq: number | undefined;
    for await (const record of source.read()) {
      if (seq !== undefined) expect(record.seq, "no gap").toBe(seq + 1);
      seq = record.seq;
      this.deliver(seq, Buffer.from(record.value).toString());
    }
    const last = seq ?? source.firstSeq - 1;
    expect(last, "everything that was acknowledged is there").toBeGreaterThanOrEqual(acknowledged);
    return last;
  }

  /** Opens the log undisturbed, and checks everything. */
  async check(storage: StorageBackend, prefix: string): Promise<void> {
    const verification = await verifyLog({ storage, prefix });
    expect(verification.findings).toEqual([]);
    const log = await openLog({ storage, prefix });
    const records = (await all(log.read())).map(({ seq, value }) => ({ seq, text: Buffer.from(value).toString() }));
    expect(log.firstSeq).toBeLessThanOrEqual(this.#trimAsked);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => log.firstSeq + index));
    expect(log.nextSeq).toBe(log.firstSeq + records.length);
    const texts = records.map(({ text }) => text);
    expect(new Set(texts).size, "no record twice").toBe(texts.length);
    for (const text of texts) {
      expect(this.#offered, "somebody appended it").toContain(text);
      expect(this.#notApplied, "what was refused is not there").not.toContain(text);
    }
    for (const [seq, text] of [...this.acknowledged, ...this.#delivered]) {
      if (seq >= log.firstSeq) expect(texts[seq - log.firstSeq], `record ${seq}`).toBe(text);
    }
    await log.close();
  }
}
