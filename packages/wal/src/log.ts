import { isHoldfastError, storagePrefix, systemClock, systemRandom } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { bytesCodec } from "./codec.js";
import { CommitBufferPool, type CommitBuffer } from "./commit-buffer.js";
import type { LogWriter } from "./device.js";
import { announceClosed, announceCommit, announceOpened, announcePoisoned } from "./diagnostics.js";
import { WalError } from "./errors.js";
import { openFileWriter } from "./file-writer.js";
import { followRecords } from "./follow.js";
import { checkLogOptions, checkSeq } from "./options.js";
import { getRecord, readBatches, readRecords, type ReadableLog } from "./read.js";
import type {
  AppendOptions,
  Codec,
  FollowOptions,
  Log,
  LogBatch,
  LogOptions,
  LogRecord,
  LogRecovery,
  LogStats,
  ReadRange,
} from "./types.js";
import { RangeWaiter, RecordWaiter, type CommitWaiter, type SeqRange } from "./waiters.js";

/**
 * Opens a log for writing: takes its lock, recovers what an interrupted writer left, and answers the open log.
 *
 * @param options - See {@link LogOptions}.
 * @throws STORAGE_LOCKED if another writer holds the log; WAL_CORRUPT, WAL_SEGMENT_MISSING, WAL_UNSUPPORTED_VERSION,
 * WAL_NOT_A_LOG, with nothing changed; WAL_READ_FAILED if the storage could not be read; WAL_INVALID_ARGUMENT.
 */
export function openLog(options: LogOptions & { readonly codec?: undefined }): Promise<Log>;
export function openLog<T>(options: LogOptions<T> & { readonly codec: Codec<T> }): Promise<Log<T>>;
export async function openLog<T>(options: LogOptions<T>): Promise<Log<T> | Log> {
  const settings = checkLogOptions(options);
  const clock = options.clock ?? systemClock;
  options.signal?.throwIfAborted();
  const { appendable } = options.storage;
  if (appendable === undefined) {
    throw new WalError("WAL_INVALID_ARGUMENT", `this version needs a storage that can append; "${options.storage.name}" cannot`, { operation: "openLog" });
  }
  const prefix = storagePrefix(options.prefix);
  const writer = await openFileWriter({
    storage: options.storage,
    appendable,
    prefix,
    settings,
    clock,
    random: options.random ?? systemRandom,
    signal: options.signal,
  });
  announceOpened({ prefix, recovery: writer.recovery, firstSeq: writer.firstSeq, nextSeq: writer.nextSeq });
  const limits = { ...settings, prefix, clock };
  return options.codec === undefined ? new DurableLog(writer, bytesCodec, limits) : new DurableLog(writer, options.codec, limits);
}

interface LogLimits {
  readonly prefix: string;
  readonly clock: Clock;
  readonly maxCommitBytes: number;
  readonly maxPendingBytes: number;
  readonly idleMarkerMs: number;
  readonly syncEveryMs: number | undefined;
}

/** An append that waits for room, its records encoded already. */
interface WaitingAppend {
  readonly records: CommitBuffer;
  readonly options: AppendOptions | undefined;
  readonly resolve: (range: SeqRange) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

interface Control {
  run(): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * One commit in flight, the next one gathering. `append` copies into the gathering commit; `#pump` starts the next write as
 * soon as the one before it has been answered. Everything that touches the writer goes through `#pump`, one at a time.
 */
class DurableLog<T> implements Log<T> {
  readonly #writer: LogWriter;
  readonly #codec: Codec<T>;
  readonly #limits: LogLimits;
  readonly #pool: CommitBufferPool;
  readonly #maxBodyBytes: number;
  /** Commits that were gathered and not yet started, oldest first; the last one is still gathering. */
  readonly #queue: CommitBuffer[] = [];
  readonly #controls: Control[] = [];
  readonly #waiting: WaitingAppend[] = [];
  readonly #wakeFollowers = new Set<() => void>();
  /** In relaxed mode: waiters whose commit is written and not yet synced. */
  #unsynced: CommitWaiter[] = [];
  #nextSeq: number;
  #writtenSeq: number;
  #durableSeq: number;
  #pendingBytes = 0;
  #pendingRecords = 0;
  #busy = false;
  #pumpScheduled = false;
  #failure: WalError | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;
  #cancelMarkTimer: (() => void) | undefined;
  #cancelSyncTimer: (() => void) | undefined;
  #lastCommitAt = 0;
  #commits = 0;
  #records = 0;
  #payloadBytes = 0;
  #latencyLast = 0;
  #latencySum = 0;
  #latencyMax = 0;
  #recordsLast = 0;
  #recordsMax = 0;

