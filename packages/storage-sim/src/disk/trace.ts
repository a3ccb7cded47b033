import type { SimOperation } from "../fault-plan.js";

/** A call as it is kept when {@link SimDiskOptions.keepTrace} is set. */
export interface TracedCall {
  readonly operation: SimOperation;
  readonly path: string;
  /** `"512@4096"` for bytes at an offset, a size, the other path of a rename; or nothing. */
  readonly detail: string;
  /** `"ok"`, a number of bytes, or the code of an error. */
  readonly answer: string;
  /** The fault that it met. */
  readonly fault: string | undefined;
}

/**
 * A hash over the calls of a run: two runs with the same hash did the same. Names count by the order of their first use, so
 * that a process id in the name of a temporary file makes no difference; contents do not count.
 *
 * FNV-1a over 32-bit words, in two lanes. Integers only.
 */
export class Trace {
  #high: number;
  #low: number;
  readonly #names = new Map<string, number>();
  readonly #kept: TracedCall[] | undefined;

  /** @param kept - Whether calls are kept, beside the hash. */
  constructor(kept: boolean, from?: Trace) {
    this.#high = from === undefined ? 0x811c9dc5 : from.#high;
    this.#low = from === undefined ? 0x01234567 : from.#low;
    this.#kept = kept ? [] : undefined;
  }

  get hash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  get calls(): readonly TracedCall[] {
    return this.#kept ?? [];
  }

  /** @param word - A safe integer. */
  add(word: number): void {
    const low = word | 0;
    this.#high = Math.imul(this.#high ^ low, 0x01000193);
    this.#low = Math.imul(this.#low ^ low ^ (this.#high >>> 15), 0x5bd1e995);
    const rest = Math.floor(word / 0x1_0000_0000);
    if (rest !== 0) this.add(rest);
  }

  addName(path: string): void {
    let index = this.#names.get(path);
    if (index === undefined) {
      index = this.#names.size;
      this.#names.set(path, index);
    }
    this.add(index);
  }

  addText(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.add(text.charCodeAt(at));
  }

  /** Whether calls are kept. */
  get keeps(): boolean {
    return this.#kept !== undefined;
  }

  keep(call: TracedCall): void {
    this.#kept?.push(call);
  }
}
