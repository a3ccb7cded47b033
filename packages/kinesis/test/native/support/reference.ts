import type { KinesisContents, KinesisEvent, PendingTransition, PersistentStream } from "../../../src/index.js";

/** What a Kinesis server keeps, in plain maps that are changed in place: what the store is compared with. */
export class Reference {
  readonly streams = new Map<string, PersistentStream>();
  readonly records = new Map<string, Map<string, Map<string, Uint8Array>>>();
  readonly consumers = new Map<string, Uint8Array>();
  readonly policies = new Map<string, string>();
  readonly resourceTags = new Map<string, ReadonlyMap<string, string>>();
  readonly transitions = new Map<string, PendingTransition>();
  settings: Uint8Array = new Uint8Array();
  bytes = 0n;
  count = 0n;

  /** Answers whether the event is taken; one that is not has changed nothing. */
  apply(event: KinesisEvent): boolean {
    if (!this.#isTaken(event)) return false;
    this.#change(event);
    return true;
  }

  get contents(): KinesisContents {
    return {
      streams: inOrder(this.streams).map(([, it]) => it),
      records: inOrder(this.records).flatMap(([streamName, shards]) => inOrder(shards).map(([shardHex, records]) => ({ streamName, shardHex, records: inOrder(records) }))),
      consumers: inOrder(this.consumers),
      policies: inOrder(this.policies),
      resourceTags: inOrder(this.resourceTags),
      accountSettingsJson: this.settings,
      pendingTransitions: inOrder(this.transitions).map(([, it]) => it),
      retainedBytes: this.bytes,
      retainedRecords: this.count,
    };
  }

  #isTaken(event: KinesisEvent): boolean {
    switch (event.kind) {
      case "ChangeStream":
      case "TagStream":
      case "DeleteStream":
        return this.streams.has(event.name);
      case "PutShards": {
        const stream = this.streams.get(event.name);
        return stream !== undefined && fits(stream.shards.length, event.shards) && fits(stream.shardCounters.length, event.counters);
      }
      case "PutRecords": {
        if (event.counter === undefined) return true;
        const stream = this.streams.get(event.streamName);
        return stream !== undefined && fits(stream.shardCounters.length, [event.counter]);
      }
      case "DeleteRecords":
      case "ExpireRecords":
        return this.records.get(event.streamName)?.get(event.shardHex) !== undefined;
      case "DeleteConsumer":
        return this.consumers.has(event.arn);
      case "DeletePolicy":
        return this.policies.has(event.arn);
      case "DeleteResourceTags":
        return this.resourceTags.has(event.arn);
      case "DeleteTransition":
        return this.transitions.has(event.key);
      case "PutConsumer":
      case "PutPolicy":
      case "PutStream":
      case "PutTransition":
      case "SetAccountSettings":
      case "SetRetained":
      case "TagResource":
        return true;
    }
  }

