export type { ReplicaContent } from "./content.js";
export { ReplicaError } from "./errors.js";
export type { ReplicaErrorCode, ReplicaErrorDetails } from "./errors.js";
export {
  findIndexByTimestamp,
  findLatestGeneration,
  findMaxIndex,
  findMaxSnapshotIndex,
  findMaxWalIndex,
  findSnapshotForIndex,
  findSnapshotIndexByTimestamp,
  findWalIndexByTimestamp,
  generationTimeBounds,
  replicaTimeBounds,
  snapshotIndexAt,
  snapshotTimeBounds,
  walTimeBounds,
} from "./find.js";
export type { LatestGeneration, ReplicaTimeBounds, SkippedGeneration, TimeBounds } from "./find.js";
export type { GenerationRegister, RegisteredGeneration } from "./generation-register.js";
export { isGenerationName, newGenerationName } from "./generation-name.js";
export { compareSnapshots, compareWalSegments } from "./infos.js";
export type { SnapshotInfo, WalSegmentInfo } from "./infos.js";
export type { ReplicaLayoutName } from "./layouts.js";
export { formatIndex, formatOffset, parseIndex, parseOffset } from "./numbers.js";
export { detectLayout } from "./generations.js";
export type { DetectLayoutOptions } from "./generations.js";
export { decodeLz4 } from "./lz4-decoder.js";
export type { Lz4DecodeOptions, Lz4Reading } from "./lz4-decoder.js";
export { encodeLz4 } from "./lz4-encoder.js";
export { comparePos, formatPos, isZeroPos, parsePos, truncatePos, ZERO_POS } from "./pos.js";
export type { Pos } from "./pos.js";
export { replicaClient } from "./replica-client.js";
export type { FollowOptions, ReplicaClient, ReplicaClientOptions, ReplicaReadOptions, WalListOptions, Written } from "./replica-client.js";
export { downloadWal } from "./wal-downloader.js";
export type { DownloadWalOptions, WalPiece, WalSource } from "./wal-downloader.js";
export { WalSegmentIterator } from "./wal-segment-iterator.js";
export type { WalSegmentIteratorOptions } from "./wal-segment-iterator.js";
export { enforceRetention, planRetention } from "./retention.js";
export type { GenerationRetention, GenerationSnapshots, RetentionPlan, RetentionPolicy, RetentionResult } from "./retention.js";
export type { SnapshotSource } from "./log-snapshots.js";
export { openReplicator } from "./replicator.js";
export type { ReplicationSource, Replicator, ReplicatorOptions } from "./replicator.js";
export type { ReplicatorRetention } from "./replicator-settings.js";
export type { ReplicatorStatus } from "./replicator-status.js";
export { restore, verify } from "./restore.js";
export type { RestoreTarget, SkippedSnapshot } from "./restore-plan.js";
export type { Restored, RestoreOptions, RestoreProgress, VerifyReplicaOptions } from "./restore.js";
