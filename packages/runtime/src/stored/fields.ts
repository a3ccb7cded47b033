import { decodeUtf8, encodeUtf8, type ByteReader, type ByteWriter } from "@holdfast/bytes";
import type {
  DiagnosticSeverity,
  EventRecord,
  NamedReference,
  RequestedCapability,
  RuntimeDiagnostic,
  RuntimeStatus,
  TranscriptRecord,
  WorkerIntent,
  WorkerProfile,
  WorkerRecord,
  WorkerRef,
  WorkerRequest,
  WorkerStatus,
} from "../format/model.js";

/*
 * How what a runtime is made of is stored, in the journal, in pages and in snapshots. Integers are unsigned and little endian; a text is
 * its length in bytes (4) and its UTF-8; what may be missing begins with 0 or 1 (1); a list is its length (4) and its items. FORMAT.md
 * has it all.
 */

/** What a reader of these bytes throws for those that are no value of theirs. */
export class MalformedError extends Error {}

/** The bound of what is decoded: a text is never longer than the bytes that hold it. */
export function writeText(writer: ByteWriter, text: string): void {
  const bytes = encodeUtf8(text);
  writer.u32(bytes.length);
  writer.bytes(bytes);
}

/** The inverse of {@link writeText}. @throws BytesError. */
export function readText(reader: ByteReader): string {
  return decodeUtf8(reader.bytes(reader.count(reader.u32(), 1)));
}

/** What may be missing. @param write - Writes it if it is there. */
export function writeOptional<T>(writer: ByteWriter, value: T | undefined, write: (writer: ByteWriter, value: T) => void): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) write(writer, value);
}

/** The inverse of {@link writeOptional}. @throws MalformedError, BytesError, and what `read` throws. */
export function readOptional<T>(reader: ByteReader, read: (reader: ByteReader) => T): T | undefined {
  return oneOf(reader.u8(), [false, true], "presence") ? read(reader) : undefined;
}

/** Items, in their order. @param write - Writes one of them. */
export function writeList<T>(writer: ByteWriter, items: readonly T[], write: (writer: ByteWriter, item: T) => void): void {
  writer.u32(items.length);
  for (const item of items) write(writer, item);
}

/**
 * The inverse of {@link writeList}.
 *
 * @param minItemBytes - An item has at least so many bytes: bounds how many there can be, so that a wrong length allocates nothing.
 * @throws BytesError, and what `read` throws.
 */
export function readList<T>(reader: ByteReader, minItemBytes: number, read: (reader: ByteReader) => T): T[] {
  const length = reader.count(reader.u32(), minItemBytes);
  const items: T[] = [];
  for (let index = 0; index < length; index++) items.push(read(reader));
  return items;
}

/** The value of a code, which is its place in `values`. */
export function oneOf<T>(code: number, values: readonly T[], what: string): T {
  const value = values[code];
  if (value === undefined) throw new MalformedError(`${String(code)} is no ${what}`);
  return value;
}

/** Every status of a runtime, at the place that is its code. */
export const RUNTIME_STATUSES: readonly RuntimeStatus[] = ["running", "stopped"];
/** Every status of a worker, at the place that is its code. */
export const WORKER_STATUSES: readonly WorkerStatus[] = ["running", "stopped", "cancelled"];
const SEVERITIES: readonly DiagnosticSeverity[] = ["info", "warning", "error"];

/** @param runtimeId - References to workers of this runtime are stored without it. */
export function writeEvent(writer: ByteWriter, event: EventRecord, runtimeId: string): void {
  writer.u64(event.id);
  writeRef(writer, event.workerRef, runtimeId);
  writeText(writer, event.kind);
  writeText(writer, event.message);
  writeOptional(writer, event.payloadJson, writeText);
}

/** The inverse of {@link writeEvent}. @throws MalformedError, BytesError. */
export function readEvent(reader: ByteReader, runtimeId: string): EventRecord {
  const id = reader.u64();
  const workerRef = readRef(reader, runtimeId);
  const kind = readText(reader);
  const message = readText(reader);
  const payloadJson = readOptional(reader, readText);
  return { id, ...(workerRef && { workerRef }), kind, message, ...(payloadJson !== undefined && { payloadJson }) };
}

/** Without its worker, which is known where it is stored. */
export function writeEntry(writer: ByteWriter, entry: TranscriptRecord): void {
  writer.u64(entry.sequence);
  writer.u64(entry.eventId);
  writeText(writer, entry.role);
  writeText(writer, entry.content);
  writeOptional(writer, entry.payloadJson, writeText);
}

/** The inverse of {@link writeEntry}. @param workerRef - Whose entry it is. @throws MalformedError, BytesError. */
export function readEntry(reader: ByteReader, workerRef: WorkerRef): TranscriptRecord {
  const sequence = reader.u64();
  const eventId = reader.u64();
  const role = readText(reader);
  const content = readText(reader);
  const payloadJson = readOptional(reader, readText);
  return { sequence, workerRef, role, content, eventId, ...(payloadJson !== undefined && { payloadJson }) };
}

/** @param runtimeId - References to workers of this runtime are stored without it. */
export function writeDiagnostic(writer: ByteWriter, diagnostic: RuntimeDiagnostic, runtimeId: string): void {
  writer.u64(diagnostic.id);
  writer.u8(SEVERITIES.indexOf(diagnostic.severity));
  writeRef(writer, diagnostic.workerRef, runtimeId);
  writeText(writer, diagnostic.code);
  writeText(writer, diagnostic.message);
}

