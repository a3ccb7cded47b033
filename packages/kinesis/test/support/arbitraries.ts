import fc from "fast-check";
import type { KinesisState, PendingTransition, PersistentStream, Shard } from "../../src/index.js";

/** Any well-formed text: plain names, and what is hard to write. */
export const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 12 }), fc.string({ unit: "binary", maxLength: 6 }), fc.constantFrom("", "__proto__", "9", "10", "\u2028\u2029\u007f", "\uff5e", "\u{1f600}", "\ufeff"));
export const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 2n ** 53n + 1n, 2n ** 64n - 1n));
export const u32 = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0, 2 ** 32 - 1));
export const bytes = fc.uint8Array({ maxLength: 40 });
export const map = fc.array(fc.tuple(text, text), { maxLength: 5 }).map((entries) => new Map(entries));
/** −0 and 2^63 have the texts of other numbers; there are tests of them. */
const seconds = fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), fc.integer(), fc.double({ min: 1e-8, max: 1e-4, noNaN: true })).map((it) => (it === 0 ? 0 : it));

/** Options are there or not; never there and `undefined`. */
export const shard: fc.Arbitrary<Shard> = fc.record(
  {
    shardId: text,
    hashKeyRange: fc.record({ startingHashKey: text, endingHashKey: text }),
    sequenceNumberRange: fc.record({ startingSequenceNumber: text, endingSequenceNumber: text }, { requiredKeys: ["startingSequenceNumber"] }),
    parentShardId: text,
    adjacentParentShardId: text,
  },
  { requiredKeys: ["shardId", "hashKeyRange", "sequenceNumberRange"] },
);
const shards = fc.array(shard, { maxLength: 3 });

export const stream: fc.Arbitrary<PersistentStream> = fc
  .record({
    name: text,
    retentionPeriodHours: u32,
    enhancedMonitoring: fc.array(fc.record({ shardLevelMetrics: fc.array(text, { maxLength: 3 }) }), { maxLength: 2 }),
    encryptionType: fc.constantFrom("KMS" as const, "NONE" as const),
    hasMoreShards: fc.boolean(),
    shards,
    streamArn: text,
    streamName: text,
    streamStatus: fc.constantFrom("CREATING" as const, "DELETING" as const, "ACTIVE" as const, "UPDATING" as const),
    streamCreationTimestamp: seconds,
    streamModeDetails: fc.record({ streamMode: fc.constantFrom("PROVISIONED" as const, "ON_DEMAND" as const) }),
    tags: map,
    warmThroughputMibps: u32,
    maxRecordSizeKib: u32,
    shardCounters: fc.array(u64, { maxLength: 4 }),
  })
  .chain((it) => fc.option(text, { nil: undefined }).map((keyId) => (keyId === undefined ? it : { ...it, keyId })));

const ofStream = { streamName: text, readyAtMs: u64 };
const ofConsumer = { consumerArn: text, readyAtMs: u64 };
export const transition: fc.Arbitrary<PendingTransition> = fc.oneof(
  fc.record({ kind: fc.constant("CreateStream" as const), ...ofStream, shards }),
  fc.record({ kind: fc.constantFrom("DeleteStream" as const, "StartStreamEncryption" as const, "StopStreamEncryption" as const), ...ofStream }),
  fc.record({ kind: fc.constantFrom("RegisterConsumer" as const, "DeregisterConsumer" as const), ...ofConsumer }),
  fc.record({ kind: fc.constant("UpdateShardCount" as const), ...ofStream, targetShardCount: u32 }),
  fc.record({ kind: fc.constant("SplitShard" as const), ...ofStream, shardToSplit: text, newStartingHashKey: text }),
  fc.record({ kind: fc.constant("MergeShards" as const), ...ofStream, shardToMerge: text, adjacentShardToMerge: text }),
);

const few = { maxLength: 3 };

/** Any state there is. */
export const kinesisState: fc.Arbitrary<KinesisState> = fc.record({
  createdAtMs: u64,
  streams: fc.array(stream, few),
  records: fc.array(fc.record({ streamName: text, shardHex: text, records: fc.array(fc.tuple(text, bytes), few) }), few),
  consumers: fc.array(fc.tuple(text, bytes), few),
  policies: fc.array(fc.tuple(text, text), few),
  resourceTags: fc.array(fc.tuple(text, map), few),
  accountSettingsJson: bytes,
  pendingTransitions: fc.array(transition, few),
  retainedBytes: u64,
  retainedRecords: u64,
});
