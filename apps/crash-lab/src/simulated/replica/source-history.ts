import { Violation } from "../violation.js";

/** A record, as it was handed to the log. No other record has its value. */
export interface OfferedRecord {
  readonly value: number;
  /** How many records of its batch come behind it. */
  readonly before: number;
}

/** What one log was told and has shown: what its replica may have, and what that obliges the log to. */
export class SourceHistory {
  /** Records that are there for sure, by sequence number. */
  readonly #known: Map<number, OfferedRecord>;
  /** Records that may be there, beyond those. */
  readonly #open: Map<number, readonly OfferedRecord[]>;
  /** All that ever were to be written at a number. */
  readonly #ever: Map<number, readonly OfferedRecord[]>;
  /** What the replica has shown and the log not yet. */
  readonly #seen: Map<number, number>;

  constructor(from?: SourceHistory) {
    this.#known = new Map(from === undefined ? [] : from.#known);
    this.#open = new Map(from === undefined ? [] : from.#open);
    this.#ever = new Map(from === undefined ? [] : from.#ever);
    this.#seen = new Map(from === undefined ? [] : from.#seen);
  }

  /** The last record that is there for sure. */
  get lastSeq(): number {
    return Math.max(0, ...this.#known.keys());
  }

  offer(seq: number, record: OfferedRecord): void {
    this.#open.set(seq, [...(this.#open.get(seq) ?? []), record]);
    this.#ever.set(seq, [...(this.#ever.get(seq) ?? []), record]);
  }

  acknowledge(seq: number, value: number): void {
    const record = this.#ever.get(seq)?.find((it) => it.value === value);
    if (record !== undefined) this.#known.set(seq, record);
  }

  /**
   * All that the log has, from its first record on.
   *
   * @param isHonest - Whether the log has to have all that it promised.
   */
  shown(firstSeq: number, values: readonly number[], isHonest: boolean): void {
    const endSeq = firstSeq + values.length;
    if (isHonest && this.lastSeq >= endSeq) throw new Violation("I1", `record ${this.lastSeq} of the source was durable, and it ends with ${endSeq - 1}`);
    for (const [seq, value] of this.#seen) {
      const found = seq < firstSeq ? value : values[seq - firstSeq];
      if (isHonest && found !== value) throw new Violation("I15", `the replica has shown ${value} as record ${seq}, and the source has ${found ?? "nothing"} there`);
    }
    for (const [at, value] of values.entries()) this.#show(firstSeq + at, value, isHonest);
    for (const seq of [...this.#known.keys()]) if (seq >= endSeq) this.#known.delete(seq);
    this.#seen.clear();
    this.#open.clear();
  }

  #show(seq: number, value: number, isHonest: boolean): void {
    const record = this.#ever.get(seq)?.find((it) => it.value === value);
    if (record === undefined) throw new Violation("I3", `record ${seq} of the source is ${value}, which was never written there`);
    const known = this.#known.get(seq);
    if (isHonest && known !== undefined && known.value !== value) throw new Violation("I1", `record ${seq} of the source is ${value}, and was ${known.value}`);
    this.#known.set(seq, record);
  }

  /** What the record of a number may be: one value if it is there for sure. */
  valuesAt(seq: number): readonly number[] {
    const known = this.#known.get(seq);
    return (known === undefined ? (this.#open.get(seq) ?? []) : [known]).map(({ value }) => value);
  }

  /** Whether these records, the first of which has the number `firstSeq`, are how this log goes. */
  fits(firstSeq: number, values: readonly number[]): boolean {
    return values.every((value, at) => this.valuesAt(firstSeq + at).includes(value));
  }

  /**
   * Checks what a replica of this log gave back, from record `firstSeq` (1) on. What the log has not shown yet, it has to show from now on.
   *
   * @param isHonest - Whether it has to be what the log committed, and not only what was once to be written.
   */
  restored(values: readonly number[], { isHonest, isWhole, firstSeq = 1 }: { readonly isHonest: boolean; readonly isWhole: boolean; readonly firstSeq?: number }): void {
    for (const [at, value] of values.entries()) {
      const seq = firstSeq + at;
      const record = this.#recordAt(seq, value, isHonest);
      if (record === undefined) throw new Violation("I15", `the replica gives ${value} as record ${seq}, which was never committed there`);
      if (isHonest && !this.#known.has(seq)) this.#seen.set(seq, value);
      if (isWhole && at === values.length - 1 && record.before > 0) throw new Violation("I2", `the replica ends within a batch, with record ${seq}`);
    }
  }

  #recordAt(seq: number, value: number, isHonest: boolean): OfferedRecord | undefined {
    const known = this.#known.get(seq);
    const among = !isHonest ? this.#ever.get(seq) : known === undefined ? this.#open.get(seq) : [known];
    return among?.find((it) => it.value === value);
  }
}
