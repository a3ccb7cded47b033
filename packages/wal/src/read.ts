import { bytesCodec } from "./codec.js";
import type { CommitCursor, CommitRange, StoredCommit } from "./device.js";
import { WalError } from "./errors.js";
import { checkReadRange, checkSeq } from "./options.js";
import type { Codec, LogBatch, LogRecord, ReadRange } from "./types.js";

/** What reading needs of a log: its bounds now, and its commits. */
export interface ReadableLog {
  /** Why nothing can be read, if so: it is closed. */
  refusal(): Error | undefined;
  firstSeq(): number;
  /** The last sequence number that may be delivered. */
  lastSeq(): Promise<number>;
  commits(range: CommitRange): CommitCursor;
}

/** The records of a range as an async iterable that starts anew for each loop over it. */
export function readRecords<T>(log: ReadableLog, codec: Codec<T>, range: ReadRange): AsyncIterable<LogRecord<T>> {
  const problem = checkReadRange("read", range);
  return { [Symbol.asyncIterator]: () => new RecordIterator(log, codec, range, problem ?? log.refusal()) };
}

/** The commits of a range, their records decoded. */
export function readBatches<T>(log: ReadableLog, codec: Codec<T>, range: Omit<ReadRange, "reverse">): AsyncIterable<LogBatch<T>> {
  const problem = checkReadRange("readBatches", range);
  return { [Symbol.asyncIterator]: () => batches(log, codec, range, problem ?? log.refusal()) };
}

/** One record, or `undefined` if there is none yet. */
export async function getRecord<T>(log: ReadableLog, codec: Codec<T>, seq: number, signal: AbortSignal | undefined): Promise<LogRecord<T> | undefined> {
  const problem = checkSeq("get", "seq", seq) ?? log.refusal();
  if (problem !== undefined) throw problem;
  signal?.throwIfAborted();
  if (seq > (await log.lastSeq())) return undefined;
  const records = new RecordIterator(log, codec, { from: seq, to: seq, signal }, undefined);
  const result = await records.next();
  return result.done === true ? undefined : result.value;
}

/**
 * Iterates over records by hand: an async generator costs twice as much for each one. Records are decoded as they are asked
 * for, from chunks that are read ahead by one.
 */
export class RecordIterator<T> implements AsyncIterableIterator<LogRecord<T>> {
  readonly #log: ReadableLog;
  readonly #codec: Codec<T>;
  readonly #range: ReadRange;
  #problem: Error | undefined;
  #cursor: CommitCursor | undefined;
  #from = 0;
  #to = 0;
  /** Records still to be delivered. */
  #left = Infinity;
  #ended = false;
  /** The newest call that has not been answered. */
  #turn: Promise<unknown> | undefined;
  #chunk: readonly StoredCommit[] = [];
  #chunkAt = 0;
  // The commit that records are taken from, and where the next one stands in it.
  #commit: StoredCommit | undefined;
  #bytes: Uint8Array = NOTHING;
  // Asked for once a commit: for each record that would cost more than making its view.
  #buffer: ArrayBufferLike = NOTHING.buffer;
  #byteOffset = 0;
  #at = 0;
  #end = 0;
  #seq = 0;
  /** Reverse: positions of the records of the commit, and how many are left. */
  #positions: number[] | undefined;

  constructor(log: ReadableLog, codec: Codec<T>, range: ReadRange, problem: Error | undefined) {
    this.#log = log;
    this.#codec = codec;
    this.#range = range;
    this.#problem = problem;
    if (range.limit !== undefined) this.#left = range.limit;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<LogRecord<T>>> {
    // A call before the one before was answered waits for its turn.
    if (this.#turn !== undefined) {
      const load = (): Promise<IteratorResult<LogRecord<T>>> => this.#load();
      return this.#take(this.#turn.then(load, load));
    }
    try {
      const record = this.#next();
      if (record !== undefined) return Promise.resolve({ done: false, value: record });
    } catch (error) {
      this.#finish();
      return Promise.reject(error instanceof Error ? error : new Error("reading failed", { cause: error }));
    }
    return this.#take(this.#load());
  }

