import { onAbort } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import type { WalSegmentInfo } from "./infos.js";
import { formatIndex, formatOffset } from "./numbers.js";
import { compareBigints } from "./pos.js";

/** What an iterator goes over. */
export interface WalSegmentIteratorOptions {
  readonly generation: string;
  /** The indexes to be read, ascending. */
  readonly indexes: readonly bigint[];
  /** The segments of an index, when its turn has come. What it throws ends the iterator. */
  readonly readIndex: (index: bigint) => Promise<readonly WalSegmentInfo[]>;
}

/**
 * Goes over the WAL segments of a generation in order, and takes new ones that are announced meanwhile: litestream's
 * `FileWALSegmentIterator`, with its rules about what may be announced when. `ReplicaClient.follow` has none of them to keep.
 */
export class WalSegmentIterator implements AsyncIterable<WalSegmentInfo> {
  readonly #generation: string;
  readonly #readIndex: (index: bigint) => Promise<readonly WalSegmentInfo[]>;
  readonly #pending: bigint[];
  /** The current segment, then those of its index behind it. */
  #segments: WalSegmentInfo[] = [];
  /** Whether the only segment was announced after the end, and was not given yet. */
  #isBuffered = false;
  #failure: { readonly error: unknown } | undefined;
  #notify: (() => void) | undefined;
  #isNotified = false;

  constructor({ generation, indexes, readIndex }: WalSegmentIteratorOptions) {
    this.#generation = generation;
    this.#pending = [...indexes];
    this.#readIndex = readIndex;
  }

  /** Indexes whose segments were not read yet, ascending. */
  get pendingIndexes(): readonly bigint[] {
    return [...this.#pending];
  }

  /** The segment that `next` answered last; `undefined` before the first, at the end and after a failure. */
  get current(): WalSegmentInfo | undefined {
    return this.#failure === undefined ? this.#segments[0] : undefined;
  }

  /** The next segment. `undefined`: there is none now. @throws What ended the iterator. */
  async next(): Promise<WalSegmentInfo | undefined> {
    this.#requireSound();
    if (this.#isBuffered) {
      this.#isBuffered = false;
      return this.#segments[0];
    }
    this.#segments.shift();
    while (this.#segments.length === 0) {
      const index = this.#pending.shift();
      if (index === undefined) return undefined;
      this.#segments = await this.#read(index);
    }
    return this.#segments[0];
  }

  /** The segments that are there now, to the end. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WalSegmentInfo, void, undefined> {
    for (let segment = await this.next(); segment !== undefined; segment = await this.next()) yield segment;
  }

  /**
   * Announces a segment that was written. It has to follow what is known: the same index or the next one, and behind the last offset.
   * One of an index that is not read yet is not remembered, since it will be read; one that comes after the end is not checked.
   *
   * @throws REPLICA_GENERATION_MISMATCH, REPLICA_OUT_OF_ORDER: the iterator goes on without it. What ended the iterator.
   */
  append(segment: WalSegmentInfo): void {
    this.#requireSound();
    if (segment.generation !== this.#generation) throw new ReplicaError("REPLICA_GENERATION_MISMATCH", "generation mismatch", { operation: "append" });
    const lastPending = this.#pending.at(-1);
    const last = this.#segments.at(-1);
    if (lastPending !== undefined) this.#appendPending(segment, lastPending);
    else if (last !== undefined) this.#appendCurrent(segment, last);
    else {
      this.#segments = [segment];
      this.#isBuffered = true;
    }
    this.#signal();
  }

  /** Ends the iterator, unless it has ended: every later call throws `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#signal();
  }

  /** Whether something was announced since this was asked or waited for last. */
  takeNotification(): boolean {
    const isNotified = this.#isNotified;
    this.#isNotified = false;
    return isNotified;
  }

  /** Resolves when something is announced, or was since this was last waited for. @throws `signal.reason`. */
  async notified(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.takeNotification()) return;
    await new Promise<void>((resolve) => {
      const letGo = onAbort(signal, resolve);
      this.#notify = () => {
        letGo();
        resolve();
      };
    });
    signal?.throwIfAborted();
    this.#isNotified = false;
  }

  #appendPending({ index }: WalSegmentInfo, last: bigint): void {
    if (index < last) throw outOfOrder(`appended index ${quoted(index)} below max index ${quoted(last)}`);
    if (index > last + 1n) throw outOfOrder(`appended index ${quoted(index)} skips index ${quoted(last + 1n)}`);
    if (index > last) this.#pending.push(index);
  }

  #appendCurrent(segment: WalSegmentInfo, last: WalSegmentInfo): void {
    const { index, offset } = segment;
    if (index < last.index) throw outOfOrder(`appended index ${quoted(index)} below current index ${quoted(last.index)}`);
    if (index > last.index + 1n) throw outOfOrder(`appended index ${quoted(index)} skips next index ${quoted(last.index + 1n)}`);
    if (index > last.index) {
      this.#pending.push(index);
      return;
    }
    if (offset < last.offset) throw outOfOrder(`appended offset ${placeOf(segment)} before last offset ${placeOf(last)}`);
    if (offset === last.offset) throw outOfOrder(`duplicate offset ${placeOf(segment)} appended`);
    this.#segments.push(segment);
  }

  async #read(index: bigint): Promise<WalSegmentInfo[]> {
    try {
      return (await this.#readIndex(index)).toSorted((a, b) => compareBigints(a.offset, b.offset));
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #requireSound(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #signal(): void {
    this.#isNotified = true;
    this.#notify?.();
  }
}

function outOfOrder(message: string): ReplicaError {
  return new ReplicaError("REPLICA_OUT_OF_ORDER", message, { operation: "append" });
}

function quoted(index: bigint): string {
  return `"${formatIndex(index)}"`;
}

function placeOf({ index, offset }: WalSegmentInfo): string {
  return `${formatIndex(index)}/${formatOffset(offset)}`;
}
