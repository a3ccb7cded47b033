export type {
  SnapshotRemovedEvent,
  SnapshotUnreadableEvent,
  SnapshotWrittenEvent,
  StateClosedEvent,
  StateOpenedEvent,
  StateProblemEvent,
} from "./diagnostics.js";
export { SnapshotError } from "./errors.js";
export type { SnapshotErrorCode, SnapshotErrorDetails } from "./errors.js";
export type { SnapshotName } from "./layout.js";
export type { SnapshotContent } from "./snapshot-body.js";
export { snapshotStore } from "./snapshot-store.js";
export type {
  NewestSnapshot,
  OpenSnapshot,
  Retained,
  RetainOptions,
  SkippedSnapshot,
  SnapshotEntry,
  SnapshotInfo,
  SnapshotStore,
  SnapshotStoreOptions,
  WriteSnapshotOptions,
} from "./snapshot-store.js";
export { jsonState } from "./state-codec.js";
export type { StateCodec, StateCodecs } from "./state-codec.js";
export { openStateStore } from "./state-store.js";
export type {
  CommitOptions,
  ReplayModule,
  ReplayProgress,
  SnapshotPolicy,
  StateDefinition,
  StateHealth,
  StateLogOptions,
  StateProblem,
  StateStore,
  StateStoreOptions,
} from "./state-types.js";
