import { JsonReader, JsonWriter, list, omittable, oneOf, required, struct, text, u64, type Field, type Fields, type JsonType } from "@holdfast/bytes/json";
import type { Codec } from "@holdfast/wal";
import { shard, stream, streamFields } from "../format/state.js";
import { pendingTransition } from "../format/transition.js";
import { keyed, textMap } from "../format/types.js";
import { base64, positioned, textOrNull } from "./event-types.js";
import type { KinesisEvent, KinesisEvents, PutRecords, StreamChange } from "./events.js";

/**
 * Events as compact JSON: `["PutPolicy",{"arn":"…","policy":"…"}]`. Streams, shards and transitions are as in the original's state; bytes
 * are base64, and integers of 64 bits are exact. Both ways throw JsonError with `path`, `reason` and, when reading, `offset`.
 */
export const kinesisEventCodec: Codec<KinesisEvent> = {
  name: "kinesis-event",
  encode(event) {
    const writer = new JsonWriter();
    writeEvent(writer, event.kind, event);
    return writer.finish();
  },
  decode(bytes) {
    const reader = new JsonReader(bytes);
    let event: KinesisEvent | undefined;
    let kind: Kind | undefined;
    reader.array((index) => {
      if (index === 0) kind = oneOf(KINDS).read(reader);
      else if (index === 1 && kind !== undefined) event = TYPES[kind].read(reader);
      else throw reader.fault("wrong_length", "more than a kind and its fields");
    });
    if (event === undefined) throw reader.fault("wrong_length", "no event");
    reader.end();
    return event;
  },
};

type Kind = keyof KinesisEvents;

function writeEvent<K extends Kind>(writer: JsonWriter, kind: K, event: KinesisEvents[K]): void {
  if (!KINDS.includes(kind)) throw writer.fault("unknown_variant", "no kind of event");
  writer.raw(`["${kind}",`);
  TYPES[kind].write(writer, event);
  writer.raw("]");
}

/** The kind of an event, which stands in front of its fields. */
function kindIs<K extends Kind>(kind: K): Field<K> {
  return { name: "kind", type: oneOf([kind]), whenMissing: () => kind, omits: () => true };
}

const name = required("name", text);
const arn = required("arn", text);
const shardName = { streamName: required("stream_name", text), shardHex: required("shard_hex", text) };
const tagging = { set: required("set", textMap), remove: required("remove", list(text)) };

const changeFields: Fields<StreamChange> = {
  retentionPeriodHours: mayChange(streamFields.retentionPeriodHours),
  enhancedMonitoring: mayChange(streamFields.enhancedMonitoring),
  encryptionType: mayChange(streamFields.encryptionType),
  hasMoreShards: mayChange(streamFields.hasMoreShards),
  streamArn: mayChange(streamFields.streamArn),
  streamName: mayChange(streamFields.streamName),
  streamStatus: mayChange(streamFields.streamStatus),
  streamCreationTimestamp: mayChange(streamFields.streamCreationTimestamp),
  streamModeDetails: mayChange(streamFields.streamModeDetails),
  keyId: { name: "key_id", type: textOrNull, whenMissing: () => undefined, omits: (value) => value === undefined },
  warmThroughputMibps: mayChange(streamFields.warmThroughputMibps),
  maxRecordSizeKib: mayChange(streamFields.maxRecordSizeKib),
};

const TYPES: { readonly [K in Kind]: JsonType<KinesisEvents[K]> } = {
  PutStream: struct({ kind: kindIs("PutStream"), stream: required("stream", stream) }),
  ChangeStream: struct({ kind: kindIs("ChangeStream"), name, change: required("change", struct(changeFields)) }),
  PutShards: struct({
    kind: kindIs("PutShards"),
    name,
    shards: required("shards", list(positioned(shard))),
    counters: required("counters", list(positioned(u64))),
  }),
  TagStream: struct({ kind: kindIs("TagStream"), name, ...tagging }),
  DeleteStream: struct({ kind: kindIs("DeleteStream"), name }),
  PutRecords: struct<PutRecords>({
    kind: kindIs("PutRecords"),
    ...shardName,
    records: required("records", list(keyed(base64))),
    counter: omittable("counter", positioned(u64)),
  }),
  DeleteRecords: struct({ kind: kindIs("DeleteRecords"), ...shardName, keys: required("keys", list(text)) }),
  ExpireRecords: struct({ kind: kindIs("ExpireRecords"), ...shardName, below: required("below", text) }),
  PutConsumer: struct({ kind: kindIs("PutConsumer"), arn, consumer: required("consumer", base64) }),
  DeleteConsumer: struct({ kind: kindIs("DeleteConsumer"), arn }),
  PutPolicy: struct({ kind: kindIs("PutPolicy"), arn, policy: required("policy", text) }),
  DeletePolicy: struct({ kind: kindIs("DeletePolicy"), arn }),
  TagResource: struct({ kind: kindIs("TagResource"), arn, ...tagging }),
  DeleteResourceTags: struct({ kind: kindIs("DeleteResourceTags"), arn }),
  SetAccountSettings: struct({ kind: kindIs("SetAccountSettings"), json: required("json", base64) }),
  PutTransition: struct({ kind: kindIs("PutTransition"), transition: required("transition", pendingTransition(shard)) }),
  DeleteTransition: struct({ kind: kindIs("DeleteTransition"), key: required("key", text) }),
  SetRetained: struct({ kind: kindIs("SetRetained"), bytes: required("bytes", u64), records: required("records", u64) }),
};

const KINDS = kindsOf(TYPES);

function kindsOf<T extends object>(types: T): readonly (keyof T & string)[] {
  const kinds: (keyof T & string)[] = [];
  for (const kind in types) kinds.push(kind);
  return kinds;
}

/** A field of a stream that is left out where it does not change. */
function mayChange<T>({ name: field, type }: Field<T>): Field<T | undefined> {
  return omittable(field, type);
}
