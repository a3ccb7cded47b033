import type { TimedClaim } from "../work/claims.js";
import type { Finding, ReadRecord } from "../work/log-ledger.js";
import { describeBytes, recordBytes } from "../work/record-bytes.js";
import { OPENING } from "./takeover-options.js";

/**
 * What the writers of one log on object storage have claimed, several of them alive at once, and what must therefore be in it: all that
 * any of them was told is durable, and behind the claim of one nothing of those before it.
 */
export class TakeoverLedger {
  readonly #writers = new Map<number, Writer>();
  readonly #offers = new Map<number, Offer>();
  readonly #findings: Finding[] = [];

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Takes the next claim of a writer. Writers have numbers of their own; their claims may come in any order between them. */
  take(number: number, claim: TimedClaim): void {
    const writer = this.#writer(number);
    if (claim.is === "opened") writer.opened = { term: claim.term ?? 0, nextSeq: claim.nextSeq, atMs: claim.atMs };
    if (claim.is === "begin") this.#begin(number, claim);
    if (claim.is === "acknowledged") this.#answer(claim.token, "acknowledged");
    if (claim.is === "refused") this.#refuse(writer, claim.token, claim.code, claim.outcome);
    if (claim.is === "failed" && claim.operation !== OPENING) this.#find("failed", `writer ${number} failed to ${claim.operation}: ${claim.code}`);
    if (claim.is === "wrong") this.#find("wrong", `writer ${number}, ${claim.operation}: ${claim.detail}`);
  }

  /** Whether a writer was told that it is fenced. */
  isFenced(number: number): boolean {
    return this.#writer(number).isFenced;
  }

  /** How many records a writer was told are durable. */
  acknowledged(number: number): number {
    const own = [...this.#offers.values()].filter((offer) => offer.writer === number && offer.state === "acknowledged");
    return own.reduce((sum, offer) => sum + offer.sizes.length, 0);
  }

  /** A writer that opened the log and was let write must have been answered. */
  requireAcknowledged(number: number): void {
    if (this.acknowledged(number) === 0) this.#find("no use", `writer ${number} came to its end before anything was acknowledged to it`);
  }

  /** A writer that was superseded and went on to its end must have been told so. */
  requireFenced(number: number): void {
    if (!this.isFenced(number)) this.#find("not fenced", `writer ${number} came to its end and was never told WAL_FENCED`);
  }

  /**
   * Compares all records of the log, from number 1, with what was claimed.
   *
   * @returns How many there are.
   */
  async check(records: AsyncIterable<ReadRecord>): Promise<number> {
    const found = new Map<number, number>();
    let expected = 1;
    for await (const { seq, value } of records) {
      if (seq !== expected) this.#find("gap", `read ${seq} where ${expected} comes next`);
      expected = seq + 1;
      const token = this.#checkRecord(seq, value);
      if (token !== undefined) found.set(token, (found.get(token) ?? 0) + 1);
    }
    for (const [token, offer] of this.#offers) this.#checkOffer(token, offer, found.get(token) ?? 0);
    return expected - 1;
  }

  #checkRecord(seq: number, value: Uint8Array): number | undefined {
    const [, token, index] = /^<write (\d+)\.(\d+)>/.exec(Buffer.from(value.subarray(0, 40)).toString("latin1")) ?? [];
    const offer = this.#offers.get(Number(token));
    if (offer === undefined) {
      this.#find("invented", `${seq} holds ${describeBytes(value)}, and nobody appended that`);
      return undefined;
    }
    const size = offer.sizes[Number(index)] ?? 0;
    const isWhole = Buffer.compare(value, recordBytes(Number(token), Number(index), size)) === 0;
    if (!isWhole) this.#find("altered", `${seq} holds ${describeBytes(value)}, and not as they were appended`);
    if (offer.first + Number(index) !== seq) this.#find("moved", `${seq} holds record ${String(index)} of write ${String(token)}, which was to be ${offer.first + Number(index)}`);
    const owner = this.#ownerOf(seq);
    if (owner !== offer.writer) this.#find("after a claim", `${seq} holds write ${String(token)} of writer ${offer.writer}; by its claim it is for writer ${String(owner)}`);
    return Number(token);
  }

  #checkOffer(token: number, { writer, first, sizes, state, beganAtMs }: Offer, found: number): void {
    const about = `write ${token} of writer ${writer} (from ${first}, ${sizes.length} records)`;
    if (state === "acknowledged" && found < sizes.length) this.#find("lost", `${about} was acknowledged, and ${found} are there`);
    if (state === "not_applied" && found > 0) this.#find("refused and there", `${about} was refused as not applied, and ${found} are there`);
    if (found !== 0 && found !== sizes.length) this.#find("part of a batch", `${about}: ${found} are there`);
    const term = this.#writer(writer).opened?.term ?? 0;
    const successor = [...this.#writers.values()].find(({ opened }) => opened !== undefined && opened.term > term && opened.atMs < beganAtMs);
    if (state === "acknowledged" && successor !== undefined) {
      this.#find("acknowledged too late", `${about} began when term ${successor.opened?.term ?? 0} was open already, and was acknowledged`);
    }
  }

  /** Of the writers whose claims lie before a record, the one with the last claim. */
  #ownerOf(seq: number): number | undefined {
    let owner: number | undefined;
    let term = -1;
    for (const [number, { opened }] of this.#writers) {
      if (opened === undefined || opened.nextSeq > seq || opened.term < term) continue;
      owner = number;
      term = opened.term;
    }
    return owner;
  }

  #begin(writer: number, { token, attempt, atMs }: TimedClaim & { readonly is: "begin" }): void {
    if (attempt.what !== "append") throw new Error(`A writer that is taken over only appends, and has begun to ${attempt.what}.`);
    this.#offers.set(token, { writer, first: attempt.first, sizes: attempt.sizes, beganAtMs: atMs, state: "open" });
  }

  #refuse(writer: Writer, token: number, code: string, outcome: string | undefined): void {
    if (code === "WAL_FENCED") writer.isFenced = true;
    else this.#find("refused", `write ${token} was refused with ${code}`);
    if (outcome !== "not_applied" && outcome !== "unknown") this.#find("no outcome", `write ${token} was refused with ${code} and outcome ${String(outcome)}`);
    this.#answer(token, outcome === "not_applied" ? "not_applied" : "unknown");
  }

  #answer(token: number, state: Offer["state"]): void {
    const offer = this.#offers.get(token);
    if (offer === undefined) throw new Error(`Write ${token} was answered and has not begun.`);
    const { writer } = offer;
    if (state === "acknowledged" && this.#writer(writer).isFenced) this.#find("not final", `write ${token} of writer ${writer} was acknowledged after WAL_FENCED`);
    offer.state = state;
  }

  #writer(number: number): Writer {
    const known = this.#writers.get(number);
    if (known !== undefined) return known;
    const writer: Writer = { opened: undefined, isFenced: false };
    this.#writers.set(number, writer);
    return writer;
  }

  #find(kind: string, detail: string): void {
    this.#findings.push({ kind, detail });
  }
}

interface Writer {
  opened: { readonly term: number; readonly nextSeq: number; readonly atMs: number } | undefined;
  isFenced: boolean;
}

interface Offer {
  readonly writer: number;
  readonly first: number;
  readonly sizes: readonly number[];
  readonly beganAtMs: number;
  state: "open" | "acknowledged" | "not_applied" | "unknown";
}
