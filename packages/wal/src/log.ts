import type { Clock } from "@holdfast/storage/ports";
import type { CommitBuffer } from "./commit-buffer.js";
import { CommitQueue } from "./commit-queue.js";
import { CommitStats } from "./commit-stats.js";
import { ControlQueue, type Control } from "./control-queue.js";
import type { LogWriter } from "./device.js";
import { announceClosed, announceCommit, announcePoisoned } from "./diagnostics.js";
import { encodeRecord } from "./encode-record.js";
import { WalError } from "./errors.js";
import { followRecords } from "./follow.js";
import { Followers } from "./followers.js";
import { MAX_RECORDS_PER_COMMIT } from "./format/segment.js";
import { IdleTimer } from "./idle-timer.js";
import { Linger } from "./linger.js";
import { failureBy, refusalAfter } from "./log-failure.js";
import { checkSeq, type LogSettings } from "./options.js";
import { getRecord, readBatches, readRecords, type ReadableLog } from "./read.js";
import { SyncTimer } from "./sync-timer.js";
import type { AppendOptions, Codec, FollowOptions, Log, LogBatch, LogParent, LogRecord, LogRecovery, LogStats, ReadRange } from "./types.js";
import { Outcome } from "./outcome.js";
import type { SeqRange } from "./seq-range.js";

/** What a {@link DurableLog} keeps to. */
export interface LogLimits extends Pick<LogSettings, "maxCommitBytes" | "maxPendingBytes" | "idleMarkerMs" | "lingerMs" | "syncEveryMs"> {
  readonly prefix: string;
  readonly clock: Clock;
}

/**
 * One commit in flight, the next one gathering in the queue. `#pump` starts the next write as soon as the one before it has
 * been answered; everything that touches the writer goes through it, one at a time.
 */
