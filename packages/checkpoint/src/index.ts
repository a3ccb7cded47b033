export { MAX_NAMES } from "./checkpoint-state.js";
export type { CheckpointId, CheckpointState } from "./checkpoint-state.js";
export type {
  CheckpointClaimedEvent,
  CheckpointProblemEvent,
  CheckpointRemovedEvent,
  CheckpointSavedEvent,
  CheckpointUnreadableEvent,
} from "./diagnostics.js";
export { checkpointStore } from "./durable-store.js";
export type { CheckpointStoreOptions } from "./durable-store.js";
export { CheckpointError } from "./errors.js";
export type { CheckpointErrorCode, CheckpointErrorDetails } from "./errors.js";
export { logSource } from "./log-source.js";
export type { LogSourceOptions } from "./log-source.js";
export { checkpointManager } from "./manager.js";
export type { CheckpointedStream, CheckpointManager, CheckpointManagerOptions, CheckpointProblem, EventOutcome, RecoverOptions, Recovery } from "./manager-types.js";
export { memoryCheckpointStore } from "./memory-store.js";
export type { MemoryCheckpointStoreOptions } from "./memory-store.js";
export { decodeCheckpointState } from "./oxigdal/decode-state.js";
export type { DecodedState, DecodeOptions } from "./oxigdal/decode-state.js";
export { encodeCheckpointState } from "./oxigdal/encode-state.js";
export type { CheckpointOperator, CheckpointSource } from "./operators.js";
export { runCheckpointed } from "./run-checkpointed.js";
export type { EventSource, RunCheckpointedOptions, RunSummary, SourceEvent } from "./run-checkpointed.js";
export type {
  Checkpoint,
  CheckpointEntry,
  CheckpointStore,
  LatestCheckpoint,
  SaveOptions,
  SaveResult,
  SkippedCheckpoint,
} from "./store-types.js";
