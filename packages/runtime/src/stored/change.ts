import { ByteReader, ByteWriter } from "@holdfast/bytes";
import type { FileMark } from "../files/file-mark.js";
import type { EventRecord, RuntimeDiagnostic, RuntimeRecord, TranscriptRecord, WorkerRecord, WorkerStatus } from "../format/model.js";
import {
  MalformedError,
  oneOf,
  readDiagnostic,
  readEntry,
  readEvent,
  readList,
  readOptional,
  readText,
  readWorker,
  RUNTIME_STATUSES,
  WORKER_STATUSES,
  writeDiagnostic,
  writeEntry,
  writeEvent,
  writeList,
  writeOptional,
  writeText,
  writeWorker,
} from "./fields.js";

/** A file of the projection, by its path below the runtime's directory; without a mark it is gone. */
export interface ChangedFile {
  readonly path: string;
  readonly mark: FileMark | undefined;
}

/** One thing that a mutation does. A mutation is one or several, stored as one record of the journal. */
export type Change =
  /** The runtime begins. The first change of every journal. `isProjected`: it has files behind the journal. */
  | { readonly type: "started"; readonly runtime: RuntimeRecord; readonly isProjected: boolean }
  | { readonly type: "event"; readonly event: EventRecord }
  | { readonly type: "entry"; readonly entry: TranscriptRecord }
  | { readonly type: "worker"; readonly worker: WorkerRecord }
  | { readonly type: "status"; readonly workerId: string; readonly status: WorkerStatus }
  | { readonly type: "diagnostic"; readonly diagnostic: RuntimeDiagnostic }
  /** The runtime stops, and every worker that runs with it. */
  | { readonly type: "stopped" }
  /** Events below are forgotten. */
  | { readonly type: "trimmed"; readonly before: bigint }
  | { readonly type: "deleted"; readonly workerId: string }
  /** A snapshot through this record of the journal is there. */
  | { readonly type: "sealed"; readonly seq: number }
  /** Everything was replaced by what the snapshot through this record has: a replay from an older one must not go past it. */
  | { readonly type: "imported"; readonly seq: number }
  /** Everything before this record is being written to the files. */
  | { readonly type: "projecting" }
  /** `events.jsonl` is being written anew without what was trimmed, and will have this mark. */
  | { readonly type: "rewriting"; readonly mark: FileMark }
  /** What was being written is written. */
  | { readonly type: "projected"; readonly files: readonly ChangedFile[] };

const TYPES = ["started", "event", "entry", "worker", "status", "diagnostic", "stopped", "trimmed", "deleted", "sealed", "imported", "projecting", "rewriting", "projected"] as const;

/** The first byte of a record. */
const RECORD_VERSION = 1;

/** A mutation as a record of the journal. @throws BytesError for a text with half a character. */
export function encodeMutation(changes: readonly Change[], runtimeId: string): Uint8Array {
  const writer = new ByteWriter({ maxBytes: 2 ** 32 });
  writer.u8(RECORD_VERSION);
  writeList(writer, changes, (_, change) => {
    writer.u8(TYPES.indexOf(change.type));
    writeChange(writer, change, runtimeId);
  });
  return writer.finish();
}

/** @throws MalformedError, BytesError. */
export function decodeMutation(bytes: Uint8Array, runtimeId: string): readonly Change[] {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== RECORD_VERSION) throw new MalformedError(`version ${version} of a record`);
  const changes = readList(reader, 1, () => readChange(reader, runtimeId));
  if (reader.remaining > 0) throw new MalformedError("bytes behind the last change");
  return changes;
}

/** The runtime itself: no worker, no event. @throws BytesError for a text with half a character. */
export function writeRuntime(writer: ByteWriter, runtime: RuntimeRecord): void {
  writeText(writer, runtime.runtimeId);
  writeOptional(writer, runtime.displayName, writeText);
  writer.u8(RUNTIME_STATUSES.indexOf(runtime.status));
  writer.u64(runtime.limits.maxTranscriptProjectionItems);
  writer.u64(runtime.limits.maxEventBatchItems);
  writer.u64(runtime.nextWorkerSequence);
  writer.u64(runtime.nextEventId);
  writer.u64(runtime.nextDiagnosticId);
  writeList(writer, runtime.diagnostics, (_, diagnostic) => {
    writeDiagnostic(writer, diagnostic, runtime.runtimeId);
  });
}

