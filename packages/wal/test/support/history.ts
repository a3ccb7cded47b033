import { hasCode, isHoldfastError } from "@holdfast/storage";
import { expect } from "vitest";
import type { AppendOptions, Log, LogSource } from "../../src/index.js";
import { all, payload } from "./expecting.js";

/**
 * What the users of one log were promised, over all lives of its process, and whether it is kept. Every record has a text of
 * its own, so a record that comes back under another number, or from an append that was refused, is found.
 */
export class History {
  /** Texts that may stand under a number. */
  readonly #offered = new Map<number, Set<string>>();
  /** Texts that must: acknowledged, or delivered to somebody. */
  readonly #kept = new Map<number, string>();
  #startSeq: number;
  #floorDone: number;
  #floorAsked: number;
  #appends = 0;

  constructor(startSeq = 1) {
    this.#startSeq = startSeq;
    this.#floorDone = startSeq;
    this.#floorAsked = startSeq;
  }

  /** The last sequence number that must be there. */
  get keptSeq(): number {
    return Math.max(this.#startSeq - 1, ...this.#kept.keys());
  }

  /** Appends one record of at least so many bytes, or several as a batch. Never rejects; answers the error if there was one. */
  async append(log: Log, lengths: readonly number[] = [0], options?: AppendOptions): Promise<unknown> {
    const firstSeq = log.nextSeq;
    const texts = lengths.map(() => `a${++this.#appends}`);
    texts.forEach((text, index) => {
      this.#offer(firstSeq + index, text);
    });
    const values = texts.map((text, index) => payload(text, lengths[index] ?? 0));
    try {
      const first = values.length === 1 ? await log.append(values[0]!, options) : (await log.appendBatch(values, options)).first;
      expect(first).toBe(firstSeq);
      texts.forEach((text, index) => {
        this.#keep(firstSeq + index, text);
      });
      return undefined;
    } catch (error) {
      if (isHoldfastError(error) && error.outcome === "not_applied") {
        texts.forEach((text, index) => this.#offered.get(firstSeq + index)?.delete(text));
      } else if (hasCode(error, "WAL_POISONED")) {
        expect(error.outcome).toBe("unknown");
      }
      return error;
    }
  }

  /** Trims. Never rejects; answers the error if there was one. */
  async trim(log: Log, seq: number): Promise<unknown> {
    const asked = this.#floorAsked;
    this.#floorAsked = Math.max(asked, seq);
    try {
      await log.trim(seq);
      this.#floorDone = Math.max(this.#floorDone, seq);
      return undefined;
    } catch (error) {
      if (isHoldfastError(error) && error.outcome === "not_applied") this.#floorAsked = asked;
      return error;
    }
  }

  /** Checks a log that was just opened, undisturbed, and takes what it shows as promised. */
  async check(log: Log): Promise<void> {
    expect(log.firstSeq).toBeGreaterThanOrEqual(this.#floorDone);
    expect(log.firstSeq).toBeLessThanOrEqual(this.#floorAsked);
    expect(log.nextSeq).toBeGreaterThan(this.keptSeq);
    expect(log.durableSeq).toBe(log.nextSeq - 1);
    const lastSeq = await this.delivered(log);
    expect(lastSeq, "every number is there").toBe(log.nextSeq - 1);
    for (const seq of this.#offered.keys()) {
      // Gone is gone for ever.
      if (seq >= log.nextSeq || seq < this.#floorDone) this.#offered.delete(seq);
    }
    for (const seq of this.#kept.keys()) if (seq < log.firstSeq) this.#kept.delete(seq);
  }

  /** Checks what a log or a reader gives now, from the first to the last record, and takes it as promised. Answers the last number. */
  async delivered(source: LogSource<Uint8Array>): Promise<number> {
    const records = await all(source.read());
    let seq = records[0]?.seq ?? source.firstSeq;
    if (records.length > 0) expect(seq).toBe(source.firstSeq);
    for (const record of records) {
      expect(record.seq).toBe(seq);
      this.deliver(seq, record.value);
      seq++;
    }
    return seq - 1;
  }

  /** Takes one record as delivered. */
  deliver(seq: number, value: Uint8Array): void {
    const text = textOf(value);
    const promised = this.#kept.get(seq);
    if (promised !== undefined) expect(text, `record ${seq}`).toBe(promised);
    expect(this.#offered.get(seq) ?? new Set(), `record ${seq}`).toContain(text);
    this.#keep(seq, text);
  }

  #offer(seq: number, text: string): void {
    const texts = this.#offered.get(seq);
    if (texts === undefined) this.#offered.set(seq, new Set([text]));
    else texts.add(text);
  }

  #keep(seq: number, text: string): void {
    this.#kept.set(seq, text);
    this.#offered.set(seq, new Set([text]));
  }
}

/** The name in a {@link payload}, whose both ends must be there. */
export function textOf(value: Uint8Array): string {
  const whole = Buffer.from(value).toString("latin1");
  const name = whole.slice(0, whole.indexOf("<"));
  expect(whole.endsWith(`>${name}`), "the end of a record belongs to its beginning").toBe(true);
  return name;
}
