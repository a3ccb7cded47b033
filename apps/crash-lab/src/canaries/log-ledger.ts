import { Violation } from "../simulated/violation.js";

/** What an opened log shows. */
export interface Shown {
  readonly firstSeq: number;
  readonly nextSeq: number;
  /** From `firstSeq` on, as far as they could be read. */
  readonly values: ReadonlyMap<number, string>;
}

/**
 * What was offered to a log and what it promised: the model that an opened log is compared with. Cloned where a crash makes two
 * histories of one.
 */
export class LogLedger {
  /** What may stand under a number: everything that was appended there and was not reported as gone. */
  readonly #possible = new Map<number, Set<string>>();
  /** What must stand there for ever: acknowledged as durable, or delivered. */
  readonly #promised = new Map<number, string>();
  /** Acknowledged by a relaxed log: survives the death of the process. */
  readonly #written = new Map<number, string>();
  /** First and last number of batches. */
  #batches: readonly (readonly [first: number, last: number])[] = [];
  #floorSeq = 1;
  #askedFloorSeq = 1;
  /** From here on records may be gone without an error, because what proved them was harmed. */
  #mayLoseFrom = Infinity;
  /** Whether something durable was harmed: the log may then say so. */
  isHarmed = false;

  /** Values are on their way. */
  offer(first: number, values: readonly string[]): void {
    for (const [index, value] of values.entries()) {
      const possible = this.#possible.get(first + index) ?? new Set();
      this.#possible.set(first + index, possible.add(value));
    }
    if (values.length > 1) this.#batches = [...this.#batches, [first, first + values.length - 1]];
  }

  /** Values that were refused before anything was written. */
  withdraw(first: number, values: readonly string[]): void {
    for (const [index, value] of values.entries()) this.#possible.get(first + index)?.delete(value);
  }

  /** A value was acknowledged as durable, or delivered. */
  promise(seq: number, value: string): void {
    const before = this.#promised.get(seq);
    if (before !== undefined && before !== value) {
      throw new Violation("I7", `record ${seq} was promised as ${brief(before)} and is now promised as ${brief(value)}`);
    }
    if (this.#possible.get(seq)?.has(value) !== true) throw new Violation("I3", `record ${seq} is ${brief(value)}, which nobody appended there`);
    this.#promised.set(seq, value);
  }

  /** A relaxed log acknowledged a value. */
  wrote(seq: number, value: string): void {
    this.#written.set(seq, value);
  }

  /** A relaxed log answered that everything through `seq` is durable. */
  synced(seq: number): void {
    for (const [at, value] of this.#written) {
      if (at > seq) continue;
      this.#written.delete(at);
      this.promise(at, value);
    }
  }

  /** Whether a value was acknowledged or delivered. */
  hasPromised(value: string): boolean {
    return [...this.#promised.values()].includes(value);
  }

  askTrim(seq: number): void {
    this.#askedFloorSeq = Math.max(this.#askedFloorSeq, seq);
  }

  trimmed(seq: number): void {
    this.#floorSeq = Math.max(this.#floorSeq, seq);
  }

  /** Durable bytes were harmed. Records below `mayLoseFrom` must not be lost without an error for it. */
  harm(mayLoseFrom: number): void {
    this.isHarmed = true;
    this.#mayLoseFrom = Math.min(this.#mayLoseFrom, mayLoseFrom);
  }

  /** A log was opened, and shows this. What it shows is promised from now on, what it does not show is gone for ever. */
  opened({ firstSeq, nextSeq, values }: Shown): void {
    if (firstSeq < this.#floorSeq) throw new Violation("I1", `what was trimmed below ${this.#floorSeq} is back from ${firstSeq} on`);
    if (firstSeq > this.#askedFloorSeq) throw new Violation("I1", `the log begins at ${firstSeq}, and nobody trimmed it beyond ${this.#askedFloorSeq}`);
    for (const [seq, value] of [...this.#promised, ...this.#written]) {
      if (seq >= firstSeq && seq >= nextSeq && seq < this.#mayLoseFrom) throw new Violation("I1", `record ${seq}, ${brief(value)}, was promised and is gone; the next one is ${nextSeq}`);
    }
    for (const [first, last] of this.#batches) {
      if (first >= firstSeq && nextSeq > first && nextSeq <= last) throw new Violation("I2", `of the batch ${first} to ${last} only what is below ${nextSeq} is there`);
    }
    for (const seq of this.#promised.keys()) if (seq >= nextSeq) this.#promised.delete(seq);
    for (const seq of this.#possible.keys()) if (seq >= nextSeq) this.#possible.delete(seq);
    this.#batches = this.#batches.filter(([first]) => first < nextSeq);
    this.#written.clear();
    for (let seq = firstSeq; seq < nextSeq; seq++) {
      const value = values.get(seq);
      if (value !== undefined) this.promise(seq, value);
      else if (!this.isHarmed) throw new Violation("I4", `record ${seq} is missing between ${firstSeq} and ${nextSeq}`);
    }
  }

  /** @param kind - What happened where the two histories part. */
  clone(kind: "power" | "process" | "none"): LogLedger {
    const copy = new LogLedger();
    for (const [seq, values] of this.#possible) copy.#possible.set(seq, new Set(values));
    for (const [seq, value] of this.#promised) copy.#promised.set(seq, value);
    if (kind !== "power") for (const [seq, value] of this.#written) copy.#written.set(seq, value);
    copy.#batches = this.#batches;
    copy.#floorSeq = this.#floorSeq;
    copy.#askedFloorSeq = this.#askedFloorSeq;
    copy.#mayLoseFrom = this.#mayLoseFrom;
    copy.isHarmed = this.isHarmed;
    return copy;
  }
}

function brief(value: string): string {
  return JSON.stringify(value.length > 24 ? `${value.slice(0, 20)}…` : value);
}
