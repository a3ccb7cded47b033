import { onAbort } from "@holdfast/storage";
import type { CommitBuffer } from "./commit-buffer.js";
import { CommitBufferPool, type CommitPosition } from "./commit-buffer.js";
import { WalError } from "./errors.js";
import { MAX_RECORDS_PER_COMMIT } from "./format/segment.js";
import type { AppendOptions } from "./types.js";
import type { SeqRange } from "./seq-range.js";

/** Bounds of a {@link CommitQueue}. */
export interface CommitQueueLimits {
  /** Bytes before the records of each commit, for the device's header. */
  readonly headroomBytes: number;
  /** Bytes that the records of a commit may have, with their lengths. */
  readonly maxBodyBytes: number;
  /** Bytes that may be on their way before appends wait. */
  readonly maxPendingBytes: number;
}

/**
 * Appends on their way into commits, in the order of their calls. Each joins the commit that is gathering, and has its sequence
 * number from then on; or it waits, encoded, until there is room. The commits are taken out one at a time.
 */
export class CommitQueue {
  readonly #limits: CommitQueueLimits;
  readonly #pool: CommitBufferPool;
  readonly #onJoined: () => void;
  readonly #onWaiting: () => void;
  /** Oldest first; the last one is gathering. */
  readonly #commits: CommitBuffer[] = [];
  readonly #waiting: WaitingAppend[] = [];
  #nextSeq: number;
  #pendingBytes = 0;
  #pendingRecords = 0;
  /** The records of a batch are being encoded. What the codec itself appends meanwhile waits: it must not get in between. */
  #isEncoding = false;

  /**
   * @param onJoined - Called after each append that joined a commit.
   * @param onWaiting - Called after each append that waits for room: what is gathered has to be written for it.
   */
  constructor(limits: CommitQueueLimits, nextSeq: number, { onJoined, onWaiting }: { readonly onJoined: () => void; readonly onWaiting: () => void }) {
    this.#limits = limits;
    this.#pool = new CommitBufferPool(limits.headroomBytes);
    this.#nextSeq = nextSeq;
    this.#onJoined = onJoined;
    this.#onWaiting = onWaiting;
  }

  /** The sequence number that the next append gets. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  /** Bytes in commits that were not finished. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingRecords(): number {
    return this.#pendingRecords;
  }

  get waitingAppends(): number {
    return this.#waiting.length;
  }

  get isEmpty(): boolean {
    return this.#commits.length === 0 && this.#waiting.length === 0;
  }

  /** Whether nothing more can join the oldest commit: another one gathers behind it, or appends wait for room. */
  get isOldestFull(): boolean {
    return this.#commits.length > 1 || this.#waiting.length > 0;
  }

