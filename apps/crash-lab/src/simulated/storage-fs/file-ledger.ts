import { Violation } from "../violation.js";

/** Bytes that were appended, and are there from now on. */
interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** They survive power loss. Others survive the death of their process. */
  readonly durable: boolean;
}

/** What may be found in one file that grows in place. */
export class FileLedger {
  readonly #key: string;
  #pieces: readonly Piece[];
  /** Whether its name is promised. */
  exists: "no" | "maybe" | "yes";
  /** Behind what was promised there is nothing but zeros: nothing is being written, and no write has failed. */
  #isClean: boolean;

  constructor(key: string, from?: FileLedger) {
    this.#key = key;
    this.#pieces = from === undefined ? [] : from.#pieces;
    this.exists = from?.exists ?? "no";
    this.#isClean = from?.isClean ?? true;
  }

  get isClean(): boolean {
    return this.#isClean;
  }

  /** The end of what was promised. */
  get end(): number {
    return this.#pieces.reduce((end, { at, bytes }) => Math.max(end, at + bytes.length), 0);
  }

  /** After power loss, or where the cache may have lost what was never flushed. */
  forgetUnsynced(): void {
    const durable = this.#pieces.filter((it) => it.durable);
    if (durable.length < this.#pieces.length) this.#isClean = false;
    this.#pieces = durable;
  }

  /** A write begins, and may leave anything behind. */
  begin(): void {
    this.#isClean = false;
  }

  /** @param wasClean - Before the write began. */
  appended(at: number, bytes: Uint8Array, durable: boolean, wasClean: boolean): void {
    this.#pieces = [...this.#pieces, { at, bytes, durable }];
    this.#isClean = wasClean;
    if (durable) this.exists = "yes";
  }

  /** The write certainly did nothing. */
  withdrawn(wasClean: boolean): void {
    this.#isClean = wasClean;
  }

  synced(): void {
    this.#pieces = this.#pieces.map((piece) => ({ ...piece, durable: true }));
    if (this.#pieces.length > 0) this.exists = "yes";
  }

  /** A cut begins: what lies behind it may be there or not. */
  cutBegins(size: number): void {
    this.#isClean = false;
    this.#pieces = this.#pieces.filter(({ at }) => at < size).map((piece) => ({ ...piece, bytes: piece.bytes.subarray(0, size - piece.at) }));
  }

  /** It was cut. @param wasClean - Before that: else nobody knows what lies between what was promised and the cut. */
  cut(size: number, wasClean: boolean): void {
    this.#isClean = wasClean || this.end >= size;
    this.synced();
  }

  /** It was opened to go on behind what was found, which is durable from now on. */
  adopted(found: Uint8Array): void {
    this.#pieces = found.length === 0 ? [] : [{ at: 0, bytes: found, durable: true }];
    this.exists = "yes";
    this.#isClean = true;
  }

  /** Checks what was found. */
  found(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) {
      if (this.exists === "yes") throw new Violation("I1", `the file ${this.#key} is gone`);
      return;
    }
    if (this.exists === "no") throw new Violation("I3", `there is a file ${this.#key}, and nobody made it`);
    for (const { at, bytes: promised, durable } of this.#pieces) {
      const there = bytes.subarray(at, at + promised.length);
      if (Buffer.compare(there, promised) === 0) continue;
      const what = there.length < promised.length ? `ends at ${bytes.length}` : "holds other bytes there";
      throw new Violation("I1", `${durable ? "synced" : "written"} bytes ${at} to ${at + promised.length} of ${this.#key} were promised, and it ${what}`);
    }
    if (!this.#isClean) return;
    const { end } = this;
    const stray = bytes.subarray(end).findIndex((byte) => byte !== 0);
    if (stray >= 0) throw new Violation("I6", `behind byte ${end}, the end of ${this.#key}, there is something at ${end + stray}, and nothing was being written`);
  }
}
