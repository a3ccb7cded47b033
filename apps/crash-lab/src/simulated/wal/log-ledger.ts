import type { FaultClass } from "../fault-classes.js";
import type { Ledger } from "../ledger.js";
import { Violation } from "../violation.js";

/** One record, and the batch that it came in: all of it is there, or nothing. */
export interface Entry {
  readonly bytes: Uint8Array;
  readonly batchFirst: number;
  readonly batchLast: number;
  /** It survives power loss. A record of a relaxed log that was only written survives the death of its process. */
  readonly durable: boolean;
}

/** Records that were given to the log together, under the numbers that they get if it takes them. */
export interface Offer {
  readonly firstSeq: number;
  readonly entries: readonly Entry[];
}

/** What a log showed when it was opened. */
export interface OpenedLog {
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly durableSeq: number;
  readonly readOnly: boolean;
  /** From the first to the last durable one; `undefined`: they could not be read. */
  readonly records: readonly { readonly seq: number; readonly value: Uint8Array }[] | undefined;
}

/**
 * What the users of one log were promised, over all lives of its process. Entries are never changed, only replaced.
 */
export class LogLedger implements Ledger<LogLedger> {
  readonly #faults: FaultClass;
  /** Without faults a killed process loses nothing that was written; a failing disk may have lost it before. */
  readonly #keepsWritten: boolean;
  /** What must be there: acknowledged, or delivered to somebody. */
  #kept: Map<number, Entry>;
  /** What may be there: given to the log, and nobody knows. Where a disk lies: all that was ever given to it. */
  #offered: Map<number, readonly Entry[]>;
  #startSeq: number;
  #floorDone: number;
  #floorAsked: number;
  /** Up to here the evidence stands in another block than the records. */
  #vouchedSeq = 0;
  #names = 0;

  constructor(options: { readonly faults: FaultClass; readonly keepsWritten: boolean; readonly startSeq: number }, from?: LogLedger) {
    this.#faults = options.faults;
    this.#keepsWritten = options.keepsWritten;
    this.#startSeq = options.startSeq;
    this.#kept = new Map(from === undefined ? [] : from.#kept);
    this.#offered = new Map(from === undefined ? [] : from.#offered);
    this.#floorDone = from === undefined ? options.startSeq : from.#floorDone;
    this.#floorAsked = from === undefined ? options.startSeq : from.#floorAsked;
    this.#vouchedSeq = from === undefined ? 0 : from.#vouchedSeq;
    this.#names = from === undefined ? 0 : from.#names;
  }

