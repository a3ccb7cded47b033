export {
  decodeKinesisConsumer,
  decodeKinesisEntry,
  decodeKinesisState,
  decodeStoredRecord,
  encodeKinesisConsumer,
  encodeKinesisEntry,
  encodeKinesisState,
  encodeStoredRecord,
} from "./codec.js";
export { KinesisError } from "./errors.js";
export type { KinesisErrorCode, KinesisErrorDetails, KinesisFaultReason } from "./errors.js";
export type { ConsumerStatus, KinesisConsumer } from "./format/consumer.js";
export type { StoredRecord } from "./format/stored-record.js";
export type {
  CreateStreamTransition,
  EncryptionType,
  EnhancedMonitoring,
  HashKeyRange,
  KinesisState,
  MergeShardsTransition,
  PendingTransition,
  SequenceNumberRange,
  Shard,
  ShardRecords,
  SplitShardTransition,
  StreamMode,
  StreamStatus,
  UpdateShardCountTransition,
} from "./format/model.js";
export { PersistentStream } from "./persistent-stream.js";
export type { KinesisStream, StreamParts } from "./persistent-stream.js";
export { isStillPending, planResumption } from "./resumption.js";
export type { DueTransition, ResumedState, Resumption } from "./resumption.js";
export { openingKinesisHealth, unopenedKinesisHealth } from "./health.js";
export type { KinesisHealth, KinesisStatus } from "./health.js";
export type {
  KinesisAppendEvent,
  KinesisClosedEvent,
  KinesisOpenedEvent,
  KinesisPoisonedEvent,
  KinesisProblemEvent,
  KinesisRejectedEvent,
  KinesisSnapshotEvent,
} from "./diagnostics.js";
export { loadKinesisEntry, loadKinesisState } from "./load.js";
export type { KinesisLoad, KinesisLoadOptions, KinesisLogEntry, KinesisRecovery } from "./load.js";
export { openKinesisDirectory } from "./directory.js";
export type { KinesisContents, KinesisDirectory, KinesisDirectoryOptions } from "./directory.js";
export { salvageKinesis } from "./salvage.js";
export type { KinesisSalvage } from "./salvage.js";
export { openKinesisStore, kinesisDefinition } from "./native/kinesis-store.js";
export type { KinesisStore, KinesisStoreOptions } from "./native/kinesis-store.js";
export { contentsOf, tablesOf, transitionKey } from "./native/tables.js";
export type { KinesisTables } from "./native/tables.js";
export type { SortedMap } from "./native/sorted-map.js";
export type * from "./native/events.js";
export { migrateKinesisState } from "./native/migrate.js";
export type { KinesisMigration, KinesisMigrationOptions } from "./native/migrate.js";
export type { KinesisDirectoryPlace, KinesisStorePlace } from "./native/places.js";
