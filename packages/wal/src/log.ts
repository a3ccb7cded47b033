import { hasCode, isHoldfastError, storagePrefix, systemClock, systemRandom } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { bytesCodec } from "./codec.js";
import type { CommitBuffer } from "./commit-buffer.js";
import { CommitQueue } from "./commit-queue.js";
import { CommitStats } from "./commit-stats.js";
import type { LogWriter } from "./device.js";
import { announceClosed, announceCommit, announceOpened, announcePoisoned } from "./diagnostics.js";
import { WalError } from "./errors.js";
import { openFileWriter } from "./file-writer.js";
import { followRecords } from "./follow.js";
import { MAX_RECORDS_PER_COMMIT } from "./format/segment.js";
import { IdleTimer } from "./idle-timer.js";
import { Linger } from "./linger.js";
import { openObjectWriter } from "./object-writer.js";
import { checkLogOptions, checkSeq } from "./options.js";
import { getRecord, readBatches, readRecords, type ReadableLog } from "./read.js";
import type { AppendOptions, Codec, FollowOptions, Log, LogBatch, LogOptions, LogRecord, LogRecovery, LogStats, ReadRange } from "./types.js";
import { RangeWaiter, type CommitWaiter, type SeqRange } from "./waiters.js";

/**
 * Opens a log for writing, and answers the open log. Where storage can append: takes its lock, and recovers what an interrupted
 * writer left. On object storage: takes the log over from whoever writes to it, whose next commit is refused with WAL_FENCED.
 *
 * @param options - See {@link LogOptions}.
 * @throws STORAGE_LOCKED if another writer holds the lock; WAL_FENCED if others are faster for `takeoverTimeoutMs`; WAL_CORRUPT,
 * WAL_SEGMENT_MISSING, WAL_UNSUPPORTED_VERSION, WAL_NOT_A_LOG, with nothing changed; WAL_READ_FAILED if the storage could not be
 * read; WAL_INVALID_ARGUMENT.
 */
export function openLog(options: LogOptions & { readonly codec?: undefined }): Promise<Log>;
export function openLog<T>(options: LogOptions<T> & { readonly codec: Codec<T> }): Promise<Log<T>>;
export async function openLog<T>(options: LogOptions<T>): Promise<Log<T> | Log> {
  const settings = checkLogOptions(options);
  const clock = options.clock ?? systemClock;
  options.signal?.throwIfAborted();
  const prefix = storagePrefix(options.prefix);
  const { storage, random = systemRandom, signal } = options;
  const { appendable } = storage;
  const device = { storage, prefix, settings, clock, random, signal };
  const writer = await (appendable === undefined ? openObjectWriter(device) : openFileWriter({ ...device, appendable }));
  announceOpened({ prefix, recovery: writer.recovery, firstSeq: writer.firstSeq, nextSeq: writer.nextSeq });
  // In an object store what is written is durable: there is nothing to relax.
  const limits = { ...settings, prefix, clock, syncEveryMs: appendable === undefined ? undefined : settings.syncEveryMs };
  return options.codec === undefined ? new DurableLog(writer, bytesCodec, limits) : new DurableLog(writer, options.codec, limits);
}

interface LogLimits {
  readonly prefix: string;
  readonly clock: Clock;
  readonly maxCommitBytes: number;
  readonly maxPendingBytes: number;
  readonly idleMarkerMs: number;
  readonly lingerMs: number;
  /** `undefined`: every commit is synced. */
  readonly syncEveryMs: number | undefined;
}

/** Something other than a commit that needs the writer for itself. */
interface Control {
  run(): Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * One commit in flight, the next one gathering in the queue. `#pump` starts the next write as soon as the one before it has
 * been answered; everything that touches the writer goes through it, one at a time.
 */
class DurableLog<T> implements Log<T> {
  readonly #writer: LogWriter;
  readonly #codec: Codec<T>;
  readonly #limits: LogLimits;
  readonly #queue: CommitQueue;
  readonly #stats = new CommitStats();
  readonly #controls: Control[] = [];
  readonly #followers = new Set<() => void>();
  readonly #markTimer: IdleTimer;
  readonly #linger: Linger;
  #cancelSyncTimer: (() => void) | undefined;
  /** In relaxed mode: those whose commit is written and who wait for the next sync. */
  #unsynced: CommitWaiter[] = [];
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
    this.#queue = new CommitQueue({ headroomBytes, maxBodyBytes: maxCommitBytes - headroomBytes, maxPendingBytes }, writer.nextSeq, this.#joined);
    this.#markTimer = new IdleTimer(limits.clock, limits.idleMarkerMs, this.#markIfIdle);
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