/** The inverse of {@link writeDiagnostic}. @throws MalformedError, BytesError. */
export function readDiagnostic(reader: ByteReader, runtimeId: string): RuntimeDiagnostic {
  const id = reader.u64();
  const severity = oneOf(reader.u8(), SEVERITIES, "severity");
  const workerRef = readRef(reader, runtimeId);
  const code = readText(reader);
  const message = readText(reader);
  return { id, severity, code, message, ...(workerRef && { workerRef }) };
}

/** The runtime of a worker is the one that it is stored in. */
export function writeWorker(writer: ByteWriter, worker: WorkerRecord): void {
  writeText(writer, worker.workerRef.workerId);
  writer.u8(WORKER_STATUSES.indexOf(worker.status));
  writer.u64(worker.nextTranscriptSequence);
  writer.u64(worker.lastEventId);
  writeRequest(writer, worker.request);
}

/** The inverse of {@link writeWorker}. @throws MalformedError, BytesError. */
export function readWorker(reader: ByteReader, runtimeId: string): WorkerRecord {
  const workerRef = { runtimeId, workerId: readText(reader) };
  const status = oneOf(reader.u8(), WORKER_STATUSES, "status of a worker");
  const nextTranscriptSequence = reader.u64();
  const lastEventId = reader.u64();
  return { workerRef, status, request: readRequest(reader), nextTranscriptSequence, lastEventId };
}

function writeRef(writer: ByteWriter, ref: WorkerRef | undefined, runtimeId: string): void {
  if (ref === undefined) {
    writer.u8(0);
    return;
  }
  writer.u8(ref.runtimeId === runtimeId ? 1 : 2);
  if (ref.runtimeId !== runtimeId) writeText(writer, ref.runtimeId);
  writeText(writer, ref.workerId);
}

function readRef(reader: ByteReader, runtimeId: string): WorkerRef | undefined {
  const form = oneOf(reader.u8(), ["none", "own", "foreign"] as const, "reference");
  if (form === "none") return undefined;
  return { runtimeId: form === "own" ? runtimeId : readText(reader), workerId: readText(reader) };
}

function writeRequest(writer: ByteWriter, request: WorkerRequest): void {
  writeIntent(writer, request.intent);
  writeProfile(writer, request.profile);
  writeOptional(writer, request.configBundle?.id, writeText);
  writeList(writer, request.requestedCapabilities, writeCapability);
  writeList(writer, request.workspaceRefs, writeNamed);
  writeList(writer, request.mountRefs, writeNamed);
}

function readRequest(reader: ByteReader): WorkerRequest {
  const intent = readIntent(reader);
  const profile = readProfile(reader);
  const id = readOptional(reader, readText);
  const requestedCapabilities = readList(reader, 5, readCapability);
  const workspaceRefs = readList(reader, 8, readNamed);
  const mountRefs = readList(reader, 8, readNamed);
  return { intent, profile, ...(id !== undefined && { configBundle: { id } }), requestedCapabilities, workspaceRefs, mountRefs };
}

const INTENTS = ["assistant", "task", "role"] as const;
const PROFILES = ["runtime_default", "builtin", "named"] as const;

function writeIntent(writer: ByteWriter, intent: WorkerIntent): void {
  writer.u8(INTENTS.indexOf(intent.kind));
  if (intent.kind === "task") {
    writeText(writer, intent.objective);
    return;
  }
  if (intent.kind === "role") writeText(writer, intent.role);
  writeOptional(writer, intent.purpose, writeText);
}

function readIntent(reader: ByteReader): WorkerIntent {
  const kind = oneOf(reader.u8(), INTENTS, "intent");
  if (kind === "task") return { kind, objective: readText(reader) };
  if (kind === "assistant") return { kind, ...purpose(readOptional(reader, readText)) };
  const role = readText(reader);
  return { kind, role, ...purpose(readOptional(reader, readText)) };
}

function purpose(text: string | undefined): { readonly purpose?: string } {
  return text === undefined ? {} : { purpose: text };
}

function writeProfile(writer: ByteWriter, profile: WorkerProfile): void {
  writer.u8(PROFILES.indexOf(profile.kind));
  if (profile.kind !== "runtime_default") writeText(writer, profile.value);
}

function readProfile(reader: ByteReader): WorkerProfile {
  const kind = oneOf(reader.u8(), PROFILES, "profile");
  return kind === "runtime_default" ? { kind } : { kind, value: readText(reader) };
}

function writeCapability(writer: ByteWriter, { name, reason }: RequestedCapability): void {
  writeText(writer, name);
  writeOptional(writer, reason, writeText);
}

function readCapability(reader: ByteReader): RequestedCapability {
  const name = readText(reader);
  const reason = readOptional(reader, readText);
  return { name, ...(reason !== undefined && { reason }) };
}

function writeNamed(writer: ByteWriter, { name, reference }: NamedReference): void {
  writeText(writer, name);
  writeText(writer, reference);
}

function readNamed(reader: ByteReader): NamedReference {
  return { name: readText(reader), reference: readText(reader) };
}
