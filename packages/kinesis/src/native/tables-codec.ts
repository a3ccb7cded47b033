import type { StateCodec } from "@holdfast/snapshot";
import { applyKinesisEvent } from "./apply.js";
import { kinesisEventCodec } from "./event-codec.js";
import type { KinesisEvent, PutRecords } from "./events.js";
import { emptyTables, type KinesisTables } from "./tables.js";

/** Tables as the events that make them from nothing, one to a line: so a snapshot has the format of the log. */
export const kinesisTablesCodec: StateCodec<KinesisTables> = {
  name: "kinesis-tables",
  *encode(tables) {
    for (const event of eventsOf(tables)) yield line(kinesisEventCodec.encode(event));
  },
  async decode(pieces) {
    let tables = emptyTables;
    for await (const bytes of lines(pieces)) tables = applyKinesisEvent(tables, kinesisEventCodec.decode(bytes));
    return tables;
  },
};

/** The events that make these tables from empty ones, each of them small. */
export function* eventsOf(tables: KinesisTables): Generator<KinesisEvent, void, undefined> {
  for (const [, stream] of tables.streams) yield { kind: "PutStream", stream };
  for (const [streamName, shards] of tables.records) {
    for (const [shardHex, records] of shards) yield* recordEvents({ kind: "PutRecords", streamName, shardHex, records: [] }, records);
  }
  for (const [arn, consumer] of tables.consumers) yield { kind: "PutConsumer", arn, consumer };
  for (const [arn, policy] of tables.policies) yield { kind: "PutPolicy", arn, policy };
  for (const [arn, set] of tables.resourceTags) yield { kind: "TagResource", arn, set, remove: [] };
  if (tables.accountSettingsJson.length > 0) yield { kind: "SetAccountSettings", json: tables.accountSettingsJson };
  for (const [, transition] of tables.pendingTransitions) yield { kind: "PutTransition", transition };
  // As they are stored, since they may have been counted elsewhere.
  yield { kind: "SetRetained", bytes: tables.retainedBytes, records: tables.retainedRecords };
}

/** Less than a millisecond of work for the codec, unless a single record is larger. */
const EVENT_BYTES = 64 * 1024;
const EVENT_RECORDS = 256;

function* recordEvents(event: PutRecords, all: Iterable<readonly [key: string, record: Uint8Array]>): Generator<PutRecords, void, undefined> {
  let records: (readonly [key: string, record: Uint8Array])[] = [];
  let bytes = 0;
  let count = 0;
  for (const entry of all) {
    if (records.length === EVENT_RECORDS || (records.length > 0 && bytes + entry[1].length > EVENT_BYTES)) {
      yield { ...event, records };
      [records, bytes] = [[], 0];
    }
    records.push(entry);
    bytes += entry[1].length;
    count += 1;
  }
  // A group without records is a group.
  if (records.length > 0 || count === 0) yield { ...event, records };
}

function line(bytes: Uint8Array): Uint8Array {
  const ended = new Uint8Array(bytes.length + 1);
  ended.set(bytes);
  ended[bytes.length] = LINE_END;
  return ended;
}

/** What stands between line ends. The last line has one too: without it something is missing. */
async function* lines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let open: Uint8Array[] = [];
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(LINE_END); end >= 0; end = piece.indexOf(LINE_END, start)) {
      const last = piece.subarray(start, end);
      yield open.length === 0 ? last : Buffer.concat([...open, last]);
      open = [];
      start = end + 1;
    }
    if (start < piece.length) open.push(piece.subarray(start));
  }
  if (open.length > 0) throw new RangeError("the last line of the state has no end");
}

const LINE_END = 0x0a;