  get recovery(): LogRecovery {
    return this.#writer.recovery;
  }

  append(value: T, options?: AppendOptions): Promise<number> {
    const refusal = this.#refusal("append") ?? this.#appendRefusal("append", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    const record = this.#encode(value, 0);
    if (record instanceof WalError) return Promise.reject(record);
    return this.#queue.append(record, options);
  }

  appendBatch(values: readonly T[], options?: AppendOptions): Promise<SeqRange> {
    const refusal = this.#refusal("appendBatch") ?? this.#appendRefusal("appendBatch", options);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (values.length === 0) {
      return Promise.reject(new WalError("WAL_INVALID_ARGUMENT", "a batch has at least one record", { operation: "appendBatch", outcome: "not_applied" }));
    }
    return this.#queue.appendBatch(values.length, (index) => this.#encode(values[index] as T, index), options);
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
        this.#followers.add(wake);
        return () => this.#followers.delete(wake);
      },
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
      this.#wakeFollowers();
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
    return new Promise((resolve, reject) => {
      const done = (): void => {
        resolve();
      };
      const waiter = new RangeWaiter({ first: this.nextSeq, last: this.nextSeq - 1 }, true, done, reject);
      if (!this.#queue.attach(waiter)) (this.#flying?.waiters ?? this.#unsynced).push(waiter);
      this.#linger.cut();
      this.#pump();
    });
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

  /** Not at once: what is appended in the same turn, and by those whom this turn wakes, shares the commit. */
  readonly #joined = (): void => {
    this.#linger.joined();
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
    const control = this.#controls.shift();
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
    this.#queue.finish(commit);
    if (this.#writer.unmarked) this.#markTimer.touch();
    for (const waiter of commit.waiters) {
      if (this.#isRelaxed && waiter.synced) this.#unsynced.push(waiter);
      else waiter.settle(undefined);
    }
    this.#queue.recycle(commit);
    this.#pump();
    if (this.#isRelaxed) this.#armSyncTimer();
    else this.#wakeFollowers();
  }

  #commitFailed(commit: CommitBuffer, error: unknown): void {
    if (!this.#writer.isFinal(error)) {
      this.#queue.rollBack(commit, error);
      this.#pump();
    } else {
      this.#poison(error, "append", commit.firstSeq + commit.recordCount - 1, [...this.#unsynced, ...commit.waiters]);
    }
  }

  async #syncWriter(): Promise<void> {
    const through = this.#writtenSeq;
    const waiters = this.#unsynced;
    this.#unsynced = [];
    try {
      await this.#writer.sync();
    } catch (error) {
      if (!this.#writer.isFinal(error)) for (const waiter of waiters) waiter.settle(error);
      else this.#poison(error, "sync", this.#writtenSeq, waiters);
      throw this.#failure ?? error;
    }
    if (through > this.#durableSeq) this.#durableSeq = through;
    for (const waiter of waiters) waiter.settle(undefined);
    this.#wakeFollowers();
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
        if (this.#failure === undefined && this.#writer.isFinal(error)) this.#poison(error, "write", this.#writtenSeq, this.#unsynced);
        control.reject(this.#failure ?? error);
        this.#pump();
      },
    );
  }

  /**
   * After a failed write what is on the disk is not known, and nothing more is written by this handle. Everything above the
   * last sequence number known to be durable may be lost or kept; what had not been started is not there. A writer that was
   * fenced knows more: what it was refused is not there, unless an answer was lost before.
   */
  #poison(cause: unknown, operation: string, lastSeq: number, unknown: readonly CommitWaiter[]): void {
    const at = isHoldfastError(cause) ? { key: cause.key, offset: cause.offset, backend: cause.backend } : {};
    const isFenced = hasCode(cause, "WAL_FENCED");
    const code = isFenced ? "WAL_FENCED" : "WAL_POISONED";
    const message = isFenced ? cause.message : `a write of the log failed; close it, open it again, and compare nextSeq with ${lastSeq}`;
    const outcome = (isFenced ? cause.outcome : undefined) ?? "unknown";
    const failure = new WalError(code, message, { operation, ...at, outcome, firstSeq: this.#durableSeq + 1, lastSeq, cause });
    this.#failure = failure;
    const behind = new WalError(code, "a write before this one failed", { operation: "append", outcome: "not_applied", cause });
    this.#stopTimers();
    this.#unsynced = [];
    for (const waiter of unknown) waiter.settle(failure);
    this.#queue.fail(behind);
    for (const control of this.#controls.splice(0)) control.reject(behind);
    announcePoisoned(this.#limits.prefix, failure);
    this.#wakeFollowers();
  }

  // ------------------------------------------------------------------------------------------------ evidence, syncs, followers

  get #isRelaxed(): boolean {
    return this.#limits.syncEveryMs !== undefined;
  }

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

  #armSyncTimer(): void {
    const { syncEveryMs, clock } = this.#limits;
    if (syncEveryMs === undefined || this.#cancelSyncTimer !== undefined || this.#closing !== undefined) return;
    this.#cancelSyncTimer = clock.setTimer(() => {
      this.#cancelSyncTimer = undefined;
      if (!this.#hasUnsynced || this.#failure !== undefined) return;
      this.#control(() => this.#syncWriter()).catch(() => undefined); // The log is poisoned then; the next call tells.
    }, syncEveryMs);
  }

  #stopTimers(): void {
    this.#linger.stop();
    this.#markTimer.stop();
    this.#cancelSyncTimer?.();
    this.#cancelSyncTimer = undefined;
  }

  #wakeFollowers(): void {
    for (const wake of this.#followers) wake();
  }

  /** The log as its readers see it: through the last durable record. */
  readonly #readable: ReadableLog = {
    refusal: () => (this.#closed ? new WalError("WAL_CLOSED", "the log is closed", { operation: "read" }) : undefined),
    firstSeq: () => this.#writer.firstSeq,
    lastSeq: () => Promise.resolve(this.#durableSeq),
    commits: (range) => this.#writer.commits(range),
  };

  // ------------------------------------------------------------------------------------------------ closing and refusing

  async #close(): Promise<void> {
    this.#stopTimers();
    try {
      // An empty control waits for what is in flight; a failure shows in #failure.
      while (this.#failure === undefined && (this.#busy || !this.#queue.isEmpty || this.#controls.length > 0)) {
        await this.#control(() => Promise.resolve()).catch(() => undefined);
        this.#queue.admit();
      }
      if (this.#failure === undefined && this.#hasUnsynced) await this.#control(() => this.#syncWriter()).catch(() => undefined);
    } finally {
      this.#stopTimers();
      this.#closed = true;
      this.#wakeFollowers();
      await this.#writer.close(this.#failure === undefined);
      announceClosed(this.#limits.prefix);
    }
    // In relaxed mode a failure may concern appends that were answered: it is told once more.
    if (this.#failure !== undefined && this.#hasUnsynced) throw this.#failure;
  }

  #refusal(operation: string): WalError | undefined {
    if (this.#closing !== undefined) return new WalError("WAL_CLOSED", "the log is closed", { operation, outcome: "not_applied" });
    const failure = this.#failure;
    if (failure !== undefined) {
      const { code, firstSeq, lastSeq } = failure;
      const message = "an earlier write of the log failed; close it and open it again";
      return new WalError(code, message, { operation, outcome: "not_applied", firstSeq, lastSeq, cause: failure });
    }
    return undefined;
  }

  #appendRefusal(operation: string, options: AppendOptions | undefined): Error | undefined {
    if (options?.signal?.aborted === true) return options.signal.reason as Error;
    if (this.nextSeq > Number.MAX_SAFE_INTEGER - MAX_RECORDS_PER_COMMIT) {
      return new WalError("WAL_FULL", "the sequence numbers are used up", { operation, outcome: "not_applied" });
    }
    return undefined;
  }

  #encode(value: T, index: number): Uint8Array | WalError {
    try {
      const bytes: unknown = this.#codec.encode(value);
      return bytes instanceof Uint8Array ? bytes : this.#codecFailure(index, new TypeError(`it answered ${typeof bytes}, not bytes`));
    } catch (cause) {
      return this.#codecFailure(index, cause);
    }
  }

  #codecFailure(index: number, cause: unknown): WalError {
    const seq = this.nextSeq + index;
    const message = `the codec "${this.#codec.name}" refused the value that would have been record ${seq}`;
    return new WalError("WAL_CODEC_FAILED", message, { operation: "append", outcome: "not_applied", seq, cause });
  }
}
