import { defaulted, flag, JsonReader, JsonWriter, list, nullable, omittable, oneOf, required, struct, text, u32, u64, type Fields, type JsonType } from "@holdfast/bytes/json";
import type { EnhancedMonitoring, HashKeyRange, KinesisState, PersistentStream, SequenceNumberRange, Shard, ShardRecords } from "./model.js";
import { pendingTransition } from "./transition.js";
import { byteArray, epochSeconds, keyed, textMap } from "./types.js";

/** A state as compact JSON: the bytes of a snapshot, and of an entry without its tag. Throws JsonError. */
export function writeState(value: KinesisState): Uint8Array {
  const writer = new JsonWriter();
  state.write(writer, value);
  return writer.finish();
}

/** Throws JsonError. */
export function readState(bytes: Uint8Array): KinesisState {
  const reader = new JsonReader(bytes);
  const value = state.read(reader);
  reader.end();
  return value;
}

/** An entry of the log: a state under the tag `Snapshot`. Throws JsonError. */
export function writeEntry(value: KinesisState): Uint8Array {
  const writer = new JsonWriter();
  writer.raw('{"Snapshot":');
  state.write(writer, value);
  writer.raw("}");
  return writer.finish();
}

/** The state in an entry, and its bytes as they stand there. */
export interface ReadEntry {
  readonly state: KinesisState;
  /** A view. */
  readonly stateBytes: Uint8Array;
}

/** Throws JsonError. */
export function readEntry(bytes: Uint8Array): ReadEntry {
  const reader = new JsonReader(bytes);
  let found: ReadEntry | undefined;
  reader.object((name, offset) => {
    if (name !== "Snapshot") throw reader.fault("unknown_variant", "not Snapshot", offset);
    if (found !== undefined) throw reader.fault("wrong_length", "more than one entry", offset);
    reader.kind(); // Passes over white space.
    const start = reader.offset;
    const value = state.read(reader);
    found = { state: value, stateBytes: bytes.subarray(start, reader.offset) };
  });
  if (found === undefined) throw reader.fault("wrong_length", "no entry");
  reader.end();
  return found;
}

/*
 * The fields of the original, in its order: that of the bytes. What is stored as it is has names in snake case; what is also an
 * answer of the Kinesis API has its names.
 */

/** A shard, as in the answers of the Kinesis API. */
export const shard: JsonType<Shard> = struct<Shard>({
  shardId: required("ShardId", text),
  hashKeyRange: required(
    "HashKeyRange",
    struct<HashKeyRange>({
      startingHashKey: required("StartingHashKey", text),
      endingHashKey: required("EndingHashKey", text),
    }),
  ),
  sequenceNumberRange: required(
    "SequenceNumberRange",
    struct<SequenceNumberRange>({
      startingSequenceNumber: required("StartingSequenceNumber", text),
      endingSequenceNumber: omittable("EndingSequenceNumber", text),
    }),
  ),
  parentShardId: omittable("ParentShardId", text),
  adjacentParentShardId: omittable("AdjacentParentShardId", text),
});

/** The fields of a stored stream, for types that have others beside them. */
export const streamFields: Fields<PersistentStream> = {
  name: required("name", text),
  retentionPeriodHours: required("retention_period_hours", u32),
  enhancedMonitoring: required("enhanced_monitoring", list(struct<EnhancedMonitoring>({ shardLevelMetrics: required("ShardLevelMetrics", list(text)) }))),
  encryptionType: required("encryption_type", oneOf(["KMS", "NONE"])),
  hasMoreShards: required("has_more_shards", flag),
  shards: required("shards", list(shard)),
  streamArn: required("stream_arn", text),
  streamName: required("stream_name", text),
  streamStatus: required("stream_status", oneOf(["CREATING", "DELETING", "ACTIVE", "UPDATING"])),
  streamCreationTimestamp: required("stream_creation_timestamp", epochSeconds),
  streamModeDetails: required(
    "stream_mode_details",
    struct<PersistentStream["streamModeDetails"]>({ streamMode: required("StreamMode", oneOf(["PROVISIONED", "ON_DEMAND"])) }),
  ),
  tags: required("tags", textMap),
  keyId: nullable("key_id", text),
  warmThroughputMibps: required("warm_throughput_mibps", u32),
  maxRecordSizeKib: required("max_record_size_kib", u32),
  shardCounters: required("shard_counters", list(u64)),
};

/** A stored stream: {@link streamFields} and nothing else. */
export const stream: JsonType<PersistentStream> = struct(streamFields);

const shardRecords: JsonType<ShardRecords> = struct<ShardRecords>({
  streamName: required("stream_name", text),
  shardHex: required("shard_hex", text),
  records: required("records", list(keyed(byteArray))),
});

const state: JsonType<KinesisState> = struct<KinesisState>({
  createdAtMs: required("created_at_ms", u64),
  streams: required("streams", list(stream)),
  records: required("records", list(shardRecords)),
  consumers: required("consumers", list(keyed(byteArray))),
  policies: required("policies", list(keyed(text))),
  resourceTags: required("resource_tags", list(keyed(textMap))),
  accountSettingsJson: required("account_settings_json", byteArray),
  pendingTransitions: defaulted("pending_transitions", list(pendingTransition(shard)), () => []),
  retainedBytes: required("retained_bytes", u64),
  retainedRecords: required("retained_records", u64),
});
