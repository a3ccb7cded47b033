import type { KinesisContents, KinesisEvent, PersistentStream } from "@holdfast/kinesis";

/** Where the names of a state's events stand in it, each with its number. */
export const NAMES_ARN = "names";

/** A Kinesis state as plain facts, each under a name of its own: what the store's state is compared with. */
export class KinesisModel {
  readonly #facts = new Map<string, string>();
  #bytes = 0;
  #records = 0;

  /** The event that a number stands for behind this model; always one that is taken. */
  eventOf(number: number): KinesisEvent {
    const name = `stream${number % 2}`;
    const value = Math.floor(number / KINDS) % 1500;
    const stream = this.#facts.has(`stream ${name}`);
    const group = this.#facts.has(`group ${name}`);
    switch (number % KINDS) {
      case 0:
        return stream ? { kind: "ChangeStream", name, change: { retentionPeriodHours: value } } : { kind: "PutStream", stream: streamOf(name, value) };
      case 1:
        return stream ? { kind: "PutShards", name, shards: [], counters: [[0, HUGE + BigInt(value)]] } : { kind: "PutStream", stream: streamOf(name, value) };
      case 2:
        return stream && value % 3 === 0 ? { kind: "DeleteStream", name } : { kind: "PutConsumer", arn: name, consumer: filled(value) };
      case 3:
        return this.#facts.has(`consumer ${name}`) ? { kind: "DeleteConsumer", arn: name } : { kind: "PutConsumer", arn: name, consumer: filled(value) };
      case 4:
        return this.#facts.has(`transition ${name}`)
          ? { kind: "DeleteTransition", key: `stream:${name}` }
          : { kind: "PutTransition", transition: { kind: "DeleteStream", streamName: name, readyAtMs: HUGE + BigInt(value) } };
      case 5:
        return { kind: "SetAccountSettings", json: filled(value % 100) };
      case 6:
        return { kind: "TagResource", arn: name, set: new Map([["tag", String(value)]]), remove: [] };
      case 7:
        return group ? { kind: "ExpireRecords", streamName: name, shardHex: "0", below: `0/${value % 10}` } : { kind: "PutRecords", streamName: name, shardHex: "0", records: [] };
      case 8:
        return group ? { kind: "DeleteRecords", streamName: name, shardHex: "0", keys: [`0/${value % 10}`] } : { kind: "PutRecords", streamName: name, shardHex: "0", records: [] };
      default:
        return {
          ...{ kind: "PutRecords", streamName: name, shardHex: "0", records: [[`0/${value % 10}`, filled(value)]] },
          ...(stream ? { counter: [0, HUGE + BigInt(value)] } : {}),
        };
    }
  }