  return(): Promise<IteratorResult<LogRecord<T>>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(answer: Promise<IteratorResult<LogRecord<T>>>): Promise<IteratorResult<LogRecord<T>>> {
    const answered = (): void => {
      if (this.#turn === answer) this.#turn = undefined;
    };
    this.#turn = answer;
    answer.then(answered, answered);
    return answer;
  }

  async #load(): Promise<IteratorResult<LogRecord<T>>> {
    try {
      if (this.#problem !== undefined) throw this.#problem;
      const record = this.#next();
      if (record !== undefined) return { done: false, value: record };
      while (!this.#ended && this.#left > 0) {
        this.#range.signal?.throwIfAborted();
        const commit = this.#chunk[this.#chunkAt++];
        if (commit !== undefined) {
          this.#enter(commit);
          const record = this.#next();
          if (record !== undefined) return { done: false, value: record };
          continue;
        }
        this.#cursor ??= await this.#start();
        const chunk = await this.#cursor?.next();
        if (chunk === undefined) break;
        this.#chunk = chunk;
        this.#chunkAt = 0;
      }
      this.#finish();
      return { done: true, value: undefined };
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  async #start(): Promise<CommitCursor | undefined> {
    const last = await this.#log.lastSeq();
    const first = this.#log.firstSeq();
    const range = this.#range;
    this.#from = range.from ?? first;
    this.#to = Math.min(range.to ?? last, last);
    if (this.#from < first) throw trimmed("read", this.#from, first);
    if (this.#from > this.#to) {
      this.#ended = true;
      return undefined;
    }
    return this.#log.commits({ from: this.#from, to: this.#to, reverse: range.reverse === true, signal: range.signal });
  }

  #enter(commit: StoredCommit): void {
    this.#commit = commit;
    this.#bytes = commit.bytes;
    this.#buffer = commit.bytes.buffer;
    this.#byteOffset = commit.bytes.byteOffset;
    this.#at = commit.start;
    this.#end = commit.end;
    this.#seq = commit.firstSeq;
    if (this.#range.reverse === true) {
      this.#positions = recordPositions(commit);
      this.#seq = commit.firstSeq + commit.recordCount - 1;
    }
  }

  /** The next record of the commit, or `undefined` when it has no more that are asked for. */
  #next(): LogRecord<T> | undefined {
    const commit = this.#commit;
    if (commit === undefined || this.#left <= 0) return undefined;
    if (this.#positions !== undefined) return this.#nextReverse(commit, this.#positions);
    const bytes = this.#bytes;
    const lastSeq = commit.firstSeq + commit.recordCount - 1;
    while (this.#seq <= lastSeq) {
      const at = this.#at;
      const start = at + 4;
      if (start > this.#end) throw malformed(commit);
      const end = start + lengthAt(bytes, at);
      if (end > this.#end || (this.#seq === lastSeq && end !== this.#end)) throw malformed(commit);
      this.#at = end;
      const seq = this.#seq++;
      if (seq < this.#from) continue;
      if (seq > this.#to) {
        this.#ended = true;
        break;
      }
      this.#left--;
      return { seq, value: this.#decode(start, end, seq) };
    }
    this.#commit = undefined;
    return undefined;
  }

  #nextReverse(commit: StoredCommit, positions: number[]): LogRecord<T> | undefined {
    while (this.#seq >= commit.firstSeq) {
      const seq = this.#seq--;
      if (seq > this.#to) continue;
      if (seq < this.#from) {
        this.#ended = true;
        break;
      }
      const at = positions[seq - commit.firstSeq] ?? 0;
      this.#left--;
      return { seq, value: this.#decode(at + 4, at + 4 + lengthAt(commit.bytes, at), seq) };
    }
    this.#commit = undefined;
    return undefined;
  }

  /** The value of the record from `start` to `end` of the commit. */
  #decode(start: number, end: number, seq: number): T {
    try {
      return this.#codec.decode(new Uint8Array(this.#buffer, this.#byteOffset + start, end - start));
    } catch (cause) {
      throw undecodable(this.#codec, seq, cause);
    }
  }

  #finish(): void {
    this.#ended = true;
    this.#commit = undefined;
    this.#chunk = [];
    this.#chunkAt = 0;
    this.#problem = undefined;
  }
}

/** The error of a read below the floor. */
export function trimmed(operation: string, seq: number, firstSeq: number): WalError {
  return new WalError("WAL_TRIMMED", `record ${seq} was trimmed; the first one that is kept is ${firstSeq}`, { operation, firstSeq, seq });
}

const NOTHING = new Uint8Array(0);

/**
 * Kept, never used. Without any iterator left, a full garbage collection forgets how they look, and what was compiled for them: after five of them
 * V8 gives up and looks every field up, which makes a loop over records 1.5 times as slow.
 *
 * @public
 */
export const KEPT_ITERATOR: RecordIterator<Uint8Array> = new RecordIterator<Uint8Array>(
  { refusal: () => undefined, firstSeq: () => 1, lastSeq: () => Promise.resolve(0), commits: () => ({ next: () => Promise.resolve(undefined) }) },
  bytesCodec,
  {},
  undefined,
);

async function* batches<T>(log: ReadableLog, codec: Codec<T>, range: ReadRange, problem: Error | undefined): AsyncGenerator<LogBatch<T>, void, undefined> {
  if (problem !== undefined) throw problem;
  const last = await log.lastSeq();
  const first = log.firstSeq();
  const from = range.from ?? first;
  const to = Math.min(range.to ?? last, last);
  let left = range.limit ?? Infinity;
  if (left <= 0) return;
  if (from < first) throw trimmed("readBatches", from, first);
  if (from > to) return;
  const cursor = log.commits({ from, to, reverse: false, signal: range.signal });
  for (let chunk = await cursor.next(); chunk !== undefined; chunk = await cursor.next()) {
    for (const commit of chunk) {
      range.signal?.throwIfAborted();
      const batch = decodeCommit(codec, commit, from, Math.min(to, commit.firstSeq + commit.recordCount - 1), left);
      left -= batch.values.length;
      if (batch.values.length > 0) yield batch;
      if (left <= 0) return;
    }
  }
}

function decodeCommit<T>(codec: Codec<T>, commit: StoredCommit, from: number, to: number, limit: number): LogBatch<T> {
  const { bytes, end: commitEnd } = commit;
  const { buffer, byteOffset } = bytes;
  const values: T[] = [];
  const firstSeq = Math.max(commit.firstSeq, from);
  const endSeq = commit.firstSeq + commit.recordCount;
  let at = commit.start;
  let seq = commit.firstSeq;
  let isDecoding = false;
  try {
    for (; seq < endSeq; seq++) {
      const start = at + 4;
      if (start > commitEnd) throw malformed(commit);
      const end = start + lengthAt(bytes, at);
      if (end > commitEnd || (seq === endSeq - 1 && end !== commitEnd)) throw malformed(commit);
      at = end;
      if (seq < from) continue;
      if (seq > to || values.length >= limit) break;
      isDecoding = true;
      values.push(codec.decode(new Uint8Array(buffer, byteOffset + start, end - start)));
      isDecoding = false;
    }
  } catch (error) {
    throw isDecoding ? undecodable(codec, seq, error) : error;
  }
  return { firstSeq, lastSeq: firstSeq + values.length - 1, committedAtMs: commit.committedAtMs, values };
}

function recordPositions(commit: StoredCommit): number[] {
  const positions: number[] = [];
  let at = commit.start;
  for (let left = commit.recordCount; left > 0; left--) {
    if (at + 4 > commit.end) throw malformed(commit);
    positions.push(at);
    at += 4 + lengthAt(commit.bytes, at);
    if (at > commit.end) throw malformed(commit);
  }
  if (at !== commit.end) throw malformed(commit);
  return positions;
}

function undecodable<T>(codec: Codec<T>, seq: number, cause: unknown): WalError {
  return new WalError("WAL_CODEC_FAILED", `the codec "${codec.name}" cannot read record ${seq}`, { operation: "read", seq, cause });
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

function malformed(commit: StoredCommit): WalError {
  return new WalError("WAL_CORRUPT", "the records of a commit do not fill it", { operation: "read", key: commit.key, offset: commit.offset });
}
