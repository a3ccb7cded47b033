import { indentJson, JsonWriter, oneOf, required, struct, text, u32, u64, type JsonType } from "@holdfast/bytes/json";
import { workerRef } from "./fields.js";
import { readVersioned, SCHEMA_VERSION, type FileReading } from "./file-fault.js";
import type { WorkerRecord } from "./model.js";
import { workerRequest } from "./worker-request.js";

/**
 * `worker.json`: indented JSON with a line feed at its end, as yoi writes it.
 *
 * @throws JsonError for an id, counter or text that the file cannot hold.
 */
export function writeWorkerFile(record: WorkerRecord): Uint8Array {
  const writer = new JsonWriter();
  workerFile.write(writer, { ...record, schemaVersion: SCHEMA_VERSION, workerId: record.workerRef.workerId });
  writer.raw("\n");
  return indentJson(writer.finish());
}

/** Reads {@link writeWorkerFile}, and whatever else yoi takes for it. Whether it is in the right directory is not looked at. */
export function readWorkerFile(bytes: Uint8Array, runtimeId: string): FileReading<WorkerRecord> {
  const read = readVersioned(bytes, (reader) => workerFile.read(reader));
  if (read.fault !== undefined) return read;
  const message = whyNotWorker(read.value, runtimeId);
  return message === undefined ? { value: recordOf(read.value) } : { fault: { message, offset: undefined, newerVersion: false } };
}

interface WorkerFile extends WorkerRecord {
  readonly schemaVersion: number;
  readonly workerId: string;
}

const workerFile: JsonType<WorkerFile> = struct<WorkerFile>({
  schemaVersion: required("schema_version", u32),
  workerRef: required("worker_ref", workerRef),
  workerId: required("worker_id", text),
  status: required("status", oneOf(["running", "stopped", "cancelled"])),
  request: required("request", workerRequest),
  nextTranscriptSequence: required("next_transcript_sequence", u64),
  lastEventId: required("last_event_id", u64),
});

function recordOf({ workerRef: ref, status, request, nextTranscriptSequence, lastEventId }: WorkerFile): WorkerRecord {
  return { workerRef: ref, status, request, nextTranscriptSequence, lastEventId };
}

function whyNotWorker({ workerRef: ref, workerId }: WorkerFile, runtimeId: string): string | undefined {
  if (ref.runtimeId !== runtimeId) return `worker belongs to runtime ${ref.runtimeId}, expected ${runtimeId}`;
  return ref.workerId === workerId ? undefined : `worker_ref id ${ref.workerId} does not match worker_id ${workerId}`;
}