export class DurableLog<T> implements Log<T> {
  readonly #writer: LogWriter;
  readonly #codec: Codec<T>;
  readonly #limits: LogLimits;
  /** An append resolves when it is written, and syncs follow. */
  readonly #isRelaxed: boolean;
  readonly #queue: CommitQueue;
  readonly #stats = new CommitStats();
  readonly #controls = new ControlQueue();
  readonly #followers: Followers;
  readonly #markTimer: IdleTimer;
  readonly #linger: Linger;
  readonly #syncTimer: SyncTimer;
  /** In relaxed mode: those whose commit is written and who wait for the next sync. */
  #unsynced: Outcome[] = [];
  #writtenSeq: number;
  #durableSeq: number;
  #busy = false;
  /** The commit in flight. */
  #flying: CommitBuffer | undefined;
  #pumpScheduled = false;
  #failure: WalError | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(writer: LogWriter, codec: Codec<T>, limits: LogLimits) {
    const { headroomBytes } = writer;
    const { maxCommitBytes, maxPendingBytes } = limits;
    this.#writer = writer;
    this.#codec = codec;
    this.#limits = limits;
    this.#isRelaxed = limits.syncEveryMs !== undefined;
    this.#followers = new Followers(limits.prefix);
    this.#queue = new CommitQueue({ headroomBytes, maxBodyBytes: maxCommitBytes - headroomBytes, maxPendingBytes }, writer.nextSeq, { onJoined: this.#joined, onWaiting: this.#pumpSoon });
    this.#markTimer = new IdleTimer(limits.clock, limits.idleMarkerMs, this.#markIfIdle);
    this.#syncTimer = new SyncTimer(limits.clock, limits.syncEveryMs, this.#syncIfNeeded);
    this.#linger = new Linger(limits.clock, limits.lingerMs, this.#scheduledPump);
    // What could not be copied for lack of room is not written: `nextSeq` lies behind it.
    this.#writtenSeq = writer.durableSeq;
    this.#durableSeq = writer.durableSeq;
    if (writer.unmarked) this.#markTimer.touch();
  }

  get firstSeq(): number {
    return this.#writer.firstSeq;
  }

  get nextSeq(): number {
    return this.#queue.nextSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  get logId(): string | undefined {
    return this.#writer.logId;
  }

  parent(options?: { readonly signal?: AbortSignal | undefined }): Promise<LogParent | undefined> {
    return this.#writer.parent(options?.signal);
  }

  get recovery(): LogRecovery {
    return this.#writer.recovery;
  }

  append(value: T, options?: AppendOptions): Promise<number> {
    const refusal = this.#refusal("append") ?? this.#appendRefusal("append", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    const record = encodeRecord(this.#codec, value, this.nextSeq);
    if (record instanceof WalError) return Promise.reject(record);
    // Asked once more: the codec may have closed the log.
    const closed = this.#refusal("append");
    return closed === undefined ? this.#queue.append(record, options) : Promise.reject(closed);
  }

  appendBatch(values: readonly T[], options?: AppendOptions): Promise<SeqRange> {
    const refusal = this.#refusal("appendBatch") ?? this.#appendRefusal("appendBatch", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    // What is no array has no number of records, and a log whose numbers are none cannot be opened again.
    if (!Array.isArray(values) || values.length === 0) {
      return Promise.reject(new WalError("WAL_INVALID_ARGUMENT", "a batch is an array of at least one record", { operation: "appendBatch", outcome: "not_applied" }));
    }
    const encode = (index: number): Uint8Array | WalError => {
      const record = encodeRecord(this.#codec, values[index] as T, this.nextSeq + index);
      return this.#refusal("appendBatch") ?? record;
    };
    return this.#queue.appendBatch(values.length, encode, options);
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
    return followRecords(this.#followable, this.#codec, options, {
      ended: () => this.#failure ?? (this.#closed ? "closed" : undefined),
      whenMore: (wake) => this.#followers.add(wake),
    });
  }

  trim(seq: number): Promise<void> {
    const refusal = this.#refusal("trim") ?? checkSeq("trim", "seq", seq);
    if (refusal !== undefined) return Promise.reject(refusal);
    return this.#control(async () => {
      if (this.#hasUnsynced) await this.#syncWriter();
      await this.#writer.trim(Math.min(seq, this.#durableSeq + 1));
      // On a disk that was full a trim may have made room for commits that waited since opening.
      this.#durableSeq = Math.max(this.#durableSeq, this.#writer.durableSeq);
      this.#writtenSeq = Math.max(this.#writtenSeq, this.#durableSeq);
      if (this.#writer.unmarked) this.#markTimer.touch();
      this.#followers.wake();
    });
  }

  sync(): Promise<void> {
    const refusal = this.#refusal("sync");
    return refusal === undefined ? this.#sync() : Promise.reject(refusal);
  }

  #sync(): Promise<void> {
    // Appends that wait stand before this call: an empty one takes its place behind them.
    if (this.#queue.waitingAppends > 0) return this.#queue.afterWaiting({ durability: "synced" }).then(() => this.#sync());
    if (this.#durableSeq >= this.nextSeq - 1) return Promise.resolve();
    const newest = this.#queue.newest ?? this.#flying;
    const synced = newest?.outcome(true) ?? this.#nextSync();
    this.#linger.cut();
    // Not at once: a codec may ask for it while the records of a batch go into the oldest commit.
    this.#pumpSoon();
    return synced;
  }

  /** In relaxed mode, when all is written: the sync that is to come. */
  #nextSync(): Promise<void> {
    const outcome = new Outcome();
    this.#unsynced.push(outcome);
    return outcome.promise;
  }

  stats(): LogStats {
    return {
      ...this.#stats.now(),
      writtenBytes: this.#writer.writtenBytes,
      pendingRecords: this.#queue.pendingRecords,
      pendingBytes: this.#queue.pendingBytes,
      waitingAppends: this.#queue.waitingAppends,
      segment: this.#writer.segment,
      rotations: this.#writer.rotations,
      markers: this.#writer.markers,
      packs: this.#writer.packs,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ------------------------------------------------------------------------------------------------ writing, one at a time

  readonly #joined = (): void => {
    this.#linger.joined();
    this.#pumpSoon();
  };

  /** Not at once: what is appended in the same turn, and by those whom this turn wakes, shares the commit. */
  readonly #pumpSoon = (): void => {
    if (this.#busy || this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    process.nextTick(this.#scheduledPump);
  };

  readonly #scheduledPump = (): void => {
    this.#pumpScheduled = false;
    this.#pump();
  };

  #pump(): void {
    if (this.#busy || this.#failure !== undefined || this.#closed) return;
    const control = this.#controls.take();
    if (control !== undefined) {
      this.#run(control);
      return;
    }
    // Before the next commit: where appends keep coming there is always one.
    if (this.#unsynced.length > 0) {
      this.#run({ run: () => this.#syncWriter(), resolve: () => undefined, reject: () => undefined });
      return;
    }
    if (!this.#queue.isOldestFull && this.#closing === undefined && this.#linger.mustWait()) return;
    const commit = this.#queue.take();
    if (commit === undefined) return;
    this.#linger.taken(this.#queue.isEmpty);
    this.#write(commit);
  }

  #write(commit: CommitBuffer): void {
    const startedAt = this.#limits.clock.monotonic();
    this.#busy = true;
    this.#flying = commit;
    this.#writer.commit(commit).then(
      () => {
        this.#busy = false;
        this.#flying = undefined;
        this.#committed(commit, this.#limits.clock.monotonic() - startedAt);
      },
      (error: unknown) => {
        this.#busy = false;
        this.#flying = undefined;
        this.#commitFailed(commit, error);
      },
    );
  }

  #committed(commit: CommitBuffer, latencyMs: number): void {
    this.#writtenSeq = commit.firstSeq + commit.recordCount - 1;
    if (!this.#isRelaxed) this.#durableSeq = this.#writtenSeq;
    this.#stats.add(commit, latencyMs);
    announceCommit(this.#limits.prefix, commit, latencyMs, this.#writer.segment);
    this.#followers.written(commit);
    this.#queue.finish(commit);
    if (this.#writer.unmarked) this.#markTimer.touch();
    commit.settleWritten(undefined);
    const synced = commit.takeSynced();
    if (!this.#isRelaxed) synced?.settle(undefined);
    else if (synced !== undefined) this.#unsynced.push(synced);
    this.#queue.recycle(commit);
    this.#pump();
    if (!this.#isRelaxed) this.#followers.wake();
    else if (this.#closing === undefined) this.#syncTimer.arm();
  }

  #commitFailed(commit: CommitBuffer, error: unknown): void {
    if (!this.#writer.isFinal(error)) {
      this.#queue.rollBack(commit, error);
      this.#pump();
    } else {
      this.#poison(error, "append", commit.firstSeq + commit.recordCount - 1, [...this.#unsynced, commit]);
    }
  }

  async #syncWriter(): Promise<void> {
    const through = this.#writtenSeq;
    const outcomes = this.#unsynced;
    this.#unsynced = [];
    try {
      await this.#writer.sync();
    } catch (error) {
      if (!this.#writer.isFinal(error)) for (const outcome of outcomes) outcome.settle(error);
      else this.#poison(error, "sync", this.#writtenSeq, outcomes);
      throw this.#failure ?? error;
    }
    if (through > this.#durableSeq) this.#durableSeq = through;
    for (const outcome of outcomes) outcome.settle(undefined);
    this.#followers.wake();
  }

  #control(run: () => Promise<void>): Promise<void> {
    const done = this.#controls.add(run);
    this.#pump();
    return done;
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
        if (this.#failure === undefined && this.#writer.isFinal(error)) this.#poison(error, "write", this.#writtenSeq, this.#unsynced);
        control.reject(this.#failure ?? error);
        this.#pump();
      },
    );
  }

  /**
   * Nothing more is written by this handle. Everything above the last sequence number known to be durable may be lost or kept;
   * what had not been started is not there.
   */
  #poison(cause: unknown, operation: string, lastSeq: number, unknown: readonly Pick<Outcome, "settle">[]): void {
    const failure = failureBy(cause, operation, { first: this.#durableSeq + 1, last: lastSeq });
    const behind = new WalError(failure.code, "a write before this one failed", { operation: "append", outcome: "not_applied", cause });
    this.#failure = failure;
    this.#stopTimers();
    this.#unsynced = [];
    for (const outcome of unknown) outcome.settle(failure);
    this.#queue.fail(behind);
    this.#controls.fail(behind);
    announcePoisoned(this.#limits.prefix, failure);
    this.#followers.wake();
  }

  // ------------------------------------------------------------------------------------------------ evidence, syncs, followers

  /** In relaxed mode: something is written and not known to be durable. */
  get #hasUnsynced(): boolean {
    return this.#durableSeq < this.#writtenSeq;
  }

  readonly #markIfIdle = (): void => {
    if (!this.#writer.unmarked || this.#failure !== undefined || this.#closing !== undefined) return;
    if (this.#busy || !this.#queue.isEmpty) this.#markTimer.touch();
    else this.#control(() => this.#mark()).catch(() => undefined); // The log is poisoned then; the next call tells.
  };

  async #mark(): Promise<void> {
    if (this.#hasUnsynced) await this.#syncWriter();
    if (this.#writer.unmarked) await this.#writer.mark();
  }

  readonly #syncIfNeeded = (): void => {
    if (!this.#hasUnsynced || this.#failure !== undefined) return;
    this.#control(() => this.#syncWriter()).catch(() => undefined); // The log is poisoned then; the next call tells.
  };

  #stopTimers(): void {
    this.#linger.stop();
    this.#markTimer.stop();
    this.#syncTimer.stop();
  }

  /** The log as its readers see it: through the last durable record. */
  readonly #readable: ReadableLog = {
    refusal: () => (this.#closed ? new WalError("WAL_CLOSED", "the log is closed", { operation: "read" }) : undefined),
    firstSeq: () => this.#writer.firstSeq,
    lastSeq: () => Promise.resolve(this.#durableSeq),
    commits: (range) => this.#writer.commits(range),
  };

  readonly #followable: ReadableLog = { ...this.#readable, commits: (range) => this.#followers.recent(range) ?? this.#writer.commits(range) };

  // ------------------------------------------------------------------------------------------------ closing and refusing

  async #close(): Promise<void> {
    this.#stopTimers();
    try {
      // An empty control waits for what is in flight; a failure shows in #failure.
      while (this.#failure === undefined && (this.#busy || !this.#queue.isEmpty || !this.#controls.isEmpty)) {
        await this.#control(() => Promise.resolve()).catch(() => undefined);
        this.#queue.admit();
      }
      if (this.#failure === undefined && this.#hasUnsynced) await this.#control(() => this.#syncWriter()).catch(() => undefined);
    } finally {
      this.#stopTimers();
      this.#closed = true;
      this.#followers.wake();
      await this.#writer.close(this.#failure === undefined);
      announceClosed(this.#limits.prefix);
    }
    // In relaxed mode a failure may concern appends that were answered: it is told once more.
    if (this.#failure !== undefined && this.#hasUnsynced) throw this.#failure;
  }

  #refusal(operation: string): WalError | undefined {
    if (this.#closing !== undefined) return new WalError("WAL_CLOSED", "the log is closed", { operation, outcome: "not_applied" });
    return this.#failure === undefined ? undefined : refusalAfter(this.#failure, operation);
  }

  #appendRefusal(operation: string, options: AppendOptions | undefined): Error | undefined {
    if (options?.signal?.aborted === true) return options.signal.reason as Error;
    if (this.nextSeq > Number.MAX_SAFE_INTEGER - MAX_RECORDS_PER_COMMIT) {
      return new WalError("WAL_FULL", "the sequence numbers are used up", { operation, outcome: "not_applied" });
    }
    return undefined;
  }
}
