import type { StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";

/**
 * Turns values into bytes and back. `encode` may return an array that it uses again: the log copies it before `append` returns.
 * `decode` may keep what it is given. Whatever either throws becomes WAL_CODEC_FAILED with the sequence number.
 */
export interface Codec<T> {
  readonly name: string;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/**
 * When an append resolves.
 *
 * - `"synced"`: when it has survived power loss.
 * - `{ syncEveryMs }`: when it is written. A process crash loses nothing; power loss may lose a suffix, at most what was
 *   appended within the window (1 to 60,000 ms).
 */
export type Durability = "synced" | { readonly syncEveryMs: number };

/** Options of `openLog`. */
export interface LogOptions<T = Uint8Array> {
  /** Where the log lives. Not closed by the log. */
  readonly storage: StorageBackend;
  /** The log's own directory in the storage, for example `"orders"` or `"tenants/a/orders"`. Segments: `[a-z0-9_-]+`. */
  readonly prefix: string;
  /** How values become bytes. Default: they are bytes. */
  readonly codec?: Codec<T> | undefined;
  /** Default `"synced"`. */
  readonly durability?: Durability | undefined;
  /** Bytes after which a new segment begins: 16 KiB to 1 GiB. Default 64 MiB; small ones cost a flush and a file each. */
  readonly segmentBytes?: number | undefined;
  /** Bytes that one commit may have, its header included: 4 KiB to 16 MiB. Default 16 MiB. */
  readonly maxCommitBytes?: number | undefined;
  /** Bytes that may wait for a commit before `append` waits: 0 to 1 GiB. Default 32 MiB. */
  readonly maxPendingBytes?: number | undefined;
  /** Where commits may start. 4096 gives each its own blocks, for disks that may harm a sector beside one they write. Default 8. */
  readonly commitAlignBytes?: 8 | 4096 | undefined;
  /** Milliseconds without an append after which the last commit gets its evidence written behind it: 1 to 60,000. Default 50. */
  readonly idleMarkerMs?: number | undefined;
  /** Sequence number of the first record if the log is new: 1 to 2^53 − 1. Default 1. Settled by the first append, on object storage by the first opening. */
  readonly startSeq?: number | undefined;
  /** If the log is new: which log it was restored from, and where it departs from it. Settled as `startSeq` is. */
  readonly parent?: LogParent | undefined;
  /** Prepare zeroed space ahead of small commits, where the file system gains by it. Default true. */
  readonly prepareAhead?: boolean | undefined;
  /** Milliseconds that a commit waits for more appends after its first one, unless it is full: 0 to 10,000. Default 0. */
  readonly lingerMs?: number | undefined;
  /** On object storage: objects that are merged into one, 2 to 4,096. Default 256; less where a log is opened often. */
  readonly packObjects?: number | undefined;
  /**
   * On object storage: milliseconds for which a commit is tried again while the storage does not say what became of it, 0 to
   * 3,600,000. Then the log is poisoned. Default 60,000.
   */
  readonly commitTimeoutMs?: number | undefined;
  /**
   * On object storage: milliseconds for which opening is tried again while others commit or open faster, 0 to 3,600,000. Then
   * WAL_FENCED. Default 60,000.
   */
  readonly takeoverTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The log that a restored one was made from. */
export interface LogParent {
  /** 32 hexadecimal digits. */
  readonly logId: string;
  /** The last record that both have: from `startSeq - 1` to 2^53 − 1. What comes behind it is each log's own. */
  readonly seq: number;
}

/** Options of `openLogReader`. */
export interface LogReaderOptions<T = Uint8Array> {
  readonly storage: StorageBackend;
  readonly prefix: string;
  readonly codec?: Codec<T> | undefined;
  /** Milliseconds between looks at the storage while `follow` waits: 1 to 60,000. Default 20, on object storage, where looks cost, 1,000. */
  readonly pollMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One record. */
export interface LogRecord<T> {
  readonly seq: number;
  readonly value: T;
}

/** The records of one commit, or the part of them that was asked for. */
export interface LogBatch<T> {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the commit was made, Unix milliseconds by the writer's clock, never less than in the commit before. */
  readonly committedAtMs: number;
  readonly values: readonly T[];
}

/** Which records to read. */
export interface ReadRange {
  /** First sequence number, default the first that is kept. Below it: WAL_TRIMMED. */
  readonly from?: number | undefined;
  /** Last sequence number, inclusive. Default: the last durable one when the call begins. */
  readonly to?: number | undefined;
  /** At most so many records. */
  readonly limit?: number | undefined;
  /** From `to` down to `from`. */
  readonly reverse?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where a live tail starts. */
export interface FollowOptions {
  /** First sequence number, default the first that is kept. May lie in the future. */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `append` and `appendBatch`. */
export interface AppendOptions {
  /** Abandons the append while it has not joined a commit; then rejects with `signal.reason`, and nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** In relaxed logs: resolve only when this append, and everything before it, has survived power loss. */
  readonly durability?: "synced" | undefined;
  /** Append only if this is the next sequence number, else WAL_CONFLICT. */
  readonly expectedSeq?: number | undefined;
}

/** What opening found. */
export interface LogRecovery {
  /** Bytes behind the last whole commit that were never acknowledged as one: an interrupted write. Left alone. */
  readonly tornTail: { readonly key: string; readonly offset: number; readonly bytes: number } | undefined;
  /** Records that were whole but not known to be durable, and were copied into a new segment. */
  readonly copiedRecords: number;
  /** Keys of files that belonged to interrupted openings and carried nothing. */
  readonly voidSegments: readonly string[];
  /** Whether the last writer closed the log. True for a new log, and on object storage, where an interrupted writer leaves nothing half done. */
  readonly closedCleanly: boolean;
  /** Segments whose frames were read. */
  readonly scannedSegments: number;
  /** Bytes read. */
  readonly scannedBytes: number;
  /**
   * No room for the interrupted commits: readable and trimmable, appends reject STORAGE_FULL. A trim, which is done also if this is
   * still true behind it, makes room and tries once more.
   */
  readonly readOnlyUntilTrimmed: boolean;
  /** On object storage: how this handle became the writer. `undefined` in files. */
  readonly takeover: LogTakeover | undefined;
}

/** How a log on object storage was taken over. */
export interface LogTakeover {
  /** Position of this writer's claim. Of two writers the one with the higher term fences the other. */
  readonly term: number;
  /** Term of the writer before; `undefined` in a new log. */
  readonly previousTerm: number | undefined;
  /** How often it was tried: more than once if others wrote or opened meanwhile. */
  readonly attempts: number;
  /** Objects that were found behind the last pack. */
  readonly unpackedObjects: number;
}

/** Counters since the log was opened. */
export interface LogStats {
  readonly commits: number;
  readonly records: number;
  /** Bytes of the records. */
  readonly payloadBytes: number;
  /** Bytes written, headers, markers and padding included. */
  readonly writtenBytes: number;
  /** Records and bytes that wait for a commit or are in one. */
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  /** Appends that wait for room. */
  readonly waitingAppends: number;
  /** Of the commits: milliseconds from the start of the write to its answer. */
  readonly commitLatencyMs: { readonly last: number; readonly mean: number; readonly max: number };
  /** Of the commits: records. */
  readonly commitRecords: { readonly last: number; readonly mean: number; readonly max: number };
  /** Number of the segment that is written to, 0 before the first append. On object storage: position of the newest object. */
  readonly segment: number;
  readonly rotations: number;
  readonly markers: number;
  /** On object storage: packs made of this writer's objects. */
  readonly packs: number;
}

/** What a log and a reader have in common. */
export interface LogSource<T> {
  /** Records in ascending (`reverse`: descending) order. Values may be kept. */
  read(range?: ReadRange): AsyncIterable<LogRecord<T>>;
  /** The same, a commit at a time: the fastest way to replay. */
  readBatches(range?: Omit<ReadRange, "reverse">): AsyncIterable<LogBatch<T>>;
  /** One record, or `undefined` if there is none yet. Below `firstSeq`: WAL_TRIMMED. */
  get(seq: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<LogRecord<T> | undefined>;
  /** Durable records from `from` on, and then those to come; ends when the signal aborts or the log is closed. */
  follow(options?: FollowOptions): AsyncIterable<LogRecord<T>>;
  /** The log that this one was restored from; `undefined` if it was not, or a reader has not found it yet. Costs a request on object storage. */
  parent(options?: { readonly signal?: AbortSignal | undefined }): Promise<LogParent | undefined>;
  /** The first sequence number that is kept. */
  readonly firstSeq: number;
}

/** A log opened for writing. Made by `openLog`. */
export interface Log<T = Uint8Array> extends LogSource<T>, AsyncDisposable {
  /**
   * Appends one record and answers its sequence number when it is durable. Order of calls is order of sequence numbers.
   * The value is encoded and copied before the call returns.
   */
  append(value: T, options?: AppendOptions): Promise<number>;
  /** Appends records as one unit: after a crash all are there or none. At least one. */
  appendBatch(values: readonly T[], options?: AppendOptions): Promise<{ readonly first: number; readonly last: number }>;
  /**
   * Forgets what is below `seq` (at most `durableSeq + 1`). Resolves when the new `firstSeq` is durable. On object storage whole
   * commits are forgotten, and never the newest object: `firstSeq` may then be less than `seq`.
   */
  trim(seq: number): Promise<void>;
  /** Resolves when everything appended so far has survived power loss. */
  sync(): Promise<void>;
  stats(): LogStats;
  /** Waits for what is in flight, ends followers, writes the seal, lets go of the lock. Idempotent. */
  close(): Promise<void>;
  /** The sequence number that the next record gets. */
  readonly nextSeq: number;
  /** The last sequence number that has survived power loss; `firstSeq − 1` or `startSeq − 1` if there is none. */
  readonly durableSeq: number;
  /** 32 hexadecimal digits; `undefined` until the first record of a new log. */
  readonly logId: string | undefined;
  readonly recovery: LogRecovery;
}

/** A log opened for reading, in any process. Made by `openLogReader`. Takes no lock, writes nothing. */
export interface LogReader<T = Uint8Array> extends LogSource<T>, AsyncDisposable {
  /** Which log was found when this last looked: 32 hexadecimal digits; `undefined` as long as there is none. */
  readonly logId: string | undefined;
  close(): Promise<void>;
}
