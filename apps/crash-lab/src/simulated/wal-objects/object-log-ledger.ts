import { createHash } from "node:crypto";
import { Violation } from "../violation.js";

/** A writer that has won the log: from its first number on nobody else may write. */
export interface OpenedTerm {
  readonly writer: string;
  /** Position of its claim. */
  readonly term: number;
  readonly nextSeq: number;
}

/**
 * What the writers of one log on object storage were told and its readers given, over all takeovers. Every record has a text of its own,
 * which begins with the name of its writer and a colon.
 */
export class ObjectLogLedger {
  readonly #acknowledged = new Map<number, string>();
  readonly #delivered = new Map<number, string>();
  readonly #places = new Map<string, number>();
  readonly #offered = new Set<string>();
  readonly #notApplied = new Set<string>();
  readonly #terms = new Map<string, OpenedTerm>();
  readonly #events = createHash("sha256");
  #lastAcknowledged = 0;
  #trimAsked = 1;

  /** The highest sequence number that was acknowledged, 0 for none. */
  get lastAcknowledged(): number {
    return this.#lastAcknowledged;
  }

  /** Over everything that was told: two runs with the same hash told the same. Ends the ledger. */
  hash(): string {
    return this.#events.digest("hex");
  }

  /**
   * A writer has opened the log.
   *
   * @param acknowledgedBefore - {@link lastAcknowledged} when it began to.
   */
  open(opened: OpenedTerm, acknowledgedBefore: number): void {
    const { writer, term, nextSeq } = opened;
    this.#note(`open ${writer} ${term} ${nextSeq}`);
    if (nextSeq <= acknowledgedBefore) throw new Violation("I1", `record ${acknowledgedBefore} was acknowledged, and ${writer} opened the log afterwards with ${nextSeq} as its next`);
    for (const other of this.#terms.values()) {
      if (other.term === term) throw new Violation("I13", `${writer} and ${other.writer} both won the log by position ${term}`);
      const [older, newer] = other.term < term ? [other, opened] : [opened, other];
      if (older.nextSeq > newer.nextSeq) throw new Violation("I13", `${newer.writer} took over from ${older.writer} and begins before it, at ${newer.nextSeq}`);
    }
    this.#terms.set(writer, opened);
    // What those before it had acknowledged lies before its claim.
    for (const [seq, text] of this.#acknowledged) this.#requireOwner(seq, text, "acknowledged");
    for (const [seq, text] of this.#delivered) this.#requireOwner(seq, text, "delivered");
  }

  /** Somebody is about to append these as one unit. */
  offer(texts: readonly string[]): void {
    for (const text of texts) this.#offered.add(text);
  }

  acknowledge(first: number, texts: readonly string[]): void {
    this.#note(`acknowledged ${first} ${texts.join()}`);
    for (const [index, text] of texts.entries()) {
      const seq = first + index;
      const before = this.#acknowledged.get(seq);
      if (before !== undefined) throw new Violation("I7", `${before} and ${text} were both acknowledged as record ${seq}`);
      const shown = this.#delivered.get(seq);
      if (shown !== undefined && shown !== text) throw new Violation("I13", `record ${seq} is ${shown} for a reader, and ${text} was acknowledged as it`);
      this.#acknowledged.set(seq, text);
      this.#lastAcknowledged = Math.max(this.#lastAcknowledged, seq);
      this.#requireOwner(seq, text, "acknowledged");
    }
  }

  /** An append has failed. */
  refuse(texts: readonly string[], code: string, outcome: string | undefined): void {
    this.#note(`refused ${code} ${outcome ?? ""} ${texts.join()}`);
    if (outcome !== "not_applied" && outcome !== "unknown") throw new Violation("I14", `an append fails with ${code} and does not say whether it was applied`);
    if (outcome === "unknown") return;
    for (const text of texts) {
      this.#notApplied.add(text);
      const seq = this.#places.get(text);
      if (seq !== undefined) throw new Violation("I14", `${text} was refused as not applied, and is record ${seq}`);
    }
  }

  /** Somebody asks to give up what is below `seq`. */
  askTrim(seq: number): void {
    this.#note(`trim ${seq}`);
    this.#trimAsked = Math.max(this.#trimAsked, seq);
  }

  /** Somebody is told that the log begins here. */
  begin(firstSeq: number): void {
    if (firstSeq > this.#trimAsked) throw new Violation("I1", `the log begins at ${firstSeq}, and nobody asked to give up more than what is below ${this.#trimAsked}`);
  }

  /** Somebody was given a record: the same one for everybody, for ever. */
  deliver(seq: number, text: string): void {
    const acknowledged = this.#acknowledged.get(seq);
    if (acknowledged !== undefined && acknowledged !== text) throw new Violation("I1", `record ${seq} is ${text}; ${acknowledged} was acknowledged`);
    const shown = this.#delivered.get(seq);
    if (shown === text) return;
    this.#note(`delivered ${seq} ${text}`);
    if (shown !== undefined) throw new Violation("I3", `record ${seq} is ${text}, and was ${shown} before`);
    if (!this.#offered.has(text)) throw new Violation("I3", `record ${seq} is ${JSON.stringify(text)}, which nobody appended`);
    if (this.#notApplied.has(text)) throw new Violation("I14", `${text} was refused as not applied, and is record ${seq}`);
    const place = this.#places.get(text);
    if (place !== undefined) throw new Violation("I7", `${text} is record ${place} and record ${seq}`);
    this.#places.set(text, seq);
    this.#delivered.set(seq, text);
    this.#requireOwner(seq, text, "delivered");
  }

  /** Nothing of a writer stands at or behind the first number of one that took over from it. */
  #requireOwner(seq: number, text: string, how: string): void {
    const own = this.#terms.get(text.slice(0, text.indexOf(":")));
    if (own === undefined) return;
    for (const { writer, term, nextSeq } of this.#terms.values()) {
      if (term > own.term && seq >= nextSeq) {
        throw new Violation("I13", `${text} was ${how} as record ${seq}; ${writer} had taken the log over from ${own.writer} before, with ${nextSeq} as its next`);
      }
    }
  }

  #note(event: string): void {
    this.#events.update(`${event}\n`);
  }
}
