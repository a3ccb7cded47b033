import { list, required, struct, text, u32, u64, type JsonReader, type JsonType, type JsonWriter } from "@holdfast/bytes/json";
import type { PendingTransition, Shard } from "./model.js";

/** A transition: an object of one field, which has the kind's name and the transition's fields. */
export function pendingTransition(shard: JsonType<Shard>): JsonType<PendingTransition> {
  const fields = fieldsOf(shard);
  return {
    read(reader) {
      let found: PendingTransition | undefined;
      reader.object((name, offset) => {
        const kind = KINDS.find((it) => it === name);
        if (kind === undefined) throw reader.fault("unknown_variant", "no kind of transition", offset);
        if (found !== undefined) throw reader.fault("wrong_length", "more than one transition", offset);
        reader.path.push(kind);
        found = readFields(reader, kind, fields);
        reader.path.pop();
      });
      if (found === undefined) throw reader.fault("wrong_length", "no transition");
      return found;
    },
    write(writer, value) {
      if (!KINDS.includes(value.kind)) throw writer.fault("unknown_variant", "no kind of transition");
      writer.raw(`{"${value.kind}":`);
      writer.path.push(value.kind);
      writeFields(writer, value, fields);
      writer.path.pop();
      writer.raw("}");
    },
  };
}

type Kind = PendingTransition["kind"];

const KINDS: readonly Kind[] = [
  "CreateStream",
  "DeleteStream",
  "RegisterConsumer",
  "DeregisterConsumer",
  "UpdateShardCount",
  "SplitShard",
  "MergeShards",
  "StartStreamEncryption",
  "StopStreamEncryption",
];

/** The fields of a kind, beside the kind itself. */
type FieldsOf<K extends Kind> = Omit<Extract<PendingTransition, { readonly kind: K }>, "kind">;

interface FieldsOfKinds {
  readonly stream: JsonType<FieldsOf<"DeleteStream">>;
  readonly consumer: JsonType<FieldsOf<"RegisterConsumer">>;
  readonly createStream: JsonType<FieldsOf<"CreateStream">>;
  readonly updateShardCount: JsonType<FieldsOf<"UpdateShardCount">>;
  readonly splitShard: JsonType<FieldsOf<"SplitShard">>;
  readonly mergeShards: JsonType<FieldsOf<"MergeShards">>;
}

function fieldsOf(shard: JsonType<Shard>): FieldsOfKinds {
  const stream = { streamName: required("stream_name", text), readyAtMs: required("ready_at_ms", u64) };
  return {
    stream: struct(stream),
    consumer: struct({ consumerArn: required("consumer_arn", text), readyAtMs: required("ready_at_ms", u64) }),
    createStream: struct({ ...stream, shards: required("shards", list(shard)) }),
    updateShardCount: struct({ ...stream, targetShardCount: required("target_shard_count", u32) }),
    splitShard: struct({ ...stream, shardToSplit: required("shard_to_split", text), newStartingHashKey: required("new_starting_hash_key", text) }),
    mergeShards: struct({ ...stream, shardToMerge: required("shard_to_merge", text), adjacentShardToMerge: required("adjacent_shard_to_merge", text) }),
  };
}

function readFields(reader: JsonReader, kind: Kind, fields: FieldsOfKinds): PendingTransition {
  switch (kind) {
    case "CreateStream":
      return { kind, ...fields.createStream.read(reader) };
    case "UpdateShardCount":
      return { kind, ...fields.updateShardCount.read(reader) };
    case "SplitShard":
      return { kind, ...fields.splitShard.read(reader) };
    case "MergeShards":
      return { kind, ...fields.mergeShards.read(reader) };
    case "RegisterConsumer":
    case "DeregisterConsumer":
      return { kind, ...fields.consumer.read(reader) };
    case "DeleteStream":
    case "StartStreamEncryption":
    case "StopStreamEncryption":
      return { kind, ...fields.stream.read(reader) };
  }
}

function writeFields(writer: JsonWriter, value: PendingTransition, fields: FieldsOfKinds): void {
  switch (value.kind) {
    case "CreateStream":
      fields.createStream.write(writer, value);
      return;
    case "UpdateShardCount":
      fields.updateShardCount.write(writer, value);
      return;
    case "SplitShard":
      fields.splitShard.write(writer, value);
      return;
    case "MergeShards":
      fields.mergeShards.write(writer, value);
      return;
    case "RegisterConsumer":
    case "DeregisterConsumer":
      fields.consumer.write(writer, value);
      return;
    case "DeleteStream":
    case "StartStreamEncryption":
    case "StopStreamEncryption":
      fields.stream.write(writer, value);
  }
}