  #change(event: KinesisEvent): void {
    const stream = "name" in event ? this.streams.get(event.name) : undefined;
    if (event.kind === "PutStream") this.streams.set(event.stream.name, event.stream);
    else if (event.kind === "ChangeStream" && stream !== undefined) {
      const { keyId, ...changed } = { ...stream, ...event.change };
      this.streams.set(event.name, typeof keyId === "string" ? { ...changed, keyId } : changed);
    } else if (event.kind === "PutShards" && stream !== undefined) {
      this.streams.set(event.name, { ...stream, shards: placed(stream.shards, event.shards), shardCounters: placed(stream.shardCounters, event.counters) });
    } else if (event.kind === "TagStream" && stream !== undefined) this.streams.set(event.name, { ...stream, tags: tagged(stream.tags, event) });
    else if (event.kind === "DeleteStream") {
      for (const [shardHex, records] of this.records.get(event.name) ?? []) this.#remove(event.name, shardHex, [...records.keys()]);
      this.streams.delete(event.name);
      this.records.delete(event.name);
    } else if (event.kind === "PutRecords") this.#put(event.streamName, event.shardHex, event);
    else if (event.kind === "DeleteRecords") this.#remove(event.streamName, event.shardHex, event.keys);
    else if (event.kind === "ExpireRecords") {
      const keys = [...(this.records.get(event.streamName)?.get(event.shardHex)?.keys() ?? [])];
      this.#remove(event.streamName, event.shardHex, keys.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(event.below)) < 0));
    } else if (event.kind === "PutConsumer") this.consumers.set(event.arn, event.consumer);
    else if (event.kind === "DeleteConsumer") this.consumers.delete(event.arn);
    else if (event.kind === "PutPolicy") this.policies.set(event.arn, event.policy);
    else if (event.kind === "DeletePolicy") this.policies.delete(event.arn);
    else if (event.kind === "TagResource") this.resourceTags.set(event.arn, tagged(this.resourceTags.get(event.arn) ?? new Map(), event));
    else if (event.kind === "DeleteResourceTags") this.resourceTags.delete(event.arn);
    else if (event.kind === "SetAccountSettings") this.settings = event.json;
    else if (event.kind === "PutTransition") {
      const { transition } = event;
      this.transitions.set("streamName" in transition ? `stream:${transition.streamName}` : `consumer:${transition.consumerArn}`, transition);
    } else if (event.kind === "DeleteTransition") this.transitions.delete(event.key);
    else if (event.kind === "SetRetained") [this.bytes, this.count] = [event.bytes, event.records];
  }

  #put(streamName: string, shardHex: string, { records, counter }: Extract<KinesisEvent, { kind: "PutRecords" }>): void {
    const shards = this.records.get(streamName) ?? new Map<string, Map<string, Uint8Array>>();
    const shard = shards.get(shardHex) ?? new Map<string, Uint8Array>();
    this.records.set(streamName, shards.set(shardHex, shard));
    // Once for all of them, as the store does, so that both stop at the same end.
    let [bytes, count] = [0n, 0n];
    for (const [key, record] of records) {
      bytes += BigInt(record.length) - BigInt(shard.get(key)?.length ?? 0);
      if (!shard.has(key)) count += 1n;
      shard.set(key, record);
    }
    this.#count(bytes, count);
    const stream = this.streams.get(streamName);
    if (counter !== undefined && stream !== undefined) this.streams.set(streamName, { ...stream, shardCounters: placed(stream.shardCounters, [counter]) });
  }

  #remove(streamName: string, shardHex: string, keys: readonly string[]): void {
    const shard = this.records.get(streamName)?.get(shardHex);
    let [bytes, count] = [0n, 0n];
    for (const key of keys) {
      const record = shard?.get(key);
      if (record === undefined) continue;
      bytes -= BigInt(record.length);
      count -= 1n;
      shard?.delete(key);
    }
    this.#count(bytes, count);
  }

  #count(bytes: bigint, count: bigint): void {
    this.bytes = bounded(this.bytes + bytes);
    this.count = bounded(this.count + count);
  }
}

function fits(length: number, changes: readonly (readonly [index: number, item: unknown])[]): boolean {
  let end = length;
  for (const [index] of changes) {
    if (index > end) return false;
    if (index === end) end += 1;
  }
  return true;
}

function placed<T>(items: readonly T[], changes: readonly (readonly [index: number, item: T])[]): readonly T[] {
  const result = items.slice();
  for (const [index, item] of changes) result[index] = item;
  return result;
}

function tagged(tags: ReadonlyMap<string, string>, { set, remove }: { readonly set: ReadonlyMap<string, string>; readonly remove: readonly string[] }): ReadonlyMap<string, string> {
  return new Map([...[...tags].filter(([key]) => !remove.includes(key)), ...set]);
}

function inOrder<V>(map: ReadonlyMap<string, V>): (readonly [string, V])[] {
  return [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function bounded(value: bigint): bigint {
  return value < 0n ? 0n : value > 2n ** 64n - 1n ? 2n ** 64n - 1n : value;
}