  afterCrash(kind: "power" | "process"): LogLedger {
    const copy = new LogLedger({ faults: this.#faults, keepsWritten: this.#keepsWritten, startSeq: this.#startSeq }, this);
    if (kind === "power" || !this.#keepsWritten) copy.doubt(0);
    return copy;
  }

  /** The last sequence number that must be there. */
  get keptSeq(): number {
    let last = this.#startSeq - 1;
    for (const seq of this.#kept.keys()) if (seq > last) last = seq;
    return last;
  }

  /** The last number that was promised to survive power loss. */
  get durableSeq(): number {
    let last = this.#startSeq - 1;
    for (const [seq, { durable }] of this.#kept) if (durable && seq > last) last = seq;
    return last;
  }

  /** A number for a record that no other record of this history has. */
  newName(): number {
    this.#names += 1;
    return this.#names;
  }

  /** Whether nobody has asked to trim it. */
  isReadable(seq: number): boolean {
    return seq >= this.#floorAsked;
  }

  offer(firstSeq: number, values: readonly Uint8Array[]): Offer {
    const batchLast = firstSeq + values.length - 1;
    const entries = values.map((bytes) => ({ bytes, batchFirst: firstSeq, batchLast, durable: false }));
    for (const [index, entry] of entries.entries()) {
      const seq = firstSeq + index;
      if (this.#kept.has(seq)) throw new Violation("I7", `the number ${seq} is given out again`);
      this.#offered.set(seq, [...(this.#offered.get(seq) ?? []), entry]);
    }
    return { firstSeq, entries };
  }

  acknowledge({ firstSeq, entries }: Offer, durable: boolean): void {
    for (const [index, entry] of entries.entries()) {
      const seq = firstSeq + index;
      const kept = this.#kept.get(seq);
      if (kept !== undefined && kept.bytes !== entry.bytes) throw new Violation("I7", `the number ${seq} is acknowledged twice`);
      if (kept?.durable !== true) this.#keep(seq, { ...entry, durable });
    }
  }

  /** It was said for sure that the records are not there. */
  withdraw({ firstSeq, entries }: Offer): void {
    for (const [index, entry] of entries.entries()) {
      const seq = firstSeq + index;
      if (this.#kept.has(seq)) throw new Violation("I7", `the number ${seq} is refused, but somebody was given it`);
      this.#offered.set(seq, (this.#offered.get(seq) ?? []).filter((it) => it.bytes !== entry.bytes));
    }
  }

  /** What was acknowledged and not synced from this number on may be gone. */
  doubt(firstSeq: number): void {
    for (const [seq, entry] of this.#kept) {
      if (entry.durable || seq < firstSeq) continue;
      this.#kept.delete(seq);
      this.#offered.set(seq, [...(this.#offered.get(seq) ?? []), entry]);
    }
  }

  /** The log says that everything up to here survives power loss. */
  synced(durableSeq: number): void {
    for (const [seq, entry] of this.#kept) if (seq <= durableSeq && !entry.durable) this.#kept.set(seq, { ...entry, durable: true });
    for (const [seq, entries] of this.#offered) {
      const last = entries.at(-1);
      if (seq <= durableSeq && last !== undefined && !this.#kept.has(seq)) this.#keep(seq, { ...last, durable: true });
    }
  }

  /** What the log says of a record's evidence: written behind it, in another block. */
  vouch(seq: number): void {
    this.#vouchedSeq = Math.max(this.#vouchedSeq, seq);
  }

  /** The first append of a process may copy the records beside each other, and vouch for them from the block in which they stand. */
  unvouch(): void {
    this.#vouchedSeq = 0;
  }

  trimAsked(seq: number): void {
    this.#floorAsked = Math.max(this.#floorAsked, seq);
  }

  trimmed(firstSeq: number): void {
    this.#floorDone = Math.max(this.#floorDone, firstSeq);
  }

  /** A reader was given a record: from now on it must be there. */
  deliver(seq: number, value: Uint8Array): void {
    const kept = this.#kept.get(seq);
    if (kept !== undefined && isSame(kept.bytes, value)) {
      if (!kept.durable) this.#kept.set(seq, { ...kept, durable: true });
      return;
    }
    // Where a disk lies, a record that was lost may come back, under a number that was given out again.
    const mustBeKept = kept !== undefined && (this.#faults === "honest" || (this.#faults === "harmed" && seq <= this.#vouchedSeq));
    const offered = this.#offered.get(seq)?.find((entry) => isSame(entry.bytes, value));
    if (mustBeKept || offered === undefined) throw new Violation("I3", `record ${seq} has ${kept === undefined ? "a value that it never had" : "another value"}`);
    this.#keep(seq, { ...offered, durable: true });
  }

  /** Checks a log that was just opened, and takes what it shows as promised. */
  opened(log: OpenedLog): void {
    this.#checkFloor(log);
    const lastSeq = log.readOnly ? log.nextSeq - 1 : log.durableSeq;
    if (!log.readOnly && log.nextSeq !== log.durableSeq + 1) throw new Violation("I7", `the next number is ${log.nextSeq}, but ${log.durableSeq} is the last one`);
    const promised = this.#faults === "honest" ? this.keptSeq : this.#faults === "harmed" ? Math.min(this.keptSeq, this.#vouchedSeq) : 0;
    if (lastSeq < promised) throw new Violation("I1", `record ${promised} was promised, and the log ends at ${lastSeq}`);
    this.#forgetAbove(lastSeq);
    if (log.records === undefined) return;
    let seq = log.firstSeq;
    for (const record of log.records) {
      if (record.seq !== seq) throw new Violation("I4", `record ${seq} is missing before ${record.seq}`);
      this.deliver(seq, record.value);
      seq += 1;
    }
    if (seq <= log.durableSeq) throw new Violation("I4", `record ${seq} is missing; the last one is ${log.durableSeq}`);
    const last = this.#kept.get(log.durableSeq);
    if (this.#faults === "honest" && last !== undefined && seq > log.firstSeq && last.batchLast > lastSeq) {
      throw new Violation("I2", `of the batch ${last.batchFirst} to ${last.batchLast} only what is up to ${log.durableSeq} is there`);
    }
    if (this.#faults === "honest") for (let it = log.firstSeq; it < seq; it += 1) this.#offered.delete(it);
  }

  #checkFloor({ firstSeq }: OpenedLog): void {
    if (firstSeq > this.#floorAsked) throw new Violation("I1", `records below ${firstSeq} are gone, and nobody trimmed above ${this.#floorAsked}`);
    // The frame that states a floor may be what was harmed.
    if (firstSeq < this.#floorDone && this.#faults === "honest") throw new Violation("I1", `trimmed below ${this.#floorDone}, and the log begins at ${firstSeq} again`);
  }

  /** An opening that succeeded decides: what it does not have is gone for ever. */
  #forgetAbove(lastSeq: number): void {
    for (const seq of this.#kept.keys()) if (seq > lastSeq) this.#kept.delete(seq);
    if (this.#faults !== "honest") return;
    for (const seq of this.#offered.keys()) if (seq > lastSeq) this.#offered.delete(seq);
  }

  #keep(seq: number, entry: Entry): void {
    this.#kept.set(seq, entry);
    if (this.#faults === "honest") this.#offered.delete(seq);
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one === other || Buffer.compare(one, other) === 0;
}
