import type { PersistentStream as StoredStream, Shard } from "./format/model.js";

/** A stream as a server works on it: all that is stored, but for the name it is found under and the counters of its shards. */
export type KinesisStream = Omit<StoredStream, "name" | "shardCounters">;

/** What a stored stream is made of. */
export interface StreamParts {
  /** What the stream is found under; `stream.streamName` may be another. */
  readonly name: string;
  readonly stream: KinesisStream;
  /** What the next sequence number of each shard is counted from, by the position of the shard: 0 to 2^64 − 1 each. */
  readonly shardCounters: readonly bigint[];
}

/** A stream as it is stored, under the name that ferrokinesis has for it. */
export type PersistentStream = StoredStream;

/** Between a stream that is worked on and what is stored of it; as `PersistentStream` of ferrokinesis 0.7.0, `src/persistence.rs`. */
export const PersistentStream: {
  /**
   * What is stored of a stream: a copy, which does not change with it. Properties that are not stored are left out.
   *
   * @param shardCounters - As they are now; there may be fewer or more than shards.
   */
  readonly fromStream: (name: string, stream: KinesisStream, shardCounters: readonly bigint[]) => StoredStream;
  /** The inverse of `fromStream`: nothing is checked, and nothing is filled in. A copy. */
  readonly intoParts: (stored: StoredStream) => StreamParts;
} = {
  fromStream: (name, stream, shardCounters) => ({ name, ...copyOf(stream), shardCounters: [...shardCounters] }),
  intoParts: (stored) => ({ name: stored.name, stream: copyOf(stored), shardCounters: [...stored.shardCounters] }),
};

/** Field by field, so that neither what a server keeps beside them nor what it changes later gets into what is stored. */
function copyOf(stream: KinesisStream): KinesisStream {
  return {
    retentionPeriodHours: stream.retentionPeriodHours,
    enhancedMonitoring: stream.enhancedMonitoring.map(({ shardLevelMetrics }) => ({ shardLevelMetrics: [...shardLevelMetrics] })),
    encryptionType: stream.encryptionType,
    hasMoreShards: stream.hasMoreShards,
    shards: stream.shards.map(copyOfShard),
    streamArn: stream.streamArn,
    streamName: stream.streamName,
    streamStatus: stream.streamStatus,
    streamCreationTimestamp: stream.streamCreationTimestamp,
    streamModeDetails: { streamMode: stream.streamModeDetails.streamMode },
    tags: new Map(stream.tags),
    ...(stream.keyId === undefined ? {} : { keyId: stream.keyId }),
    warmThroughputMibps: stream.warmThroughputMibps,
    maxRecordSizeKib: stream.maxRecordSizeKib,
  };
}

function copyOfShard({ shardId, hashKeyRange, sequenceNumberRange, parentShardId, adjacentParentShardId }: Shard): Shard {
  const { startingSequenceNumber, endingSequenceNumber } = sequenceNumberRange;
  return {
    shardId,
    hashKeyRange: { startingHashKey: hashKeyRange.startingHashKey, endingHashKey: hashKeyRange.endingHashKey },
    sequenceNumberRange: { startingSequenceNumber, ...(endingSequenceNumber === undefined ? {} : { endingSequenceNumber }) },
    ...(parentShardId === undefined ? {} : { parentShardId }),
    ...(adjacentParentShardId === undefined ? {} : { adjacentParentShardId }),
  };
}
