import { MAX_U64 } from "@holdfast/bytes";
import { KinesisError } from "../errors.js";
import type { PersistentStream } from "../format/model.js";
import type { ChangeStream, DeleteRecords, ExpireRecords, KinesisEvent, PutRecords, PutShards } from "./events.js";
import { SortedMap } from "./sorted-map.js";
import { transitionKey, type KinesisTables } from "./tables.js";

/**
 * The tables behind an event. Pure.
 *
 * @throws KINESIS_EVENT_REFUSED: the event is about a stream, a position or an entry that is not there.
 */
export function applyKinesisEvent(tables: KinesisTables, event: KinesisEvent): KinesisTables {
  const { streams, consumers, policies, resourceTags, pendingTransitions } = tables;
  switch (event.kind) {
    case "PutStream":
      return { ...tables, streams: streams.with(event.stream.name, event.stream) };
    case "ChangeStream":
      return { ...tables, streams: streams.with(event.name, changedStream(streamOf(tables, event.name), event)) };
    case "PutShards":
      return { ...tables, streams: streams.with(event.name, withShards(streamOf(tables, event.name), event)) };
    case "TagStream": {
      const stream = streamOf(tables, event.name);
      return { ...tables, streams: streams.with(event.name, { ...stream, tags: retagged(stream.tags, event) }) };
    }
    case "DeleteStream":
      return deleteStream(tables, event.name);
    case "PutRecords":
      return putRecords(tables, event);
    case "DeleteRecords":
      return deleteRecords(tables, event);
    case "ExpireRecords":
      return expireRecords(tables, event);
    case "PutConsumer":
      return { ...tables, consumers: consumers.with(event.arn, event.consumer) };
    case "DeleteConsumer":
      return { ...tables, consumers: without(consumers, event.arn, "consumer") };
    case "PutPolicy":
      return { ...tables, policies: policies.with(event.arn, event.policy) };
    case "DeletePolicy":
      return { ...tables, policies: without(policies, event.arn, "policy") };
    case "TagResource":
      return { ...tables, resourceTags: resourceTags.with(event.arn, retagged(resourceTags.get(event.arn) ?? new Map(), event)) };
    case "DeleteResourceTags":
      return { ...tables, resourceTags: without(resourceTags, event.arn, "tags of a resource") };
    case "SetAccountSettings":
      return { ...tables, accountSettingsJson: event.json };
    case "PutTransition":
      return { ...tables, pendingTransitions: pendingTransitions.with(transitionKey(event.transition), event.transition) };
    case "DeleteTransition":
      return { ...tables, pendingTransitions: without(pendingTransitions, event.key, "transition") };
    case "SetRetained":
      return { ...tables, retainedBytes: event.bytes, retainedRecords: event.records };
  }
}

function changedStream({ keyId: keyBefore, ...stream }: PersistentStream, { change: { keyId, ...change } }: ChangeStream): PersistentStream {
  const key = keyId === undefined ? keyBefore : (keyId ?? undefined);
  return { ...stream, ...change, ...(key === undefined ? {} : { keyId: key }) };
}

function withShards(stream: PersistentStream, { name, shards, counters }: Omit<PutShards, "kind">): PersistentStream {
  return { ...stream, shards: placed(stream.shards, shards, name), shardCounters: placed(stream.shardCounters, counters, name) };
}

/** Items at their positions, each in the place of another or behind the last one. */
function placed<T>(items: readonly T[], changes: readonly (readonly [index: number, item: T])[], name: string): readonly T[] {
  if (changes.length === 0) return items;
  const result = [...items];
  for (const [index, item] of changes) {
    if (index > result.length) throw refused(`the stream ${JSON.stringify(name)} has ${result.length} of them, and position ${index} is not the next one`);
    result[index] = item;
  }
  return result;
}

function retagged(tags: ReadonlyMap<string, string>, { set, remove }: { readonly set: ReadonlyMap<string, string>; readonly remove: readonly string[] }): ReadonlyMap<string, string> {
  const result = new Map(tags);
  for (const key of remove) result.delete(key);
  for (const [key, value] of set) result.set(key, value);
  return result;
}

