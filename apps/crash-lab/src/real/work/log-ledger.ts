import type { Attempt, Claim } from "./claims.js";
import { describeBytes, recordBytes } from "./record-bytes.js";

/** Something that must not be, found in claims or in what was read. */
export interface Finding {
  readonly kind: string;
  readonly detail: string;
}

/** A record that was read. */
export interface ReadRecord {
  readonly seq: number;
  readonly value: Uint8Array;
}

/** What a reading of a log found. */
export interface LogReading {
  readonly firstSeq: number;
  readonly records: AsyncIterable<ReadRecord>;
}

/** What the writers of one log, one after the other, have claimed, and what must therefore be in it. */
export class LogLedger {
  readonly #crash: "process" | "power";
  readonly #findings: Finding[] = [];
  /** Which attempt each sequence number belongs to, as far as one may have been written. */
  readonly #offers = new Map<number, Offer>();
  /** Attempts of the open log that were not answered yet. */
  readonly #appends = new Map<number, AppendAttempt>();
  /** Every trim that may have happened, by token. */
  readonly #trims = new Map<number, number>();
  #acknowledgedTrim = 1;
  /** Answered through this sequence number, in order. */
  #acknowledged = 0;
  /** Through this one it must be there after a crash. */
  #promised = 0;
  #isRelaxed = false;
  /** A write of the open log has failed, and what became of it is not known. It must not acknowledge anything any more. */
  #isPoisoned = false;

  /** @param crash - What the crashes are: when only the process ends, what a relaxed log has acknowledged is kept as well. */
  constructor(crash: "process" | "power") {
    this.#crash = crash;
  }

  /** Everything found so far that must not be. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** The last sequence number that must survive. */
  get promised(): number {
    return this.#promised;
  }

  /** Takes the next claim of the running child, or of the one after it. */
  take(claim: Claim): void {
    if (claim.is === "opened") this.#opened(claim);
    if (claim.is === "begin") this.#begin(claim.token, claim.attempt);
    if (claim.is === "acknowledged") this.#acknowledge(claim.token);
    if (claim.is === "refused") this.#refuse(claim.token, claim.code, claim.outcome);
    if (claim.is === "durable") this.#promise(claim.seq);
    if (claim.is === "wrong") this.#find("wrong", `${claim.operation}: ${claim.detail}`);
  }

  /**
   * Compares what is read with what was claimed: every record through the last promised one is there, the numbers go up by one, every
   * record has the bytes that were appended under its number, and nothing else is there. What was read is promised from then on.
   *
   * @returns How many records were read.
   */
  async check({ firstSeq, records }: LogReading): Promise<number> {
    const offeredTrim = Math.max(1, ...this.#trims.values());
    if (firstSeq < this.#acknowledgedTrim) this.#find("trim undone", `begins at ${firstSeq}, trimmed below ${this.#acknowledgedTrim}`);
    if (firstSeq > offeredTrim) this.#find("lost", `begins at ${firstSeq}, nothing above ${offeredTrim} was to be trimmed`);
    let expected = firstSeq;
    for await (const { seq, value } of records) {
      if (seq !== expected) this.#find("gap", `read ${seq} where ${expected} comes next`);
      expected = seq + 1;
      this.#checkRecord(seq, value);
    }
    if (expected <= this.#promised) this.#find("lost", `ends before ${expected}, ${this.#promised} was promised`);
    this.#promised = expected - 1;
    return expected - firstSeq;
  }

  /** Takes what a reader in another process was given: it was appended, and must stay. */
  delivered(records: readonly ReadRecord[]): void {
    for (const { seq, value } of records) {
      this.#checkRecord(seq, value);
      this.#promise(seq);
    }
  }

  #opened({ nextSeq, durableSeq, relaxed }: Claim & { readonly is: "opened" }): void {
    if (nextSeq <= this.#promised) this.#find("lost", `opened at ${nextSeq}, ${this.#promised} was promised`);
    for (let seq = this.#promised + 1; seq < nextSeq; seq++) {
      if (!this.#offers.has(seq)) this.#find("invented", `opened at ${nextSeq}, ${seq} was never appended`);
    }
    const last = this.#offers.get(nextSeq - 1);
    if (last !== undefined && lastOf(last.attempt) >= nextSeq) this.#find("part of a batch", `opened at ${nextSeq}, within ${describeOffer(last)}`);
    for (const seq of [...this.#offers.keys()]) if (seq >= nextSeq) this.#offers.delete(seq);
    this.#appends.clear();
    this.#acknowledged = nextSeq - 1;
    this.#promised = Math.min(this.#promised, nextSeq - 1); // reported once
    this.#promise(durableSeq);
    this.#isRelaxed = relaxed;
    this.#isPoisoned = false;
  }

  #begin(token: number, attempt: Attempt): void {
    if (attempt.what === "trim") this.#trims.set(token, attempt.seq);
    if (attempt.what !== "append") return;
    this.#appends.set(token, attempt);
    for (let seq = attempt.first; seq <= lastOf(attempt); seq++) this.#offers.set(seq, { token, attempt });
  }

  #acknowledge(token: number): void {
    const trim = this.#trims.get(token);
    const append = this.#appends.get(token);
    if (trim === undefined && append === undefined) return; // another store's
    if (this.#isPoisoned) this.#find("poisoned", `write ${token} was acknowledged after a write had failed`);
    if (trim !== undefined) this.#acknowledgedTrim = Math.max(this.#acknowledgedTrim, trim);
    if (append === undefined) return;
    this.#appends.delete(token);
    if (append.first !== this.#acknowledged + 1) this.#find("out of order", `write ${token} was acknowledged as ${append.first} behind ${this.#acknowledged}`);
    this.#acknowledged = lastOf(append);
    if (!this.#isRelaxed || this.#crash === "process") this.#promise(this.#acknowledged);
  }

  #refuse(token: number, code: string, outcome: string | undefined): void {
    const append = this.#appends.get(token);
    if (append === undefined && !this.#trims.has(token)) return; // another store's
    if (outcome === "unknown") {
      this.#isPoisoned = true;
    } else if (outcome === "not_applied") {
      this.#trims.delete(token);
      for (const [seq, offer] of [...this.#offers]) if (offer.token === token) this.#offers.delete(seq);
    } else {
      this.#find("no outcome", `write ${token} was refused with ${code} and outcome ${String(outcome)}`);
    }
    this.#appends.delete(token);
  }

  #promise(seq: number): void {
    this.#promised = Math.max(this.#promised, seq);
  }

  #checkRecord(seq: number, value: Uint8Array): void {
    const offer = this.#offers.get(seq);
    if (offer === undefined) {
      this.#find("invented", `${seq} holds ${describeBytes(value)}, and nothing that may be there was appended`);
      return;
    }
    const index = seq - offer.attempt.first;
    const expected = recordBytes(offer.token, index, offer.attempt.sizes[index] ?? 0);
    if (Buffer.compare(value, expected) !== 0) this.#find("altered", `${seq} holds ${describeBytes(value)}, not those of ${describeOffer(offer)}`);
  }

  #find(kind: string, detail: string): void {
    this.#findings.push({ kind, detail });
  }
}

type AppendAttempt = Attempt & { readonly what: "append" };

interface Offer {
  readonly token: number;
  readonly attempt: AppendAttempt;
}

function lastOf({ first, sizes }: AppendAttempt): number {
  return first + sizes.length - 1;
}

function describeOffer({ token, attempt }: Offer): string {
  return `write ${token} (${attempt.first} to ${lastOf(attempt)})`;
}
