import type { CallOptions } from "@holdfast/storage";
import type { CheckpointState } from "./checkpoint-state.js";

/** A stored checkpoint as a listing shows it. Whether it can be read is not known by that. */
export interface CheckpointEntry {
  readonly sequence: bigint;
  /** Counts up in a stream, so that of two with one sequence the newer one has the higher. */
  readonly revision: number;
  /** Bytes. */
  readonly size: number;
  /** Where it is; absent in memory. */
  readonly key?: string | undefined;
}

/** A stored checkpoint. Its bytes belong to the caller. */
export interface Checkpoint extends CheckpointEntry {
  readonly state: CheckpointState;
  /** Unix milliseconds, by its writer's clock. */
  readonly createdAtMs: number;
}

/** A checkpoint that could not be read, and why. It is left alone. */
export interface SkippedCheckpoint {
  readonly entry: CheckpointEntry;
  readonly error: unknown;
}

/** What {@link CheckpointStore.latest} found. */
export interface LatestCheckpoint {
  /** The one with the highest sequence that can be read; `undefined`: there is none. */
  readonly checkpoint: Checkpoint | undefined;
  /** Those above it, which cannot be read. */
  readonly skipped: readonly SkippedCheckpoint[];
}

/** Options of {@link CheckpointStore.save}. */
export interface SaveOptions {
  /**
   * What to do if another state is stored under this sequence: `"refuse"` (default), CHECKPOINT_CONFLICT; `"replace"`, the new one counts
   * from now on. The same state once more is a success in either case.
   */
  readonly ifExists?: "refuse" | "replace" | undefined;
}

/** What became of a save. */
export interface SaveResult {
  /** False: it lies below all that are kept, and nothing was written. */
  readonly stored: boolean;
  /** The same state was there before. */
  readonly duplicate: boolean;
}

/** Checkpoints of any number of streams. A durable one is made by `checkpointStore`, one for tests by `memoryCheckpointStore`. */
export interface CheckpointStore {
  /**
   * Takes the stream over, if this store has not done so before: whoever owned it saves nothing any more. `save` and `deleteBefore` do it by
   * themselves.
   *
   * @returns The highest sequence that is stored.
   * @throws STORAGE_INVALID_KEY, as every call, for a stream id of which `encodeKeyPart` of the storage package makes no name. What the storage
   * says. CHECKPOINT_FENCED, retryable, if others were faster too many times.
   */
  open(streamId: string, options?: CallOptions): Promise<{ readonly latestSequence: bigint | undefined }>;
  /**
   * Stores a state, and resolves when it is durable. The state is encoded before the call returns. Saves of one stream are done one after the
   * other, in the order of calls.
   *
   * @throws CHECKPOINT_CONFLICT. CHECKPOINT_FENCED. CHECKPOINT_TOO_LARGE. CHECKPOINT_INVALID_ARGUMENT. What the storage says, with `outcome`;
   * the next save then finds out first what became of this one.
   */
  save(state: CheckpointState, options?: SaveOptions): Promise<SaveResult>;
  /** The latest one that can be read. Those that are damaged, or that the storage cannot read for good, are passed over, reported, and left alone. */
  latest(streamId: string, options?: CallOptions): Promise<LatestCheckpoint>;
  /** The newest one of this sequence, or `undefined`. @throws CHECKPOINT_CORRUPT, CHECKPOINT_UNSUPPORTED_VERSION, or what the storage says. */
  get(streamId: string, sequence: bigint, options?: CallOptions): Promise<Checkpoint | undefined>;
  /** All of a stream, ascending by sequence, one for each. */
  list(streamId: string, options?: CallOptions): Promise<readonly CheckpointEntry[]>;
  /** How many there are. */
  count(streamId: string, options?: CallOptions): Promise<number>;
  /** Removes those with a sequence below this one, the latest too if it is so low. Answers how many. */
  deleteBefore(streamId: string, sequence: bigint): Promise<number>;
  /** Streams that have a checkpoint, in no particular order. */
  streams(options?: CallOptions): Promise<readonly string[]>;
  /** Waits for what is in flight. Idempotent; later calls reject CHECKPOINT_CLOSED. The storage stays open. */
  close(): Promise<void>;
}
