import { indentJson, JsonWriter, list, nullable, omittable, oneOf, required, struct, text, u32, u64, type JsonType } from "@holdfast/bytes/json";
import { workerRef } from "./fields.js";
import { readVersioned, SCHEMA_VERSION, type FileReading } from "./file-fault.js";
import type { RuntimeDiagnostic, RuntimeLimits, RuntimeRecord } from "./model.js";

/**
 * `runtime.json`: indented JSON with a line feed at its end, as yoi writes it.
 *
 * @throws JsonError for an id, counter or text that the file cannot hold.
 */
export function writeRuntimeFile(record: RuntimeRecord): Uint8Array {
  const writer = new JsonWriter();
  runtimeFile.write(writer, { ...record, schemaVersion: SCHEMA_VERSION, backend: "fs_store" });
  writer.raw("\n");
  return indentJson(writer.finish());
}

/** Reads {@link writeRuntimeFile}, and whatever else yoi takes for it: white space, fields in any order, unknown fields. */
export function readRuntimeFile(bytes: Uint8Array, runtimeId: string): FileReading<RuntimeRecord> {
  const read = readVersioned(bytes, (reader) => runtimeFile.read(reader));
  if (read.fault !== undefined) return read;
  const message = whyNotRuntime(read.value, runtimeId);
  return message === undefined ? { value: recordOf(read.value) } : { fault: { message, offset: undefined, newerVersion: false } };
}

interface RuntimeFile extends RuntimeRecord {
  readonly schemaVersion: number;
  readonly backend: "fs_store" | "memory";
}

const runtimeFile: JsonType<RuntimeFile> = struct<RuntimeFile>({
  schemaVersion: required("schema_version", u32),
  runtimeId: required("runtime_id", text),
  displayName: nullable("display_name", text),
  backend: required("backend", oneOf(["fs_store", "memory"])),
  status: required("status", oneOf(["running", "stopped"])),
  limits: required(
    "limits",
    struct<RuntimeLimits>({
      maxTranscriptProjectionItems: required("max_transcript_projection_items", u64),
      maxEventBatchItems: required("max_event_batch_items", u64),
    }),
  ),
  nextWorkerSequence: required("next_worker_sequence", u64),
  nextEventId: required("next_event_id", u64),
  nextDiagnosticId: required("next_diagnostic_id", u64),
  diagnostics: required(
    "diagnostics",
    list(
      struct<RuntimeDiagnostic>({
        id: required("id", u64),
        severity: required("severity", oneOf(["info", "warning", "error"])),
        code: required("code", text),
        message: required("message", text),
        workerRef: omittable("worker_ref", workerRef),
      }),
    ),
  ),
});

function recordOf(file: RuntimeFile): RuntimeRecord {
  const { runtimeId, displayName, status, limits, nextWorkerSequence, nextEventId, nextDiagnosticId, diagnostics } = file;
  return { runtimeId, displayName, status, limits, nextWorkerSequence, nextEventId, nextDiagnosticId, diagnostics };
}

function whyNotRuntime({ runtimeId, backend }: RuntimeFile, wanted: string): string | undefined {
  if (runtimeId !== wanted) return `runtime snapshot id ${runtimeId} does not match requested runtime ${wanted}`;
  return backend === "memory" ? "runtime snapshot backend is Memory" : undefined;
}