  constructor(writer: LogWriter, codec: Codec<T>, limits: LogLimits) {
    this.#writer = writer;
    this.#codec = codec;
    this.#limits = limits;
    this.#pool = new CommitBufferPool(writer.headroomBytes);
    this.#maxBodyBytes = limits.maxCommitBytes - writer.headroomBytes;
    this.#nextSeq = writer.nextSeq;
    this.#writtenSeq = writer.nextSeq - 1;
    this.#durableSeq = writer.durableSeq;
    if (writer.unmarked) this.#touch();
  }

  get firstSeq(): number {
    return this.#writer.firstSeq;
  }

  get nextSeq(): number {
    return this.#nextSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  get logId(): string | undefined {
    return this.#writer.logId;
  }

  get recovery(): LogRecovery {
    return this.#writer.recovery;
  }

  append(value: T, options?: AppendOptions): Promise<number> {
    const refusal = this.#refusal("append", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    let bytes: Uint8Array;
    try {
      bytes = this.#encode(value, 0);
    } catch (error) {
      return Promise.reject(error as WalError);
    }
    const size = 4 + bytes.length;
    if (size > this.#maxBodyBytes) return Promise.reject(this.#tooLarge("append", size));
    if (this.#mustWait(size)) {
      const records = this.#pool.take();
      records.add(bytes);
      return this.#wait(records, options).then((range) => range.first);
    }
    if (options?.expectedSeq !== undefined && options.expectedSeq !== this.#nextSeq) return Promise.reject(this.#conflict(options.expectedSeq));
    return new Promise((resolve, reject) => {
      const commit = this.#gathering(size);
      commit.add(bytes);
      commit.waiters.push(new RecordWaiter(this.#nextSeq++, options?.durability === "synced", resolve, reject));
      this.#joined(size, 1);
    });
  }

  appendBatch(values: readonly T[], options?: AppendOptions): Promise<SeqRange> {
    const refusal = this.#refusal("appendBatch", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (values.length === 0) {
      return Promise.reject(new WalError("WAL_INVALID_ARGUMENT", "a batch has at least one record", { operation: "appendBatch", outcome: "not_applied" }));
    }
    // Encoded straight into the gathering commit; what does not fit, or has to wait, moves to a buffer of its own.
    let target = this.#waiting.length > 0 ? this.#pool.take() : this.#gathering(0);
    let from = target.position();
    try {
      for (let index = 0; index < values.length; index++) {
        const bytes = this.#encode(values[index] as T, index);
        const size = 4 + bytes.length;
        if (target.end - from.end + size > this.#maxBodyBytes || index >= MAX_RECORDS) {
          throw this.#tooLarge("appendBatch", target.end - from.end + size);
        }
        if (target.bodyBytes + size > this.#maxBodyBytes || target.recordCount >= MAX_RECORDS) {
          const own = this.#pool.take();
          own.addAll(target, from);
          target.rewind(from);
          target = own;
          from = { end: own.start, recordCount: 0, payloadBytes: 0 };
        }
        target.add(bytes);
      }
    } catch (error) {
      target.rewind(from);
      this.#dropIfEmpty(target);
      return Promise.reject(error as WalError);
    }
    const size = target.end - from.end;
    const joinsQueue = this.#queue.at(-1) === target;
    if (this.#mustWait(size)) {
      let records = target;
      if (joinsQueue) {
        records = this.#pool.take();
        records.addAll(target, from);
        target.rewind(from);
        this.#dropIfEmpty(target);
      }
      return this.#wait(records, options);
    }
    if (options?.expectedSeq !== undefined && options.expectedSeq !== this.#nextSeq) {
      target.rewind(from);
      this.#dropIfEmpty(target);
      return Promise.reject(this.#conflict(options.expectedSeq));
    }
    return new Promise((resolve, reject) => {
      if (!joinsQueue) this.#startGathering(target);
      else if (from.recordCount === 0) target.firstSeq = this.#nextSeq;
      target.waiters.push(new RangeWaiter({ first: this.#nextSeq, last: this.#nextSeq + values.length - 1 }, options?.durability === "synced", resolve, reject));
      this.#nextSeq += values.length;
      this.#joined(size, values.length);
    });
  }

  read(range: ReadRange = {}): AsyncIterable<LogRecord<T>> {
    return readRecords(this.#readable, this.#codec, range);
  }

  readBatches(range: Omit<ReadRange, "reverse"> = {}): AsyncIterable<LogBatch<T>> {
    return readBatches(this.#readable, this.#codec, range);
  }

  get(seq: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<LogRecord<T> | undefined> {
    return getRecord(this.#readable, this.#codec, seq, options?.signal);
  }

  follow(options: FollowOptions = {}): AsyncIterable<LogRecord<T>> {
    return followRecords(this.#readable, this.#codec, options, {
      ended: () => this.#failure ?? (this.#closed ? "closed" : undefined),
      whenMore: (wake) => {
        this.#wakeFollowers.add(wake);
        return () => this.#wakeFollowers.delete(wake);
      },
    });
  }

  trim(seq: number): Promise<void> {
    const refusal = this.#refusal("trim", undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    const problem = checkSeq("trim", "seq", seq);
    if (problem !== undefined) return Promise.reject(problem);
    return this.#control(async () => {
      if (this.#limits.syncEveryMs !== undefined) await this.#syncWriter();
      await this.#writer.trim(Math.min(seq, this.#durableSeq + 1));
      // On a disk that was full a trim may have made room for commits that waited since opening.
      this.#durableSeq = Math.max(this.#durableSeq, this.#writer.durableSeq);
      if (this.#writer.unmarked) this.#touch();
      this.#wake();
    });
  }

  sync(): Promise<void> {
    const refusal = this.#refusal("sync", undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.#waiting.length > 0) {
      // Appends that wait stand before this call: an empty one takes its place behind them.
      return this.#wait(this.#pool.take(), { durability: "synced" }).then(() => this.sync());
    }
    if (this.#durableSeq >= this.#nextSeq - 1) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const commit = this.#queue.at(-1) ?? this.#busyCommit;
      const waiter = new RangeWaiter({ first: this.#nextSeq, last: this.#nextSeq - 1 }, true, () => { resolve(); }, reject);
      if (commit === undefined) this.#unsynced.push(waiter);
      else commit.waiters.push(waiter);
      this.#pump();
    });
  }

  stats(): LogStats {
    const mean = (sum: number): number => (this.#commits === 0 ? 0 : sum / this.#commits);
    return {
      commits: this.#commits,
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      writtenBytes: this.#writer.writtenBytes,
      pendingRecords: this.#pendingRecords,
      pendingBytes: this.#pendingBytes,
      waitingAppends: this.#waiting.length,
      commitLatencyMs: { last: this.#latencyLast, mean: mean(this.#latencySum), max: this.#latencyMax },
      commitRecords: { last: this.#recordsLast, mean: mean(this.#records), max: this.#recordsMax },
      segment: this.#writer.segment,
      rotations: this.#writer.rotations,
      markers: this.#writer.markers,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ------------------------------------------------------------------------------------------------ gathering

  #busyCommit: CommitBuffer | undefined;

  /** The commit that a record of `size` bytes joins; a new one if the last one has no room. */
  #gathering(size: number): CommitBuffer {
    const last = this.#queue.at(-1);
    if (last !== undefined && last.bodyBytes + size <= this.#maxBodyBytes && last.recordCount < MAX_RECORDS) return last;
    const commit = this.#pool.take();
    this.#startGathering(commit);
    return commit;
  }

  #startGathering(commit: CommitBuffer): void {
    commit.firstSeq = this.#nextSeq;
    this.#queue.push(commit);
  }

  /** A refused batch may leave a commit without records, which must not be written. */
  #dropIfEmpty(commit: CommitBuffer): void {
    if (commit.recordCount > 0) return;
    if (this.#queue.at(-1) === commit && commit.waiters.length === 0) this.#queue.pop();
    else if (this.#queue.includes(commit)) return;
    this.#pool.give(commit);
  }

  #joined(size: number, records: number): void {
    this.#pendingBytes += size;
    this.#pendingRecords += records;
    if (!this.#busy && !this.#pumpScheduled) {
      // Not at once: what is appended in the same turn, and by those whom this turn wakes, shares the commit.
      this.#pumpScheduled = true;
      process.nextTick(this.#scheduledPump);
    }
  }

  readonly #scheduledPump = (): void => {
    this.#pumpScheduled = false;
    this.#pump();
  };

  #mustWait(size: number): boolean {
    return this.#waiting.length > 0 || (this.#pendingBytes > 0 && this.#pendingBytes + size > this.#limits.maxPendingBytes);
  }

  #wait(records: CommitBuffer, options: AppendOptions | undefined): Promise<SeqRange> {
    return new Promise((resolve, reject) => {
      const signal = options?.signal;
      const abandon = (): void => {
        const at = this.#waiting.indexOf(waiting);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        reject(signal?.reason as Error);
        this.#admit();
      };
      const waiting: WaitingAppend = {
        records,
        options,
        resolve,
        reject,
        stopListening: () => signal?.removeEventListener("abort", abandon),
      };
      signal?.addEventListener("abort", abandon, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** Lets waiting appends join as far as there is room, in their order. */
  #admit(): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0] as WaitingAppend;
      const size = next.records.bodyBytes;
      if (this.#pendingBytes > 0 && this.#pendingBytes + size > this.#limits.maxPendingBytes) return;
      this.#waiting.shift();
      next.stopListening();
      if (size === 0) {
        next.resolve({ first: this.#nextSeq, last: this.#nextSeq - 1 });
        continue;
      }
      const expected = next.options?.expectedSeq;
      if (expected !== undefined && expected !== this.#nextSeq) {
        next.reject(this.#conflict(expected));
        continue;
      }
      const commit = this.#gathering(size);
      const count = next.records.recordCount;
      commit.addAll(next.records, { end: next.records.start, recordCount: 0, payloadBytes: 0 });
      this.#pool.give(next.records);
      commit.waiters.push(new RangeWaiter({ first: this.#nextSeq, last: this.#nextSeq + count - 1 }, next.options?.durability === "synced", next.resolve, next.reject));
      this.#nextSeq += count;
      this.#joined(size, count);
    }
  }

  #encode(value: T, index: number): Uint8Array {
    let bytes: unknown;
    try {
      bytes = this.#codec.encode(value);
    } catch (error) {
      throw this.#codecFailure(index, error);
    }
    if (!(bytes instanceof Uint8Array)) throw this.#codecFailure(index, new TypeError(`it answered ${typeof bytes}, not bytes`));
    return bytes;
  }

  // ------------------------------------------------------------------------------------------------ writing, one at a time

  #pump(): void {
    if (this.#busy || this.#failure !== undefined || this.#closed) return;
    const control = this.#controls.shift();
    if (control !== undefined) {
      this.#run(control);
      return;
    }
    const commit = this.#queue[0];
    if (commit !== undefined && commit.recordCount > 0) {
      this.#queue.shift();
      this.#write(commit);
      return;
    }
    if (this.#unsynced.length > 0) {
      this.#run({ run: () => this.#syncWriter(), resolve: () => undefined, reject: () => undefined });
    }
  }

  #write(commit: CommitBuffer): void {
    const started = this.#limits.clock.monotonic();
    this.#busy = true;
    this.#busyCommit = commit;
    this.#writer.commit(commit).then(
      () => {
        this.#busy = false;
        this.#busyCommit = undefined;
        this.#committed(commit, this.#limits.clock.monotonic() - started);
      },
      (error: unknown) => {
        this.#busy = false;
        this.#busyCommit = undefined;
        this.#commitFailed(commit, error);
      },
    );
  }

  #committed(commit: CommitBuffer, latencyMs: number): void {
    this.#pendingBytes -= commit.bodyBytes;
    this.#pendingRecords -= commit.recordCount;
    this.#writtenSeq = commit.firstSeq + commit.recordCount - 1;
    this.#commits++;
    this.#records += commit.recordCount;
    this.#payloadBytes += commit.payloadBytes;
    this.#latencyLast = latencyMs;
    this.#latencySum += latencyMs;
    if (latencyMs > this.#latencyMax) this.#latencyMax = latencyMs;
    this.#recordsLast = commit.recordCount;
    if (commit.recordCount > this.#recordsMax) this.#recordsMax = commit.recordCount;
    announceCommit(this.#limits.prefix, commit, latencyMs, this.#writer.segment);
    const relaxed = this.#limits.syncEveryMs !== undefined;
    if (!relaxed) this.#durableSeq = this.#writtenSeq;
    // The next write starts before anybody is told, so that the disk does not wait for them.
    if (this.#waiting.length > 0) this.#admit();
    this.#touch();
    for (const waiter of commit.waiters) {
      if (relaxed && waiter.synced) this.#unsynced.push(waiter);
      else waiter.settle(undefined);
    }
    this.#pump();
    if (relaxed) this.#armSyncTimer();
    else this.#wake();
    this.#pool.give(commit);
  }

  #commitFailed(commit: CommitBuffer, error: unknown): void {
    const harmless = isHoldfastError(error) && error.outcome === "not_applied";
    const lastSeq = commit.firstSeq + commit.recordCount - 1;
    if (!harmless) {
      this.#poison(error, "append", this.#durableSeq + 1, lastSeq, [...this.#unsynced, ...commit.waiters]);
      return;
    }
    // Nothing was written, so the numbers are free again; those behind it stood on it and go too, or there would be a hole.
    this.#busy = false;
    const failed = [commit, ...this.#queue.splice(0)];
    this.#nextSeq = commit.firstSeq;
    for (const one of failed) {
      this.#pendingBytes -= one.bodyBytes;
      this.#pendingRecords -= one.recordCount;
      for (const waiter of one.waiters) waiter.settle(error);
      this.#pool.give(one);
    }
    this.#admit();
    this.#pump();
  }

  async #syncWriter(): Promise<void> {
    const through = this.#writtenSeq;
    const waiters = this.#unsynced;
    this.#unsynced = [];
    try {
      await this.#writer.sync();
    } catch (error) {
      this.#poison(error, "sync", this.#durableSeq + 1, this.#writtenSeq, waiters);
      throw this.#failure ?? error;
    }
    if (through > this.#durableSeq) this.#durableSeq = through;
    for (const waiter of waiters) waiter.settle(undefined);
    this.#wake();
  }

  #control(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#controls.push({ run, resolve, reject });
      this.#pump();
    });
  }

  #run(control: Control): void {
    this.#busy = true;
    control.run().then(
      () => {
        this.#busy = false;
        control.resolve();
        this.#pump();
      },
      (error: unknown) => {
        this.#busy = false;
        if (this.#failure === undefined && !(isHoldfastError(error) && error.outcome === "not_applied")) {
          this.#poison(error, "trim", this.#durableSeq + 1, this.#writtenSeq, this.#unsynced);
        }
        control.reject(this.#failure ?? error);
        this.#pump();
      },
    );
  }

  /** After a failed write what is on the disk is not known, and nothing more is written by this handle. */
  #poison(cause: unknown, operation: string, firstSeq: number, lastSeq: number, unknown: readonly CommitWaiter[]): void {
    const failure = new WalError("WAL_POISONED", `a write of the log failed; open it again and compare nextSeq with ${lastSeq}`, {
      operation,
      key: isHoldfastError(cause) ? cause.key : undefined,
      offset: isHoldfastError(cause) ? cause.offset : undefined,
      backend: isHoldfastError(cause) ? cause.backend : undefined,
      outcome: "unknown",
      firstSeq,
      lastSeq,
      cause,
    });
    this.#failure = failure;
    const behind = new WalError("WAL_POISONED", "a write before this one failed", { operation: "append", outcome: "not_applied", cause });
    this.#stopTimers();
    for (const waiter of unknown) waiter.settle(failure);
    this.#unsynced = [];
    for (const commit of this.#queue.splice(0)) for (const waiter of commit.waiters) waiter.settle(behind);
    for (const waiting of this.#waiting.splice(0)) {
      waiting.stopListening();
      waiting.reject(behind);
    }
    for (const control of this.#controls.splice(0)) control.reject(behind);
    this.#pendingBytes = 0;
    this.#pendingRecords = 0;
    announcePoisoned(this.#limits.prefix, failure);
    this.#wake();
  }

  // ------------------------------------------------------------------------------------------------ evidence and timers

  /** Something without evidence behind it was written: a marker follows if nothing else does. */
  #touch(): void {
    this.#lastCommitAt = this.#limits.clock.monotonic();
    if (this.#cancelMarkTimer === undefined) this.#armMarkTimer(this.#limits.idleMarkerMs);
  }

  /** One timer that looks when it is due whether the log has been idle, instead of one for every commit. */
  #armMarkTimer(delayMs: number): void {
    this.#cancelMarkTimer = this.#limits.clock.setTimer(
      () => {
        this.#cancelMarkTimer = undefined;
        if (!this.#writer.unmarked || this.#failure !== undefined || this.#closing !== undefined) return;
        const idleMs = this.#limits.clock.monotonic() - this.#lastCommitAt;
        const rest = this.#limits.idleMarkerMs - idleMs;
        if (rest > 0 || this.#busy || this.#queue.length > 0) this.#armMarkTimer(rest > 0 ? Math.ceil(rest) : this.#limits.idleMarkerMs);
        else this.#control(() => this.#mark()).catch(() => undefined); // #run has poisoned the log; the next call tells.
      },
      delayMs,
      { ref: false },
    );
  }

  async #mark(): Promise<void> {
    if (!this.#writer.unmarked) return;
    if (this.#limits.syncEveryMs !== undefined) await this.#syncWriter();
    await this.#writer.mark();
  }

  #armSyncTimer(): void {
    const { syncEveryMs } = this.#limits;
    if (syncEveryMs === undefined || this.#cancelSyncTimer !== undefined || this.#closing !== undefined) return;
    this.#cancelSyncTimer = this.#limits.clock.setTimer(() => {
      this.#cancelSyncTimer = undefined;
      if (this.#durableSeq < this.#writtenSeq && this.#failure === undefined) {
        this.#control(() => this.#syncWriter()).catch(() => undefined); // #syncWriter has poisoned the log; the next call tells.
      }
    }, syncEveryMs);
  }

  #stopTimers(): void {
    this.#cancelMarkTimer?.();
    this.#cancelMarkTimer = undefined;
    this.#cancelSyncTimer?.();
    this.#cancelSyncTimer = undefined;
  }

  #wake(): void {
    for (const wake of this.#wakeFollowers) wake();
  }

  // ------------------------------------------------------------------------------------------------ closing and refusing

  async #close(): Promise<void> {
    this.#stopTimers();
    try {
      while (this.#failure === undefined && (this.#busy || this.#queue.length > 0 || this.#waiting.length > 0 || this.#controls.length > 0)) {
        await this.#control(() => Promise.resolve()).catch(() => undefined); // A failure shows in #failure.
        this.#admit();
      }
      if (this.#failure === undefined && this.#limits.syncEveryMs !== undefined) {
        await this.#control(() => this.#syncWriter()).catch(() => undefined); // A failure shows in #failure, and is thrown below.
      }
    } finally {
      this.#stopTimers();
      this.#closed = true;
      this.#wake();
      await this.#writer.close(this.#failure === undefined);
      announceClosed(this.#limits.prefix);
    }
    if (this.#failure !== undefined && this.#durableSeq < this.#writtenSeq) throw this.#failure;
  }

  #refusal(operation: string, options: AppendOptions | undefined): Error | undefined {
    if (this.#closing !== undefined) return new WalError("WAL_CLOSED", "the log is closed", { operation, outcome: "not_applied" });
    if (this.#failure !== undefined) {
      return new WalError("WAL_POISONED", "an earlier write of the log failed; close it and open it again", {
        operation,
        outcome: "not_applied",
        firstSeq: this.#failure.firstSeq,
        lastSeq: this.#failure.lastSeq,
        cause: this.#failure,
      });
    }
    if (options?.signal?.aborted === true) return options.signal.reason as Error;
    if (this.#nextSeq >= Number.MAX_SAFE_INTEGER - MAX_RECORDS) {
      return new WalError("WAL_FULL", "the sequence numbers are used up", { operation, outcome: "not_applied" });
    }
    return undefined;
  }

  /** The log as its readers see it: through the last durable record. */
  readonly #readable: ReadableLog = {
    refusal: () => (this.#closed ? new WalError("WAL_CLOSED", "the log is closed", { operation: "read" }) : undefined),
    firstSeq: () => this.#writer.firstSeq,
    lastSeq: () => Promise.resolve(this.#durableSeq),
    commits: (range) => this.#writer.commits(range),
  };

  #conflict(expectedSeq: number): WalError {
    return new WalError("WAL_CONFLICT", `expected ${expectedSeq} to be the next sequence number; it is ${this.#nextSeq}`, {
      operation: "append",
      outcome: "not_applied",
      seq: this.#nextSeq,
    });
  }

  #tooLarge(operation: string, size: number): WalError {
    return new WalError("WAL_TOO_LARGE", `${size} bytes or more, or over ${MAX_RECORDS} records; a commit holds ${this.#maxBodyBytes} bytes, four of them for each record's length`, {
      operation,
      outcome: "not_applied",
    });
  }

  #codecFailure(index: number, cause: unknown): WalError {
    const seq = this.#nextSeq + index;
    return new WalError("WAL_CODEC_FAILED", `the codec "${this.#codec.name}" refused the value that would have been record ${seq}`, {
      operation: "append",
      outcome: "not_applied",
      seq,
      cause,
    });
  }
}

const MAX_RECORDS = 1_048_576;