  /** Adds one record. It is copied before this returns. */
  append(record: Uint8Array, options: AppendOptions | undefined): Promise<number> {
    const size = 4 + record.length;
    if (size > this.#limits.maxBodyBytes) return Promise.reject(this.#tooLarge("append", size));
    try {
      if (this.#mustWait(size)) {
        const records = this.#pool.take();
        records.add(record);
        return new Promise((resolve, reject) => {
          this.#wait(records, options, (range) => { resolve(range.first); }, reject);
        });
      }
      const conflict = this.#conflict(options);
      if (conflict !== undefined) return Promise.reject(conflict);
      const commit = this.#gathering(size, 1);
      commit.add(record);
      const seq = this.#nextSeq;
      return this.#join(commit, size, 1, options).then(() => seq);
    } catch (error) {
      return Promise.reject(notJoined(error)); // There is no memory for it.
    }
  }

  /**
   * Adds records as one unit. They are encoded straight into the gathering commit, and moved if they do not fit there.
   *
   * @param count - At least 1.
   * @param encode - Answers the bytes of record `index`, or why there are none; then nothing is added.
   */
  appendBatch(count: number, encode: (index: number) => Uint8Array | WalError, options: AppendOptions | undefined): Promise<SeqRange> {
    const answer = this.#appendBatch(count, encode, options);
    if (!this.#isEncoding) this.admit();
    return answer;
  }

  #appendBatch(count: number, encode: (index: number) => Uint8Array | WalError, options: AppendOptions | undefined): Promise<SeqRange> {
    if (count > MAX_RECORDS_PER_COMMIT) return Promise.reject(this.#tooLarge("appendBatch", 0));
    const gathering = this.#waiting.length === 0 && !this.#isEncoding ? this.#commits.at(-1) : undefined;
    const joins = gathering !== undefined && gathering.recordCount + count <= MAX_RECORDS_PER_COMMIT ? gathering : undefined;
    let target = joins ?? this.#pool.take();
    let from = target.position();
    const isNested = this.#isEncoding;
    this.#isEncoding = true;
    try {
      for (let index = 0; index < count; index++) {
        const record = encode(index);
        const size = record instanceof WalError ? 0 : 4 + record.length;
        const total = target.end - from.end + size;
        if (record instanceof WalError || total > this.#limits.maxBodyBytes) {
          this.#takeBack(target, from, joins);
          return Promise.reject(record instanceof WalError ? record : this.#tooLarge("appendBatch", total));
        }
        if (target === joins && joins.bodyBytes + size > this.#limits.maxBodyBytes) [target, from] = this.#moveOut(joins, from);
        target.add(record);
      }
      this.#isEncoding = isNested;
      if (target === joins && this.#mustWait(target.end - from.end)) [target, from] = this.#moveOut(joins, from);
    } catch (error) {
      // There is no memory for a record, or a value of the caller's array cannot be looked at.
      this.#takeBack(target, from, joins);
      return Promise.reject(notJoined(error));
    } finally {
      this.#isEncoding = isNested;
    }
    const size = target.end - from.end;
    if (this.#mustWait(size)) {
      const records = target;
      return new Promise((resolve, reject) => {
        this.#wait(records, options, resolve, reject);
      });
    }
    const conflict = this.#conflict(options);
    if (conflict !== undefined) {
      this.#takeBack(target, from, joins);
      return Promise.reject(conflict);
    }
    if (target !== joins) this.#startGathering(target);
    const range = { first: this.#nextSeq, last: this.#nextSeq + count - 1 };
    return this.#join(target, size, count, options).then(() => range);
  }

  /** Resolves when all appends that wait now have joined a commit and that is as durable as `options` asks for. */
  afterWaiting(options: AppendOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#wait(this.#pool.take(), options, resolve, reject);
    });
  }

  /** The commit that the next append may join, or the last one that is full. */
  get newest(): CommitBuffer | undefined {
    return this.#commits.at(-1);
  }

  /** The oldest commit, to be written. */
  take(): CommitBuffer | undefined {
    return this.#commits.shift();
  }

  /** A commit that was taken is written: there is room again. Its buffer stays the caller's until {@link recycle}. */
  finish(commit: CommitBuffer): void {
    this.#pendingBytes -= commit.bodyBytes;
    this.#pendingRecords -= commit.recordCount;
    this.admit();
  }

  /** Gives the buffer of a finished commit back. */
  recycle(commit: CommitBuffer): void {
    this.#pool.give(commit);
  }

  /** A commit that was taken was not written, without harm: its numbers are free again, and what stood on them goes with it. */
  rollBack(commit: CommitBuffer, error: unknown): void {
    const gone = [commit, ...this.#commits.splice(0)];
    this.#nextSeq = commit.firstSeq;
    for (const one of gone) {
      this.#pendingBytes -= one.bodyBytes;
      this.#pendingRecords -= one.recordCount;
    }
    for (const one of gone) one.settle(error);
    this.admit();
  }

  /** Rejects everything that was not taken. */
  fail(error: Error): void {
    this.#pendingBytes = 0;
    this.#pendingRecords = 0;
    for (const commit of this.#commits.splice(0)) commit.settle(error);
    for (const waiting of this.#waiting.splice(0)) {
      waiting.stopListening();
      waiting.reject(error);
    }
  }

  /** Lets appends that wait join as far as there is room, in their order. */
  admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const { records } = next;
      const size = records.bodyBytes;
      if (this.#pendingBytes > 0 && this.#pendingBytes + size > this.#limits.maxPendingBytes) return;
      this.#waiting.shift();
      next.stopListening();
      const conflict = this.#conflict(next.options);
      const count = records.recordCount;
      if (next.options?.signal?.aborted === true) {
        // One signal for several appends: abandoning the first made room for this one before its own turn came.
        next.reject(next.options.signal.reason as Error);
      } else if (conflict !== undefined) {
        next.reject(conflict);
      } else if (count === 0) {
        next.resolve({ first: this.#nextSeq, last: this.#nextSeq - 1 });
      } else {
        this.#joinLate(next);
      }
      this.#pool.give(records);
    }
  }

  /** Lets an append that waited join. If there is no memory for it, it alone is rejected: who made room is not told of it. */
  #joinLate({ records, options, resolve, reject }: WaitingAppend): void {
    const { bodyBytes, recordCount } = records;
    let commit: CommitBuffer;
    try {
      commit = this.#gathering(bodyBytes, recordCount);
      commit.addAll(records, { end: records.start, recordCount: 0, payloadBytes: 0 });
    } catch (error) {
      reject(notJoined(error));
      return;
    }
    const range = { first: this.#nextSeq, last: this.#nextSeq + recordCount - 1 };
    this.#join(commit, bodyBytes, recordCount, options).then(() => {
      resolve(range);
    }, reject);
  }

  /** The commit that records of `size` bytes join: the gathering one, or a new one if they do not fit there. */
  #gathering(size: number, count: number): CommitBuffer {
    const last = this.#commits.at(-1);
    const fits = last !== undefined && last.bodyBytes + size <= this.#limits.maxBodyBytes && last.recordCount + count <= MAX_RECORDS_PER_COMMIT;
    if (fits) return last;
    const commit = this.#pool.take();
    // Before it is one of the commits: where there is no memory, no empty one is left to be written.
    commit.makeRoom(size);
    this.#startGathering(commit);
    return commit;
  }

  #startGathering(commit: CommitBuffer): void {
    commit.firstSeq = this.#nextSeq;
    this.#commits.push(commit);
  }

  #join(commit: CommitBuffer, size: number, count: number, options: AppendOptions | undefined): Promise<void> {
    const outcome = commit.outcome(options?.durability === "synced");
    this.#nextSeq += count;
    this.#pendingBytes += size;
    this.#pendingRecords += count;
    this.#onJoined();
    return outcome;
  }

  /** Moves the records behind a position into a buffer of their own. */
  #moveOut(commit: CommitBuffer, from: CommitPosition): [CommitBuffer, CommitPosition] {
    const own = this.#pool.take();
    const start = own.position();
    own.addAll(commit, from);
    commit.rewind(from);
    return [own, start];
  }

  #takeBack(target: CommitBuffer, from: CommitPosition, joins: CommitBuffer | undefined): void {
    if (target === joins) target.rewind(from);
    else this.#pool.give(target);
  }

