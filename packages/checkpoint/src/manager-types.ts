import type { CallOptions, HoldfastError } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import type { CheckpointOperator, CheckpointSource } from "./operators.js";
import type { CheckpointStore, SkippedCheckpoint } from "./store-types.js";

/** Options of {@link checkpointManager}. */
export interface CheckpointManagerOptions {
  /** Not closed by the manager. */
  readonly store: CheckpointStore;
  /** A checkpoint is due when a stream's sequence has grown by so much since the last one: 1 to 2^64 − 1. Default: never. */
  readonly everyEvents?: bigint | undefined;
  /** And at the first event after so many milliseconds: 1 to 2^31 − 1. Default: never. One of the two is needed. */
  readonly everyMs?: number | undefined;
  /**
   * What is stored as the number of events: `"events"` (default), those that were processed since the stream began, also by processes before this one;
   * `"sequence"`, what the original stores, which is the sequence once more.
   */
  readonly eventCount?: "events" | "sequence" | undefined;
  /** Called when a checkpoint was not saved, or could not be read. It must not throw. Also published on `holdfast:checkpoint:problem`. */
  readonly onProblem?: ((problem: CheckpointProblem) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/** Something that is tried again at the next due point. */
export interface CheckpointProblem {
  readonly streamId: string;
  /** `undefined` if it is not about one checkpoint. */
  readonly sequence: bigint | undefined;
  readonly error: unknown;
}

/** Takes checkpoints of any number of streams, each by its own schedule. */
export interface CheckpointManager {
  /** The stream of this id; the same one for the same id. */
  stream(streamId: string): CheckpointedStream;
  /** Checkpoints that this manager has saved. */
  readonly total: bigint;
  /** Waits for what is in flight. Idempotent; later events are refused with CHECKPOINT_CLOSED. */
  close(): Promise<void>;
}

/** What {@link CheckpointedStream.onEvent} did. */
export interface EventOutcome {
  /** A checkpoint was due, and captured. */
  readonly taken: boolean;
  /**
   * If one was taken: resolves when it, or a later one that took its place while another was on its way, is durable. Rejects with why it
   * was not saved, which is reported as well: nobody has to listen.
   */
  readonly saved: Promise<void> | undefined;
}

/** Options of {@link CheckpointedStream.recover}. */
export interface RecoverOptions extends CallOptions {
  /**
   * Go on although the checkpoint has other operators or sources than are registered: those without a state keep what they have, and states
   * that nobody registered for are dropped with the next checkpoint. Default false.
   */
  readonly allowMismatch?: boolean | undefined;
}

/** Where a stream goes on. */
export interface Recovery {
  readonly sequence: bigint;
  readonly watermarkNs: bigint;
  readonly eventCount: bigint;
  /** Where to read on, by source. */
  readonly offsets: ReadonlyMap<string, bigint>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  /** Newer ones, which could not be read. */
  readonly skipped: readonly SkippedCheckpoint[];
}

/** One stream of a {@link CheckpointManager}: register, recover, then tell each event. */
export interface CheckpointedStream {
  readonly streamId: string;
  /** @throws CHECKPOINT_INVALID_ARGUMENT if the name is taken. */
  registerOperator(name: string, operator: CheckpointOperator): void;
  /** @throws CHECKPOINT_INVALID_ARGUMENT if the name is taken. */
  registerSource(name: string, source: CheckpointSource): void;
  /**
   * Takes the stream over, reads its latest checkpoint, checks all of it, and only then gives the operators their states. Waits for what
   * is in flight. `undefined`: there is none that can be read, and the stream begins.
   *
   * @throws CHECKPOINT_MISMATCH, and nothing was restored. CHECKPOINT_RESTORE_FAILED. What the store says.
   */
  recover(options?: RecoverOptions): Promise<Recovery | undefined>;
  /**
   * An event was processed, completely: operators and sources are as they are behind it. If a checkpoint is due, it is captured in this call,
   * and saved behind it. While one is on its way, the last one that was taken waits, and takes the place of those before.
   *
   * @param sequence - Of this event in the stream: 0 to 2^64 − 1.
   * @throws CHECKPOINT_NOT_RECOVERED, CHECKPOINT_CLOSED, CHECKPOINT_INVALID_ARGUMENT.
   */
  onEvent(sequence: bigint, watermarkNs: bigint): EventOutcome;
  /** Takes a checkpoint behind the last event, due or not; resolves when it is durable. Without an event since the last one: when that one is. */
  checkpoint(): Promise<void>;
  /** The error that ended it: the stream was taken over. From then on no checkpoint is tried. */
  readonly fenced: HoldfastError | undefined;
  /** Waits for what is in flight; does not reject. */
  idle(): Promise<void>;
}
