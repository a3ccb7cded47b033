import type { CommitBuffer } from "./commit-buffer.js";
import type { LogParent, LogRecovery } from "./types.js";

/** A commit as it is stored: records `u32 length ‖ bytes`, one after the other, in `bytes` from `start` to `end`. Checked. */
export interface StoredCommit {
  readonly firstSeq: number;
  readonly recordCount: number;
  readonly committedAtMs: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Where it stands, for messages: the object and the offset of its frame. */
  readonly key: string;
  readonly offset: number;
}

/** Which commits to read: those that hold a record from `from` to `to`, in ascending order or, `reverse`, descending. */
export interface CommitRange {
  readonly from: number;
  readonly to: number;
  readonly reverse: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Walks over stored commits, a chunk at a time. Chunks are never empty; `undefined` is the end. */
export interface CommitCursor {
  next(): Promise<readonly StoredCommit[] | undefined>;
}

/** Something that durable commits can be read from. */
export interface CommitSource {
  /** The first sequence number that is kept. */
  readonly firstSeq: number;
  commits(range: CommitRange): CommitCursor;
}

/**
 * A log opened for writing on one kind of storage. The log above gathers appends into commits, numbers them and calls one
 * method at a time; the device knows the bytes, the files or objects, and recovery.
 */
export interface LogWriter extends CommitSource {
  /** Bytes that a commit's buffer leaves free before its records, for the device's header. */
  readonly headroomBytes: number;
  /** The sequence number that the first new record gets. */
  readonly nextSeq: number;
  /** The last sequence number that has survived power loss. */
  readonly durableSeq: number;
  /** Whether the last thing written has no evidence behind it. */
  readonly unmarked: boolean;
  /** 32 hexadecimal digits; `undefined` while a new log has no file. */
  readonly logId: string | undefined;
  /** The log that this one was restored from. */
  parent(signal: AbortSignal | undefined): Promise<LogParent | undefined>;
  readonly recovery: LogRecovery;
  readonly segment: number;
  readonly rotations: number;
  readonly markers: number;
  readonly packs: number;
  readonly writtenBytes: number;
  /** Writes one commit. Resolves when it is durable or, in relaxed mode, written. */
  commit(commit: CommitBuffer): Promise<void>;
  /** Makes every commit so far durable. */
  sync(): Promise<void>;
  /** Puts evidence behind the last commit, so that damage to it can be told from an interrupted write. Syncs first. */
  mark(): Promise<void>;
  /** Makes `seq` the first sequence number that is kept. Syncs first. Removing what is below goes on behind it. */
  trim(seq: number): Promise<void>;
  /**
   * Whether nothing more may be written after this rejection of one of the methods above. Else nothing was harmed, and the next
   * call may try again; a commit was then certainly not applied.
   */
  isFinal(error: unknown): boolean;
  /** Closes; `clean` after everything was committed and nothing failed. */
  close(clean: boolean): Promise<void>;
}
