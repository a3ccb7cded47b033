/** What a stream is doing. */
export type StreamStatus = "CREATING" | "DELETING" | "ACTIVE" | "UPDATING";

/** How the records of a stream are encrypted, in the words of the Kinesis API. */
export type EncryptionType = "KMS" | "NONE";

/** Whether a stream has the shards that were asked for, or as many as its load needs; in the words of the Kinesis API. */
export type StreamMode = "PROVISIONED" | "ON_DEMAND";

/** Metrics that are kept for each shard of a stream. */
export interface EnhancedMonitoring {
  /** Names of metrics; any text is kept. */
  readonly shardLevelMetrics: readonly string[];
}

/** The hash keys whose records a shard takes: from 0 to 2^128 − 1, which is not checked here. */
export interface HashKeyRange {
  /** Decimal. */
  readonly startingHashKey: string;
  /** Decimal, inclusive. */
  readonly endingHashKey: string;
}

/** The sequence numbers of a shard's records, in decimal. */
export interface SequenceNumberRange {
  readonly startingSequenceNumber: string;
  /** Of a shard that is closed. */
  readonly endingSequenceNumber?: string | undefined;
}

/** A shard of a stream, as the Kinesis API describes it. */
export interface Shard {
  readonly shardId: string;
  readonly hashKeyRange: HashKeyRange;
  readonly sequenceNumberRange: SequenceNumberRange;
  readonly parentShardId?: string | undefined;
  readonly adjacentParentShardId?: string | undefined;
}

/** A stream as it is stored. */
export interface PersistentStream {
  /** The key of the stream among all. `streamName` is stored beside it, and may be another. */
  readonly name: string;
  /** 0 to 2^32 − 1. */
  readonly retentionPeriodHours: number;
  readonly enhancedMonitoring: readonly EnhancedMonitoring[];
  readonly encryptionType: EncryptionType;
  readonly hasMoreShards: boolean;
  readonly shards: readonly Shard[];
  readonly streamArn: string;
  readonly streamName: string;
  readonly streamStatus: StreamStatus;
  /** Unix seconds, finite, with fractions. */
  readonly streamCreationTimestamp: number;
  readonly streamModeDetails: { readonly streamMode: StreamMode };
  readonly tags: ReadonlyMap<string, string>;
  readonly keyId?: string | undefined;
  /** 0 to 2^32 − 1. */
  readonly warmThroughputMibps: number;
  /** 0 to 2^32 − 1. */
  readonly maxRecordSizeKib: number;
  /** 0 to 2^64 − 1 each. */
  readonly shardCounters: readonly bigint[];
}

/** The records of one shard. A later group of the same stream and shard replaces an earlier one. */
export interface ShardRecords {
  readonly streamName: string;
  readonly shardHex: string;
  /** Keys `<shardHex>/<sequence number>`, and the record's bytes; in the order of the file. */
  readonly records: readonly (readonly [key: string, record: Uint8Array])[];
}

interface StreamTransition<Kind extends string> {
  readonly kind: Kind;
  readonly streamName: string;
  /** Unix milliseconds, 0 to 2^64 − 1. */
  readonly readyAtMs: bigint;
}

interface ConsumerTransition<Kind extends string> {
  readonly kind: Kind;
  readonly consumerArn: string;
  /** Unix milliseconds, 0 to 2^64 − 1. */
  readonly readyAtMs: bigint;
}

/** A stream that is made becomes active, with these shards. */
export interface CreateStreamTransition extends StreamTransition<"CreateStream"> {
  readonly shards: readonly Shard[];
}

/** A stream gets another number of shards. */
export interface UpdateShardCountTransition extends StreamTransition<"UpdateShardCount"> {
  /** 0 to 2^32 − 1. */
  readonly targetShardCount: number;
}

/** A shard is closed, and two take its place: the second one begins at `newStartingHashKey`, which is decimal. */
export interface SplitShardTransition extends StreamTransition<"SplitShard"> {
  readonly shardToSplit: string;
  readonly newStartingHashKey: string;
}

/** Two shards whose ranges touch are closed, and one takes their place. */
export interface MergeShardsTransition extends StreamTransition<"MergeShards"> {
  readonly shardToMerge: string;
  readonly adjacentShardToMerge: string;
}

/** A change that was begun and takes effect at `readyAtMs`. */
export type PendingTransition =
  | CreateStreamTransition
  | StreamTransition<"DeleteStream">
  | ConsumerTransition<"RegisterConsumer">
  | ConsumerTransition<"DeregisterConsumer">
  | UpdateShardCountTransition
  | SplitShardTransition
  | MergeShardsTransition
  | StreamTransition<"StartStreamEncryption">
  | StreamTransition<"StopStreamEncryption">;

/** Everything a Kinesis server keeps: one entry of its log, and its snapshot. */
export interface KinesisState {
  /** Unix milliseconds, 0 to 2^64 − 1. */
  readonly createdAtMs: bigint;
  readonly streams: readonly PersistentStream[];
  readonly records: readonly ShardRecords[];
  /** ARN, and the bytes of the consumer as JSON. */
  readonly consumers: readonly (readonly [arn: string, consumer: Uint8Array])[];
  /** ARN of a resource, and its policy as JSON text. */
  readonly policies: readonly (readonly [arn: string, policy: string])[];
  /** ARN of a resource, and its tags. */
  readonly resourceTags: readonly (readonly [arn: string, tags: ReadonlyMap<string, string>])[];
  /** Bytes of a JSON object; none stand for an empty one. */
  readonly accountSettingsJson: Uint8Array;
  readonly pendingTransitions: readonly PendingTransition[];
  /** 0 to 2^64 − 1, as stored: not counted again. */
  readonly retainedBytes: bigint;
  /** 0 to 2^64 − 1, as stored: not counted again. */
  readonly retainedRecords: bigint;
}
