import fc from "fast-check";
import type { KinesisEvent, KinesisEvents } from "../../../src/index.js";
import { bytes, map, shard, stream, text, transition, u32, u64 } from "../../support/arbitraries.js";

const NONE = { requiredKeys: [] };
const index = fc.nat({ max: 3 });
const few = { maxLength: 3 };

/** All texts of events, by what they name: from few ones, so that events meet, or any. */
interface Names {
  readonly stream: fc.Arbitrary<string>;
  readonly shard: fc.Arbitrary<string>;
  readonly key: fc.Arbitrary<string>;
  readonly arn: fc.Arbitrary<string>;
}

/** Any event there is. */
export const anyEvent: fc.Arbitrary<KinesisEvent> = events({ stream: text, shard: text, key: text, arn: text });

/** Events that are about the same few things. */
export const meetingEvent: fc.Arbitrary<KinesisEvent> = events({
  stream: fc.constantFrom("a", "b", "\uff5e"),
  shard: fc.constantFrom("0", "1"),
  key: fc.constantFrom("0/1", "0/10", "0/2", "0/\u{1f600}", "0/\uff5e", ""),
  arn: fc.constantFrom("arn:1", "arn:2"),
});

function events(names: Names): fc.Arbitrary<KinesisEvent> {
  const kinds: { readonly [K in keyof KinesisEvents]: fc.Arbitrary<Omit<KinesisEvents[K], "kind">> } = {
    PutStream: fc.tuple(stream, names.stream).map(([it, name]) => ({ stream: { ...it, name } })),
    ChangeStream: fc.record({
      name: names.stream,
      change: fc.record(
        {
          retentionPeriodHours: u32,
          streamStatus: fc.constantFrom("ACTIVE" as const, "UPDATING" as const),
          streamModeDetails: fc.record({ streamMode: fc.constantFrom("PROVISIONED" as const, "ON_DEMAND" as const) }),
          keyId: fc.option(text),
          maxRecordSizeKib: u32,
          enhancedMonitoring: fc.array(fc.record({ shardLevelMetrics: fc.array(text, few) }), few),
        },
        NONE,
      ),
    }),
    PutShards: fc.record({ name: names.stream, shards: fc.array(fc.tuple(index, shard), few), counters: fc.array(fc.tuple(index, u64), few) }),
    TagStream: fc.record({ name: names.stream, set: map, remove: fc.array(text, few) }),
    DeleteStream: fc.record({ name: names.stream }),
    PutRecords: fc.record(
      { streamName: names.stream, shardHex: names.shard, records: fc.array(fc.tuple(names.key, bytes), few), counter: fc.tuple(index, u64) },
      { requiredKeys: ["streamName", "shardHex", "records"] },
    ),
    DeleteRecords: fc.record({ streamName: names.stream, shardHex: names.shard, keys: fc.array(names.key, few) }),
    ExpireRecords: fc.record({ streamName: names.stream, shardHex: names.shard, below: names.key }),
    PutConsumer: fc.record({ arn: names.arn, consumer: bytes }),
    DeleteConsumer: fc.record({ arn: names.arn }),
    PutPolicy: fc.record({ arn: names.arn, policy: text }),
    DeletePolicy: fc.record({ arn: names.arn }),
    TagResource: fc.record({ arn: names.arn, set: map, remove: fc.array(text, few) }),
    DeleteResourceTags: fc.record({ arn: names.arn }),
    SetAccountSettings: fc.record({ json: bytes }),
    PutTransition: fc.tuple(transition, names.stream, names.arn).map(([it, streamName, consumerArn]) => ({
      transition: "consumerArn" in it ? { ...it, consumerArn } : { ...it, streamName },
    })),
    DeleteTransition: fc.record({ key: fc.oneof(names.stream.map((it) => `stream:${it}`), names.arn.map((it) => `consumer:${it}`)) }),
    SetRetained: fc.record({ bytes: u64, records: u64 }),
  };
  return fc.oneof(...Object.entries(kinds).map(([kind, fields]) => (fields as fc.Arbitrary<object>).map((it) => ({ kind, ...it }) as KinesisEvent)));
}
