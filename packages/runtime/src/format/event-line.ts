import { JsonWriter, omittable, required, struct, text, u64, type JsonReader, type JsonType } from "@holdfast/bytes/json";
import { payload, workerRef } from "./fields.js";
import type { EventRecord } from "./model.js";

/** The largest id of an event: the one behind it is a u64 too, so that no cursor is ever without a next one. */
const MAX_EVENT_ID = 2n ** 64n - 2n;

/** What every line of `events.jsonl` begins with that yoi or this package wrote. No text inside a line can have it. */
export const EVENT_START = '{"id":';

/**
 * A line of `events.jsonl`: compact JSON, as yoi writes it, and the line feed.
 *
 * @throws JsonError for an id that no event has, half a character in a text, or a payload that is not JSON on one line.
 */
export function writeEventLine(record: EventRecord): Uint8Array {
  const writer = new JsonWriter();
  event.write(writer, record);
  writer.raw("\n");
  return writer.finish();
}

/** Reads the next value as an event. A kind that yoi does not know is a kind. @throws JsonError. */
export function readEvent(reader: JsonReader): EventRecord {
  return event.read(reader);
}

const eventId: JsonType<bigint> = {
  read(reader) {
    reader.kind();
    const { offset } = reader;
    const id = u64.read(reader);
    if (!isEventId(id)) throw reader.fault("out_of_range", "no id of an event", offset);
    return id;
  },
  write(writer, id) {
    if (!isEventId(id)) throw writer.fault("out_of_range", "no id of an event");
    u64.write(writer, id);
  },
};

interface EventKind {
  readonly kind: string;
}

const eventKind: JsonType<EventKind> = struct<EventKind>({ kind: required("kind", text) });

/** The kind is an object with a kind in the file, since yoi might give it more fields. */
const kind: JsonType<string> = {
  read: (reader) => eventKind.read(reader).kind,
  write: (writer, value) => {
    eventKind.write(writer, { kind: value });
  },
};

const event: JsonType<EventRecord> = struct<EventRecord>({
  id: required("id", eventId),
  workerRef: omittable("worker_ref", workerRef),
  kind: required("kind", kind),
  message: required("message", text),
  payloadJson: payload,
});

function isEventId(id: bigint): boolean {
  return id >= 1n && id <= MAX_EVENT_ID;
}
