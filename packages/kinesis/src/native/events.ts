import type { PendingTransition, PersistentStream, Shard } from "../format/model.js";

/** A stream is made, or takes the place of the one with its name. */
export interface PutStream {
  readonly kind: "PutStream";
  readonly stream: PersistentStream;
}

/** What can be changed in a stream without writing all of it: not its name, and not what other events are for. */
export type StreamChange = Partial<Omit<PersistentStream, "keyId" | "name" | "shardCounters" | "shards" | "tags">> & {
  /** `null` takes the key away. */
  readonly keyId?: string | null | undefined;
};

/** Some properties of a stream get other values. */
export interface ChangeStream {
  readonly kind: "ChangeStream";
  readonly name: string;
  readonly change: StreamChange;
}

/** Shards of a stream and their counters, by position: those that are there get other values, others come behind the last one. */
export interface PutShards {
  readonly kind: "PutShards";
  readonly name: string;
  readonly shards: readonly (readonly [index: number, shard: Shard])[];
  readonly counters: readonly (readonly [index: number, counter: bigint])[];
}

/** Tags of a stream are set and removed. */
export interface TagStream {
  readonly kind: "TagStream";
  readonly name: string;
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** A stream goes, and its records with it. Its transition is another event's. */
export interface DeleteStream {
  readonly kind: "DeleteStream";
  readonly name: string;
}

/** Records come into a shard. A key that is there gets another record. None: the shard's group is made. */
export interface PutRecords {
  readonly kind: "PutRecords";
  readonly streamName: string;
  readonly shardHex: string;
  /** Keys `<shardHex>/<sequence number>`, and the record's bytes. */
  readonly records: readonly (readonly [key: string, record: Uint8Array])[];
  /** A counter of the stream that has moved with them: its position, and its value. */
  readonly counter?: readonly [index: number, counter: bigint] | undefined;
}

/** Records of a shard go. A key that is not there is passed over. */
export interface DeleteRecords {
  readonly kind: "DeleteRecords";
  readonly streamName: string;
  readonly shardHex: string;
  readonly keys: readonly string[];
}

/** All records of a shard go whose keys come before this one in the order of bytes: they are older than the retention period. */
export interface ExpireRecords {
  readonly kind: "ExpireRecords";
  readonly streamName: string;
  readonly shardHex: string;
  readonly below: string;
}

/** A consumer is registered, or takes the place of the one with its ARN. */
export interface PutConsumer {
  readonly kind: "PutConsumer";
  readonly arn: string;
  /** The consumer as JSON. */
  readonly consumer: Uint8Array;
}

/** A consumer goes. Its transition is another event's. */
export interface DeleteConsumer {
  readonly kind: "DeleteConsumer";
  readonly arn: string;
}

/** A resource gets a policy, in place of the one that it has. */
export interface PutPolicy {
  readonly kind: "PutPolicy";
  readonly arn: string;
  /** JSON text. */
  readonly policy: string;
}

/** A resource's policy goes. */
export interface DeletePolicy {
  readonly kind: "DeletePolicy";
  readonly arn: string;
}

/** Tags of a resource are set and removed. The resource's entry is made if there is none, and stays when the last tag goes. */
export interface TagResource {
  readonly kind: "TagResource";
  readonly arn: string;
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** A resource's entry goes, with all its tags. */
export interface DeleteResourceTags {
  readonly kind: "DeleteResourceTags";
  readonly arn: string;
}

/** The settings of the account are replaced as a whole. */
export interface SetAccountSettings {
  readonly kind: "SetAccountSettings";
  /** A JSON object; no bytes stand for an empty one. */
  readonly json: Uint8Array;
}

/** A transition begins, or takes the place of the one of the same stream or consumer. */
export interface PutTransition {
  readonly kind: "PutTransition";
  readonly transition: PendingTransition;
}

/** A transition is over, or given up. */
export interface DeleteTransition {
  readonly kind: "DeleteTransition";
  /** As `transitionKey` makes it. */
  readonly key: string;
}

/** The counters of retained records are set. Every other event counts them by itself; this one is for states that were counted elsewhere. */
export interface SetRetained {
  readonly kind: "SetRetained";
  /** 0 to 2^64 − 1. */
  readonly bytes: bigint;
  /** 0 to 2^64 − 1. */
  readonly records: bigint;
}

/** The events by their kinds. */
export interface KinesisEvents {
  readonly PutStream: PutStream;
  readonly ChangeStream: ChangeStream;
  readonly PutShards: PutShards;
  readonly TagStream: TagStream;
  readonly DeleteStream: DeleteStream;
  readonly PutRecords: PutRecords;
  readonly DeleteRecords: DeleteRecords;
  readonly ExpireRecords: ExpireRecords;
  readonly PutConsumer: PutConsumer;
  readonly DeleteConsumer: DeleteConsumer;
  readonly PutPolicy: PutPolicy;
  readonly DeletePolicy: DeletePolicy;
  readonly TagResource: TagResource;
  readonly DeleteResourceTags: DeleteResourceTags;
  readonly SetAccountSettings: SetAccountSettings;
  readonly PutTransition: PutTransition;
  readonly DeleteTransition: DeleteTransition;
  readonly SetRetained: SetRetained;
}

/** A change of a Kinesis state. What belongs together is committed as one batch. */
export type KinesisEvent = KinesisEvents[keyof KinesisEvents];
