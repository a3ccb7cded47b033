import { JsonWriter, required, struct, text, u64, type JsonReader, type JsonType } from "@holdfast/bytes/json";
import { payload, workerRef } from "./fields.js";
import type { TranscriptRecord } from "./model.js";

/** What every line of `transcript.jsonl` begins with that yoi or this package wrote. No text inside a line can have it. */
export const TRANSCRIPT_START = '{"sequence":';

/**
 * A line of `transcript.jsonl`: compact JSON, as yoi writes it, and the line feed.
 *
 * @throws JsonError for a number beyond 2^64 − 1, half a character in a text, or a payload that is not JSON on one line.
 */
export function writeTranscriptLine(record: TranscriptRecord): Uint8Array {
  const writer = new JsonWriter();
  transcript.write(writer, record);
  writer.raw("\n");
  return writer.finish();
}

/** Reads the next value as an entry. A role that yoi does not know is a role. @throws JsonError. */
export function readTranscriptEntry(reader: JsonReader): TranscriptRecord {
  return transcript.read(reader);
}

const transcript: JsonType<TranscriptRecord> = struct<TranscriptRecord>({
  sequence: required("sequence", u64),
  workerRef: required("worker_ref", workerRef),
  role: required("role", text),
  content: required("content", text),
  eventId: required("event_id", u64),
  payloadJson: payload,
});
