import type { PersistentStream } from "@holdfast/kinesis";

/** A stream with one shard, as a server makes it. */
export const stream: PersistentStream = {
  name: "orders",
  retentionPeriodHours: 24,
  enhancedMonitoring: [{ shardLevelMetrics: [] }],
  encryptionType: "NONE",
  hasMoreShards: false,
  shards: [
    {
      shardId: "shardId-000000000000",
      hashKeyRange: { startingHashKey: "0", endingHashKey: "340282366920938463463374607431768211455" },
      sequenceNumberRange: { startingSequenceNumber: "49590338271490256608559692538361571095921575989136588898" },
    },
  ],
  streamArn: "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
  streamName: "orders",
  streamStatus: "ACTIVE",
  streamCreationTimestamp: 1_700_000_000,
  streamModeDetails: { streamMode: "PROVISIONED" },
  tags: new Map(),
  warmThroughputMibps: 1,
  maxRecordSizeKib: 1024,
  shardCounters: [0n],
};

/** The shard's name in the keys of its records. */
export const SHARD_HEX = "00000000";

/** A record as a server stores it: a partition key, 24 bytes of data as base64 text, and a time; and the key that it is stored under. */
export function recordOf(number: number): readonly [key: string, record: Uint8Array] {
  const partitionKey = Buffer.from(`key-${number % 64}`);
  const data = Buffer.from(Buffer.from(`order ${number}`.padEnd(24, ".")).toString("base64"));
  const record = Buffer.alloc(1 + partitionKey.length + 1 + data.length + 8);
  record[0] = partitionKey.copy(record, 1);
  record[1 + partitionKey.length] = data.copy(record, 2 + partitionKey.length);
  record.writeDoubleLE(1_700_000_000 + number / 1000, record.length - 8);
  return [`${SHARD_HEX}/4959033827149025660855969253836157109592157598913${String(number).padStart(7, "0")}`, record];
}