/** The inverse of {@link writeRuntime}. @throws MalformedError, BytesError. */
export function readRuntime(reader: ByteReader): RuntimeRecord {
  const runtimeId = readText(reader);
  const displayName = readOptional(reader, readText);
  const status = oneOf(reader.u8(), RUNTIME_STATUSES, "status of a runtime");
  const limits = { maxTranscriptProjectionItems: reader.u64(), maxEventBatchItems: reader.u64() };
  const nextWorkerSequence = reader.u64();
  const nextEventId = reader.u64();
  const nextDiagnosticId = reader.u64();
  const diagnostics = readList(reader, 18, () => readDiagnostic(reader, runtimeId));
  return { runtimeId, displayName, status, limits, nextWorkerSequence, nextEventId, nextDiagnosticId, diagnostics };
}

function writeMark(writer: ByteWriter, { bytes, crc32c }: FileMark): void {
  writer.u64(bytes);
  writer.u32(crc32c);
}

function readMark(reader: ByteReader): FileMark {
  return { bytes: reader.u64Safe(), crc32c: reader.u32() };
}

/** A file of the projection. @throws BytesError for a path with half a character. */
export function writeFile(writer: ByteWriter, { path, mark }: ChangedFile): void {
  writeText(writer, path);
  writeOptional(writer, mark, writeMark);
}

/** The inverse of {@link writeFile}. @throws MalformedError, BytesError. */
export function readFile(reader: ByteReader): ChangedFile {
  return { path: readText(reader), mark: readOptional(reader, readMark) };
}

function writeChange(writer: ByteWriter, change: Change, runtimeId: string): void {
  switch (change.type) {
    case "started":
      writeRuntime(writer, change.runtime);
      writer.u8(change.isProjected ? 1 : 0);
      return;
    case "event":
      writeEvent(writer, change.event, runtimeId);
      return;
    case "entry":
      writeText(writer, change.entry.workerRef.workerId);
      writeEntry(writer, change.entry);
      return;
    case "worker":
      writeWorker(writer, change.worker);
      return;
    case "status":
      writeText(writer, change.workerId);
      writer.u8(WORKER_STATUSES.indexOf(change.status));
      return;
    case "diagnostic":
      writeDiagnostic(writer, change.diagnostic, runtimeId);
      return;
    case "stopped":
    case "projecting":
      return;
    case "trimmed":
      writer.u64(change.before);
      return;
    case "deleted":
      writeText(writer, change.workerId);
      return;
    case "sealed":
    case "imported":
      writer.u64(change.seq);
      return;
    case "rewriting":
      writeMark(writer, change.mark);
      return;
    case "projected":
      writeList(writer, change.files, writeFile);
  }
}

function readChange(reader: ByteReader, runtimeId: string): Change {
  const type = oneOf(reader.u8(), TYPES, "change");
  switch (type) {
    case "started":
      return { type, runtime: readRuntime(reader), isProjected: oneOf(reader.u8(), [false, true], "answer") };
    case "event":
      return { type, event: readEvent(reader, runtimeId) };
    case "entry":
      return { type, entry: readEntry(reader, { runtimeId, workerId: readText(reader) }) };
    case "worker":
      return { type, worker: readWorker(reader, runtimeId) };
    case "status":
      return { type, workerId: readText(reader), status: oneOf(reader.u8(), WORKER_STATUSES, "status of a worker") };
    case "diagnostic":
      return { type, diagnostic: readDiagnostic(reader, runtimeId) };
    case "stopped":
    case "projecting":
      return { type };
    case "trimmed":
      return { type, before: reader.u64() };
    case "deleted":
      return { type, workerId: readText(reader) };
    case "sealed":
    case "imported":
      return { type, seq: reader.u64Safe() };
    case "rewriting":
      return { type, mark: readMark(reader) };
    case "projected":
      return { type, files: readList(reader, 5, readFile) };
  }
}
