import { valuesOfLine, type LineFormat } from "../format/values-of-line.js";
import { RuntimeError } from "../errors.js";
import type { LineSource } from "./read-lines.js";

/** A line whose id is not greater than all before it. */
export interface Straggler {
  readonly id: bigint;
  readonly line: number;
  readonly offset: number;
  readonly length: number;
}

/** Hears of a line whose id another one has too: one of the same bytes, or another value. */
export type OnTwin = (straggler: Straggler, code: "line_repeated" | "id_shared") => void;

/** Lines that are out of order, in order: each is read when its turn comes. */
export class StragglerQueue<T> {
  readonly #source: LineSource;
  readonly #format: LineFormat<T>;
  readonly #onTwin: OnTwin;
  readonly #sorted: readonly Straggler[];
  #at = 0;

  /** @param stragglers - In the order of the file. */
  constructor(source: LineSource, format: LineFormat<T>, stragglers: readonly Straggler[], onTwin: OnTwin) {
    this.#source = source;
    this.#format = format;
    this.#onTwin = onTwin;
    this.#sorted = [...stragglers].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.offset - b.offset));
  }

  get nextId(): bigint | undefined {
    return this.#sorted[this.#at]?.id;
  }

  /** The values of the next id, in the order of the file, each text of a line once. `known` are those that were given already. */
  async *takeGroup(known: Uint8Array[]): AsyncGenerator<T, void, undefined> {
    const id = this.nextId;
    for (let next = this.#sorted[this.#at]; next !== undefined && next.id === id; next = this.#sorted[this.#at]) {
      this.#at += 1;
      const { bytes, value } = await this.#read(next);
      if (known.some((it) => Buffer.compare(it, bytes) === 0)) {
        this.#onTwin(next, "line_repeated");
        continue;
      }
      if (known.length > 0) this.#onTwin(next, "id_shared");
      known.push(bytes);
      yield value;
    }
  }

  async #read({ offset, length }: Straggler): Promise<{ readonly bytes: Uint8Array; readonly value: T }> {
    const { storage, key, signal } = this.#source;
    const bytes = await storage.read(key, { range: { offset, length }, signal });
    if (bytes !== undefined) {
      const [found] = valuesOfLine(bytes, this.#format, true).values;
      if (found !== undefined) return { bytes, value: found.value };
    }
    throw new RuntimeError("RUNTIME_CORRUPT", `${key} was changed while it was read`, { operation: "read events", key, offset, retryable: true });
  }
}