  /** Only events of {@link eventOf}. */
  apply(event: KinesisEvent): void {
    if (event.kind === "PutStream") {
      this.#facts.set(`stream ${event.stream.name}`, String(event.stream.retentionPeriodHours));
      this.#facts.set(`counter ${event.stream.name}`, String(event.stream.shardCounters[0]));
    } else if (event.kind === "ChangeStream") this.#facts.set(`stream ${event.name}`, String(event.change.retentionPeriodHours));
    else if (event.kind === "PutShards") this.#facts.set(`counter ${event.name}`, String(event.counters[0]?.[1]));
    else if (event.kind === "DeleteStream") this.#deleteStream(event.name);
    else if (event.kind === "PutConsumer") this.#facts.set(`consumer ${event.arn}`, textOf(event.consumer));
    else if (event.kind === "DeleteConsumer") this.#facts.delete(`consumer ${event.arn}`);
    else if (event.kind === "PutTransition") this.#facts.set(`transition ${"streamName" in event.transition ? event.transition.streamName : ""}`, String(event.transition.readyAtMs));
    else if (event.kind === "DeleteTransition") this.#facts.delete(`transition ${event.key.slice("stream:".length)}`);
    else if (event.kind === "SetAccountSettings") this.#facts.set("settings", textOf(event.json));
    else if (event.kind === "TagResource") this.#facts.set(`tag ${event.arn}`, event.set.get("tag") ?? "");
    else if (event.kind === "PutRecords") {
      this.#facts.set(`group ${event.streamName}`, "");
      if (event.counter !== undefined) this.#facts.set(`counter ${event.streamName}`, String(event.counter[1]));
      for (const [key, record] of event.records) this.#put(`record ${event.streamName} ${key}`, record);
    } else if (event.kind === "DeleteRecords") for (const key of event.keys) this.#remove(`record ${event.streamName} ${key}`);
    else if (event.kind === "ExpireRecords") for (const fact of this.#recordsOf(event.streamName)) if (fact < `record ${event.streamName} ${event.below}`) this.#remove(fact);
  }

  /** All facts as one text. */
  get text(): string {
    const facts = [...this.#facts, ["retained", `${this.#bytes} ${this.#records}`] as const];
    return facts.map(([name, value]) => `${name}=${value}`).sort().join("\n");
  }

  #deleteStream(name: string): void {
    for (const fact of this.#recordsOf(name)) this.#remove(fact);
    for (const fact of [`stream ${name}`, `counter ${name}`, `group ${name}`]) this.#facts.delete(fact);
  }

  #recordsOf(name: string): readonly string[] {
    return [...this.#facts.keys()].filter((fact) => fact.startsWith(`record ${name} `));
  }

  #put(fact: string, record: Uint8Array): void {
    this.#remove(fact);
    this.#facts.set(fact, textOf(record));
    this.#bytes += record.length;
    this.#records += 1;
  }

  #remove(fact: string): void {
    const before = this.#facts.get(fact);
    if (before === undefined) return;
    this.#facts.delete(fact);
    this.#bytes -= before.length;
    this.#records -= 1;
  }
}

/** The facts of a state, as {@link KinesisModel.text} has them. */
export function textOfContents(contents: KinesisContents): string {
  const facts = [
    ...contents.streams.flatMap(({ name, retentionPeriodHours, shardCounters }) => [`stream ${name}=${retentionPeriodHours}`, `counter ${name}=${String(shardCounters[0])}`]),
    ...contents.records.flatMap(({ streamName, records }) => [`group ${streamName}=`, ...records.map(([key, record]) => `record ${streamName} ${key}=${textOf(record)}`)]),
    ...contents.consumers.map(([arn, consumer]) => `consumer ${arn}=${textOf(consumer)}`),
    ...contents.policies.filter(([arn]) => arn !== NAMES_ARN).map(([arn, policy]) => `policy ${arn}=${policy}`),
    ...contents.resourceTags.map(([arn, tags]) => `tag ${arn}=${[...tags.values()].join(" ")}`),
    ...contents.pendingTransitions.map((it) => `transition ${"streamName" in it ? it.streamName : it.consumerArn}=${it.readyAtMs}`),
    ...(contents.accountSettingsJson.length === 0 ? [] : [`settings=${textOf(contents.accountSettingsJson)}`]),
    `retained=${contents.retainedBytes} ${contents.retainedRecords}`,
  ];
  return facts.sort().join("\n");
}

/** Kinds of changes that numbers stand for. */
const KINDS = 13;
/** More than a JavaScript number holds exactly. */
const HUGE = 2n ** 63n;

/** So many bytes, which are characters too. */
function filled(length: number): Uint8Array {
  return new Uint8Array(Math.max(1, length)).fill(0x61 + (length % 26));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function streamOf(name: string, retentionPeriodHours: number): PersistentStream {
  return {
    name,
    retentionPeriodHours,
    enhancedMonitoring: [],
    encryptionType: "NONE",
    hasMoreShards: false,
    shards: [],
    streamArn: `arn:${name}`,
    streamName: name,
    streamStatus: "ACTIVE",
    streamCreationTimestamp: 1_700_000_000,
    streamModeDetails: { streamMode: "PROVISIONED" },
    tags: new Map(),
    warmThroughputMibps: 0,
    maxRecordSizeKib: 1024,
    shardCounters: [0n],
  };
}
