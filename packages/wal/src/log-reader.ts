import { storagePrefix, systemClock, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { bytesCodec } from "./codec.js";
import type { CommitCursor, CommitRange } from "./device.js";
import { WalError } from "./errors.js";
import { isShrinking, listSegments, planError, PlanReader, readableSegment } from "./file-recovery.js";
import { followRecords, type FollowSignals } from "./follow.js";
import { HeadSegment } from "./head-segment.js";
import { LogObjects } from "./log-objects.js";
import { requireObjects } from "./object-end.js";
import { ObjectView } from "./object-view.js";
import { getRecord, readBatches, readRecords, type ReadableLog } from "./read.js";
import type { HeadPlan, NewLogPlan } from "./format/plan.js";
import type { ParentLog } from "./format/segment.js";
import { namedParent } from "./log-parent.js";
import { checkStorage } from "./options.js";
import type { RemoteLog } from "./remote-log.js";
import { SegmentChain } from "./segment-chain.js";
import { readSegments, type ReadableSegment, type SegmentHistory } from "./segment-reader.js";
import { Successors } from "./successors.js";
import type { Codec, FollowOptions, LogBatch, LogParent, LogReader, LogReaderOptions, LogRecord, ReadRange } from "./types.js";

/**
 * Opens a log for reading, in any process, while another one may write to it. Takes no lock, fences nobody and writes nothing.
 * In files it delivers a record only when something behind it vouches for it, so what it delivered no crash takes back: a record
 * arrives at the latest `idleMarkerMs` of the writer after it was acknowledged; after the writer's crash, when the log is opened
 * for writing. On object storage what is there is durable.
 *
 * @throws WAL_CORRUPT, WAL_SEGMENT_MISSING, WAL_UNSUPPORTED_VERSION, WAL_NOT_A_LOG, WAL_READ_FAILED, WAL_INVALID_ARGUMENT;
 * STORAGE_INVALID_KEY for a `prefix` that is none.
 */
export function openLogReader(options: LogReaderOptions & { readonly codec?: undefined }): Promise<LogReader>;
export function openLogReader<T>(options: LogReaderOptions<T> & { readonly codec: Codec<T> }): Promise<LogReader<T>>;
export async function openLogReader<T>(options: LogReaderOptions<T>): Promise<LogReader<T> | LogReader> {
  checkStorage("openLogReader", options.storage);
  const isObjects = options.storage.appendable === undefined;
  const { pollMs = isObjects ? 1000 : 20 } = options;
  if (!Number.isSafeInteger(pollMs) || pollMs < 1 || pollMs > 60_000) {
    throw new WalError("WAL_INVALID_ARGUMENT", `pollMs is ${pollMs}; it must be a whole number from 1 to 60000`, { operation: "openLogReader" });
  }
  const clock = options.clock ?? systemClock;
  options.signal?.throwIfAborted();
  const log = await (isObjects ? openObjects(options.storage, storagePrefix(options.prefix), clock) : openFiles(options.storage, storagePrefix(options.prefix)));
  const poll = (wake: () => void): (() => void) => {
    let cancel: () => void;
    const arm = (): void => {
      cancel = clock.setTimer(() => {
        arm();
        wake();
      }, pollMs);
    };
    arm();
    return () => {
      cancel();
    };
  };
  return options.codec ? new RemoteLogReader(log, options.codec, poll) : new RemoteLogReader(log, bytesCodec, poll);
}

async function openFiles(storage: StorageBackend, prefix: StoragePrefix): Promise<RemoteLog> {
  const files = new LogFiles(storage, prefix);
  await files.refresh();
  await files.reachNewest();
  return files;
}

async function openObjects(storage: StorageBackend, prefix: StoragePrefix, clock: Clock): Promise<RemoteLog> {
  const objects = new LogObjects(storage, prefix);
  const view = new ObjectView(objects, clock);
  await view.refresh();
  if (view.newest() === 0) await requireObjects(objects, undefined);
  return view;
}

class RemoteLogReader<T> implements LogReader<T> {
  readonly #log: RemoteLog;
  readonly #codec: Codec<T>;
  readonly #poll: (wake: () => void) => () => void;
  readonly #followers = new Set<() => void>();
  #closed = false;

  constructor(log: RemoteLog, codec: Codec<T>, poll: (wake: () => void) => () => void) {
    this.#log = log;
    this.#codec = codec;
    this.#poll = poll;
  }

  get firstSeq(): number {
    return this.#log.firstSeq();
  }

  get logId(): string | undefined {
    return this.#log.logId();
  }

  parent(options?: { readonly signal?: AbortSignal | undefined }): Promise<LogParent | undefined> {
    return this.#log.parent(options?.signal);
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
    const signals: FollowSignals = {
      ended: () => (this.#closed ? "closed" : undefined),
      whenMore: (wake) => {
        const stop = this.#poll(wake);
        this.#followers.add(wake);
        return () => {
          stop();
          this.#followers.delete(wake);
        };
      },
    };
    return { [Symbol.asyncIterator]: () => followRecords(this.#polled(), this.#codec, options, signals)[Symbol.asyncIterator]() };
  }

  close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#followers) wake();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #readable: ReadableLog = {
    refusal: () => (this.#closed ? new WalError("WAL_CLOSED", "the reader is closed", { operation: "read" }) : undefined),
    firstSeq: () => this.#log.firstSeq(),
    lastSeq: async () => {
      if (!this.#closed) await this.#log.refresh();
      return this.#log.lastSeq();
    },
    commits: (range) => this.#log.commits(range),
  };

  /** As one who looks again and again sees it. */
  #polled(): ReadableLog {
    let isFirst = true;
    const lastSeq = async (): Promise<number> => {
      if (!this.#closed) await (isFirst ? this.#log.refresh() : this.#log.poll());
      isFirst = false;
      return this.#log.lastSeq();
    };
    return { ...this.#readable, lastSeq };
  }
}

/** The history of a log that somebody else writes, as far as it is proven to last. Looked at again by `refresh`. */
class LogFiles implements RemoteLog, SegmentHistory {
  readonly storage: StorageBackend;
  readonly #prefix: StoragePrefix;
  readonly #successors: Successors;
  #chain: SegmentChain | undefined;
  #head: HeadSegment | undefined;
  #numbers = "";
  #logId: Uint8Array | undefined;
  #parent: ParentLog | undefined;
  #floorSeq = 1;
  #refreshing: Promise<void> | undefined;

  constructor(storage: StorageBackend, prefix: StoragePrefix) {
    this.storage = storage;
    this.#prefix = prefix;
    this.#successors = new Successors(storage, prefix);
  }

  segments(): readonly ReadableSegment[] {
    return this.#chain?.segments ?? [];
  }

  logId(): string | undefined {
    return this.#logId === undefined ? undefined : Buffer.from(this.#logId).toString("hex");
  }

  parent(): Promise<LogParent | undefined> {
    return Promise.resolve(namedParent(this.#parent));
  }

  firstSeq(): number {
    return this.#floorSeq;
  }

  lastSeq(): number {
    return this.#head?.lastSeq ?? this.#floorSeq - 1;
  }

  poll(): Promise<void> {
    return this.refresh();
  }

  commits(range: CommitRange): CommitCursor {
    return readSegments(this, range);
  }

  reach(seq: number): Promise<void> {
    return this.#twice(() => this.#chain?.reach(seq), () => seq < this.#floorSeq);
  }

  /** Looks at as much of the history as opening does. */
  reachNewest(): Promise<void> {
    return this.#twice(() => this.#chain?.reachNewest(), () => false);
  }

  /** Files may be trimmed while the history is followed back: what is missing counts when it is missing at a second look. */
  async #twice(follow: () => Promise<void> | undefined, isTrimmed: () => boolean): Promise<void> {
    for (let before: WalError | undefined; ; ) {
      try {
        await follow();
        return;
      } catch (error) {
        if (!(error instanceof WalError) || isSame(before, error)) throw error;
        before = error;
        this.#numbers = "";
        await this.refresh();
        if (isTrimmed()) return;
      }
    }
  }

  refresh(): Promise<void> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #look(): Promise<void> {
    const numbers = await listSegments(this.storage, this.#prefix, undefined);
    const names = numbers.join();
    const known = this.#head;
    // While no file comes or goes or becomes the head, only what was appended to the head has to be read.
    if (names === this.#numbers && known !== undefined && !(await this.#successors.overtake(known, numbers)) && (await known.extend())) {
      this.#floorSeq = Math.max(this.#floorSeq, known.floorSeq);
      return;
    }
    const plan = await this.#plan(numbers);
    this.#numbers = names;
    if (plan.kind === "new") return;
    const head = new HeadSegment(this.storage, readableSegment(this.#prefix, plan.head.link), plan.floor.seq);
    const reader = new PlanReader(this.storage, this.#prefix, undefined);
    const chain = new SegmentChain({ reader, prefix: this.#prefix, numbers: plan.numbers, floor: plan.floor, head: plan.head }, head);
    // What a reader is in the middle of stays as it is.
    if (this.#chain !== undefined) await chain.continueFrom(this.#chain);
    this.#logId = plan.logId;
    this.#parent = plan.head.begin.parent;
    this.#head = head;
    this.#chain = chain;
    this.#floorSeq = Math.max(this.#floorSeq, plan.floor.seq);
  }

  /** Files come, grow and go while they are looked at: an error counts when it is found twice in the same place. */
  async #plan(numbers: readonly number[]): Promise<NewLogPlan | (HeadPlan & { readonly numbers: readonly number[] })> {
    let before: WalError | undefined;
    for (let listed = numbers; ; listed = await listSegments(this.storage, this.#prefix, undefined)) {
      const plan = await this.#tryPlan(listed);
      if (!(plan instanceof WalError)) return plan.kind === "new" ? plan : { ...plan, numbers: listed };
      if (isSame(before, plan)) throw plan;
      before = plan;
    }
  }

  async #tryPlan(numbers: readonly number[]): Promise<NewLogPlan | HeadPlan | WalError> {
    try {
      const plan = await new PlanReader(this.storage, this.#prefix, undefined).head(numbers);
      return plan.kind === "error" ? planError(plan, this.#prefix) : plan;
    } catch (error) {
      if (isShrinking(error)) return error;
      throw error;
    }
  }
}

function isSame(one: WalError | undefined, other: WalError): boolean {
  return one?.code === other.code && one.key === other.key && one.offset === other.offset;
}
