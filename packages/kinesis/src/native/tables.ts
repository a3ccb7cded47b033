import type { KinesisContents } from "../directory.js";
import type { PendingTransition, PersistentStream } from "../format/model.js";
import { SortedMap } from "./sorted-map.js";

/** Everything a Kinesis server keeps, as tables that share what did not change with the ones before. Not to be changed. */
export interface KinesisTables {
  /** By name. */
  readonly streams: SortedMap<PersistentStream>;
  /** By stream, then shard, then the record's key: the record's bytes. */
  readonly records: SortedMap<SortedMap<SortedMap<Uint8Array>>>;
  /** By ARN: the consumer as JSON. */
  readonly consumers: SortedMap<Uint8Array>;
  /** By ARN of the resource: JSON text. */
  readonly policies: SortedMap<string>;
  /** By ARN of the resource. */
  readonly resourceTags: SortedMap<ReadonlyMap<string, string>>;
  /** Bytes of a JSON object; none stand for an empty one. */
  readonly accountSettingsJson: Uint8Array;
  /** By {@link transitionKey}. */
  readonly pendingTransitions: SortedMap<PendingTransition>;
  /** Bytes of all records: 0 to 2^64 − 1. */
  readonly retainedBytes: bigint;
  /** 0 to 2^64 − 1. */
  readonly retainedRecords: bigint;
}

/** What a server begins with. */
export const emptyTables: KinesisTables = {
  streams: new SortedMap(),
  records: new SortedMap(),
  consumers: new SortedMap(),
  policies: new SortedMap(),
  resourceTags: new SortedMap(),
  accountSettingsJson: new Uint8Array(),
  pendingTransitions: new SortedMap(),
  retainedBytes: 0n,
  retainedRecords: 0n,
};

/** What a transition changes: a stream or a consumer has one at a time. As the original names them. */
export function transitionKey(transition: PendingTransition): string {
  return "consumerArn" in transition ? `consumer:${transition.consumerArn}` : `stream:${transition.streamName}`;
}

/** A state of the original as tables, as the original itself takes it: of what comes twice the last one counts, and order has no meaning. */
export function tablesOf(contents: KinesisContents): KinesisTables {
  const { accountSettingsJson, retainedBytes, retainedRecords } = contents;
  return {
    streams: sorted(contents.streams.map((stream) => [stream.name, stream])),
    records: contents.records.reduce((all, { streamName, shardHex, records }) => {
      const shards = all.get(streamName) ?? new SortedMap();
      return all.with(streamName, shards.with(shardHex, sorted(records)));
    }, emptyTables.records),
    consumers: sorted(contents.consumers),
    policies: sorted(contents.policies),
    resourceTags: sorted(contents.resourceTags),
    accountSettingsJson,
    pendingTransitions: sorted(contents.pendingTransitions.map((transition) => [transitionKey(transition), transition])),
    retainedBytes,
    retainedRecords,
  };
}

/** Tables as a state of the original, without its time: in the order of keys. The inverse of {@link tablesOf}. */
export function contentsOf(tables: KinesisTables): KinesisContents {
  const { accountSettingsJson, retainedBytes, retainedRecords } = tables;
  return {
    streams: Array.from(tables.streams, ([, stream]) => stream),
    records: Array.from(tables.records, ([streamName, shards]) => Array.from(shards, ([shardHex, records]) => ({ streamName, shardHex, records: [...records] }))).flat(),
    consumers: [...tables.consumers],
    policies: [...tables.policies],
    resourceTags: [...tables.resourceTags],
    accountSettingsJson,
    pendingTransitions: Array.from(tables.pendingTransitions, ([, transition]) => transition),
    retainedBytes,
    retainedRecords,
  };
}

function sorted<V>(entries: readonly (readonly [key: string, value: V])[]): SortedMap<V> {
  return entries.reduce((map, [key, value]) => map.with(key, value), new SortedMap<V>());
}
