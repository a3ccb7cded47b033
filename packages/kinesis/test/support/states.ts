import type { KinesisState, PersistentStream } from "../../src/index.js";

/** A state without anything. */
export const emptyState: KinesisState = {
  createdAtMs: 0n,
  streams: [],
  records: [],
  consumers: [],
  policies: [],
  resourceTags: [],
  accountSettingsJson: new Uint8Array(),
  pendingTransitions: [],
  retainedBytes: 0n,
  retainedRecords: 0n,
};

export const sampleStream: PersistentStream = {
  name: "orders",
  retentionPeriodHours: 24,
  enhancedMonitoring: [{ shardLevelMetrics: [] }],
  encryptionType: "NONE",
  hasMoreShards: false,
  shards: [],
  streamArn: "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
  streamName: "orders",
  streamStatus: "ACTIVE",
  streamCreationTimestamp: 1_700_000_000,
  streamModeDetails: { streamMode: "PROVISIONED" },
  tags: new Map(),
  warmThroughputMibps: 0,
  maxRecordSizeKib: 1024,
  shardCounters: [0n],
};