function deleteStream(tables: KinesisTables, name: string): KinesisTables {
  streamOf(tables, name);
  let [bytes, count] = [0, 0];
  for (const [, shard] of tables.records.get(name) ?? []) {
    for (const [, record] of shard) bytes -= record.length;
    count -= shard.size;
  }
  return counted({ ...tables, streams: tables.streams.without(name), records: tables.records.without(name) }, bytes, count);
}

function putRecords(tables: KinesisTables, event: PutRecords): KinesisTables {
  let shard = tables.records.get(event.streamName)?.get(event.shardHex) ?? new SortedMap<Uint8Array>();
  let [bytes, count] = [0, 0];
  for (const [key, record] of event.records) {
    const before = shard.get(key);
    bytes += record.length - (before?.length ?? 0);
    count += before === undefined ? 1 : 0;
    shard = shard.with(key, record);
  }
  const put = counted(withShard(tables, event, shard), bytes, count);
  if (event.counter === undefined) return put;
  const stream = streamOf(put, event.streamName);
  return { ...put, streams: put.streams.with(event.streamName, withShards(stream, { name: event.streamName, shards: [], counters: [event.counter] })) };
}

function deleteRecords(tables: KinesisTables, event: DeleteRecords): KinesisTables {
  let shard = shardOf(tables, event);
  let [bytes, count] = [0, 0];
  for (const key of event.keys) {
    const before = shard.get(key);
    if (before === undefined) continue;
    bytes -= before.length;
    count -= 1;
    shard = shard.without(key);
  }
  return counted(withShard(tables, event, shard), bytes, count);
}

function expireRecords(tables: KinesisTables, event: ExpireRecords): KinesisTables {
  const shard = shardOf(tables, event);
  const left = shard.withoutBelow(event.below);
  const expired = shard.size - left.size;
  let [bytes, passed] = [0, 0];
  for (const [, record] of shard) {
    if (passed === expired) break;
    passed += 1;
    bytes -= record.length;
  }
  return counted(withShard(tables, event, left), bytes, -expired);
}

interface ShardName {
  readonly streamName: string;
  readonly shardHex: string;
}

function withShard(tables: KinesisTables, { streamName, shardHex }: ShardName, shard: SortedMap<Uint8Array>): KinesisTables {
  const shards = tables.records.get(streamName) ?? new SortedMap();
  return { ...tables, records: tables.records.with(streamName, shards.with(shardHex, shard)) };
}

/** What is retained, so much more or less. As many as were stored at first, right or wrong, but never outside of what can be stored. */
function counted(tables: KinesisTables, bytes: number, records: number): KinesisTables {
  return { ...tables, retainedBytes: bounded(tables.retainedBytes + BigInt(bytes)), retainedRecords: bounded(tables.retainedRecords + BigInt(records)) };
}

function bounded(value: bigint): bigint {
  if (value < 0n) return 0n;
  return value < MAX_U64 ? value : MAX_U64;
}

function streamOf({ streams }: KinesisTables, name: string): PersistentStream {
  const stream = streams.get(name);
  if (stream === undefined) throw refused(`there is no stream ${JSON.stringify(name)}`);
  return stream;
}

function shardOf({ records }: KinesisTables, { streamName, shardHex }: ShardName): SortedMap<Uint8Array> {
  const shard = records.get(streamName)?.get(shardHex);
  if (shard === undefined) throw refused(`the stream ${JSON.stringify(streamName)} has no records of a shard ${JSON.stringify(shardHex)}`);
  return shard;
}

function without<V>(table: SortedMap<V>, key: string, what: string): SortedMap<V> {
  if (table.get(key) === undefined) throw refused(`there is no ${what} under ${JSON.stringify(key)}`);
  return table.without(key);
}

function refused(message: string): KinesisError {
  return new KinesisError("KINESIS_EVENT_REFUSED", message, { operation: "apply", outcome: "not_applied" });
}
