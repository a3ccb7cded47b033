import type { StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { LogOptions, LogRecovery } from "@holdfast/wal";
import type { SkippedSnapshot, SnapshotEntry } from "./snapshot-store.js";
import type { StateCodecs } from "./state-codec.js";

/** What a state is and how it changes, without where it is kept. */
export interface StateDefinition<S, E> {
  /** The state before the first event. */
  readonly initial: S;
  /**
   * The state behind an event. Pure: it looks at nothing else, changes neither argument, and answers the same for the same. What it gets is
   * what the codec gives back for the event, now as at every replay. If it throws, the event is refused and not written.
   */
  apply(state: S, event: E): S;
  /** How states and events become bytes. Default: JSON. */
  readonly codec?: StateCodecs<S, E> | undefined;
  /** Of events and states as this program writes them: 1 to 2^32 − 1. Default 1. */
  readonly version?: number | undefined;
  /** An event that an older version wrote, as this version has it. Pure. */
  readonly migrate?: ((event: unknown, from: number) => E) | undefined;
  /** A state in a snapshot that an older version wrote, as this version has it. Pure. */
  readonly migrateState?: ((state: unknown, from: number) => S) | undefined;
}

/** When snapshots are made, how many are kept, and where they are built. */
export interface SnapshotPolicy {
  /** Bytes of events behind the last snapshot after which the next one is made: 1 KiB to 2^53 − 1, or Infinity. Default 64 MiB. */
  readonly everyBytes?: number | undefined;
  /** Milliseconds behind the first event without a snapshot after which one is made: 1 to 2^31 − 1. Default: time makes none. */
  readonly everyMs?: number | undefined;
  /** How many readable snapshots stay: 1 to 1,000. Default 2. The log is kept from the oldest of them on. */
  readonly keep?: number | undefined;
  /**
   * Builds snapshots in a worker thread, from the last one and the log, so that the state is never encoded in this one. For states whose
   * codec takes long in one step. The worker holds a second copy of the state while it builds.
   */
  readonly replay?: ReplayModule | undefined;
}

/** Where a worker finds the {@link StateDefinition}. */
export interface ReplayModule {
  /** A module that exports the definition, and does nothing else when it is loaded: `new URL("./orders.js", import.meta.url)`. */
  readonly module: URL | string;
  /** Name of the export. Default `"definition"`. */
  readonly name?: string | undefined;
}

/** Options of the log underneath, as for `openLog`. Its commits are always synced. */
export type StateLogOptions = Pick<
  LogOptions,
  "segmentBytes" | "maxCommitBytes" | "maxPendingBytes" | "commitAlignBytes" | "idleMarkerMs" | "prepareAhead" | "lingerMs" | "packObjects" | "commitTimeoutMs" | "takeoverTimeoutMs"
>;

/** Options of `openStateStore`. */
export interface StateStoreOptions<S, E> extends StateDefinition<S, E> {
  /** Where log and snapshots live. Not closed by the store. */
  readonly storage: StorageBackend;
  /** The store's own directory, for example `"orders"`: the log is in `log/` and snapshots in `snapshot/` below it. */
  readonly prefix: string;
  readonly snapshot?: SnapshotPolicy | undefined;
  readonly log?: StateLogOptions | undefined;
  /** Freezes states and events deeply, so that a reducer that changes its arguments throws. Costs time with every event. Default false. */
  readonly development?: boolean | undefined;
  /** Called while events are replayed, after each commit of the log that was. What it throws ends the opening. */
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  /** Abandons the opening. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a replay has come. */
export interface ReplayProgress {
  /** Of the snapshot that it began with; 0: none. */
  readonly fromSeq: number;
  /** Of the last event that was replayed. */
  readonly seq: number;
  /** Where it will end. */
  readonly toSeq: number;
}

/** Something that failed and stopped no commit. */
export interface StateProblem {
  readonly operation: "snapshot" | "commit";
  readonly error: unknown;
  /** Unix milliseconds. */
  readonly atMs: number;
}

/** How a store is: what opening found, and how snapshots are going. A value; ask again for a newer one. */
export interface StateHealth {
  /** Of the snapshot that opening began with; 0: it began with `initial`. */
  readonly replayedFrom: number;
  readonly replayedEvents: number;
  /** What an interrupted write left at the log's end. It was never acknowledged, and is left alone. */
  readonly tornTail: LogRecovery["tornTail"];
  /**
   * The disk was full when the store was opened, and the last commits of the process before do not show. They are not lost: make room, and
   * open again. Until then commits are refused with STATE_CONFLICT.
   */
  readonly isBehind: boolean;
  /** Snapshots that could not be read, by the opening or since. They are left alone. */
  readonly snapshotsSkipped: readonly SkippedSnapshot[];
  /** The newest snapshot that this handle has written or begun with. */
  readonly lastSnapshot: SnapshotEntry | undefined;
  /** Bytes of events behind it. */
  readonly bytesSinceSnapshot: number;
  /** The last thing that failed, also if it went well later. */
  readonly lastError: StateProblem | undefined;
}

/** Options of `commit`, `commitBatch` and `update`. */
export interface CommitOptions {
  /** Abandons the commit while it has not joined a write; rejects with `signal.reason`. Commits made behind it are refused with STATE_CONFLICT. */
  readonly signal?: AbortSignal | undefined;
}

/** A state that survives crashes. Made by `openStateStore`. */
export interface StateStore<S, E> extends AsyncDisposable {
  /** The state behind `seq`: durable events only. Not to be changed. */
  readonly state: S;
  /** Of the last event in `state`; 0 before the first. */
  readonly seq: number;
  /**
   * Applies an event, and answers its sequence number when it is durable and in `state`. Events are applied in the order of calls.
   *
   * @throws (all `not_applied` unless `outcome` says `unknown`) STATE_EVENT_REJECTED if `apply` throws, with its error as `cause`;
   * STATE_CODEC_FAILED; STATE_CONFLICT; STATE_CLOSED; what the log says: WAL_TOO_LARGE, STORAGE_FULL, WAL_POISONED, WAL_FENCED.
   */
  commit(event: E, options?: CommitOptions): Promise<number>;
  /** Applies events as one unit: after a crash all of them are there, or none. At least one. If one is refused none is written. */
  commitBatch(events: readonly E[], options?: CommitOptions): Promise<{ readonly first: number; readonly last: number }>;
  /**
   * Makes an event from the newest state, with everything in it that was committed before, durable or not yet; no other commit comes in
   * between. `undefined`: there is nothing to commit. What `decide` throws is what the call rejects with.
   */
  update(decide: (pending: S) => E | undefined, options?: CommitOptions): Promise<number | undefined>;
  /**
   * Makes a snapshot of the state now, and resolves when it is durable and what it made superfluous is gone. `undefined` before the first
   * event. If nothing has happened since the last one, that one is answered.
   *
   * @throws What the storage says, or the codec. Nothing is lost by it.
   */
  snapshot(): Promise<SnapshotEntry | undefined>;
  readonly health: StateHealth;
  /** Waits for commits and snapshots that are under way, and lets go of the log. Idempotent. */
  close(): Promise<void>;
}