  #mustWait(size: number): boolean {
    return this.#isEncoding || this.#waiting.length > 0 || (this.#pendingBytes > 0 && this.#pendingBytes + size > this.#limits.maxPendingBytes);
  }

  #wait(records: CommitBuffer, options: AppendOptions | undefined, resolve: (range: SeqRange) => void, reject: (error: unknown) => void): void {
    const signal = options?.signal;
    const abandon = (): void => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#pool.give(records);
      reject(signal?.reason);
      if (!this.#isEncoding) this.admit();
    };
    const waiting: WaitingAppend = {
      records,
      options,
      resolve,
      reject,
      stopListening: () => {
        letGo();
      },
    };
    this.#waiting.push(waiting);
    const letGo = onAbort(signal, abandon);
    this.#onWaiting();
  }

  #conflict(options: AppendOptions | undefined): WalError | undefined {
    const expectedSeq = options?.expectedSeq;
    if (expectedSeq === undefined || expectedSeq === this.#nextSeq) return undefined;
    return new WalError("WAL_CONFLICT", `expected ${expectedSeq} to be the next sequence number; it is ${this.#nextSeq}`, {
      operation: "append",
      outcome: "not_applied",
      seq: this.#nextSeq,
    });
  }

  #tooLarge(operation: string, size: number): WalError {
    const { maxBodyBytes } = this.#limits;
    const why = size > 0 ? `${size} bytes; a commit holds ${maxBodyBytes}, four of them for each record's length` : `over ${MAX_RECORDS_PER_COMMIT} records`;
    return new WalError("WAL_TOO_LARGE", why, { operation, outcome: "not_applied" });
  }
}

/** An append that waits for room, its records encoded already. */
interface WaitingAppend {
  readonly records: CommitBuffer;
  readonly options: AppendOptions | undefined;
  readonly resolve: (range: SeqRange) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

function notJoined(error: unknown): Error {
  return error instanceof Error ? error : new Error("the records could not be encoded", { cause: error });
}
