import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";
import { isHoldfastError } from "@holdfast/storage";
import type { SnapshotName } from "../layout.js";
import { ProjectionState } from "../state/projection-state.js";
import { RuntimeState, type EventPageRef, type PageRef, type TranscriptRange, type WorkerDamage, type WorkerState } from "../state/runtime-state.js";
import { readFile, readRuntime, writeFile, writeRuntime } from "./change.js";
import { MalformedError, oneOf, readList, readOptional, readText, readWorker, writeList, writeOptional, writeText, writeWorker } from "./fields.js";

/*
 * A snapshot is what a runtime is without its events and transcripts, which are in pages that it names.
 *
 *   0  8  magic "HFRTSTAT"
 *   8  2  version: 1
 *  10  6  0
 *  16  8  record of the journal, as in the name
 *  24  8  number, as in the name
 *  32 16  log id of the journal
 *  48  …  the runtime, the floor of events, the numbers of the next pages, pages, workers, damaged workers, the projection
 *  end−4  crc of everything before it
 */

const MAGIC = "HFRTSTAT";
const FORMAT_VERSION = 1;
const FIXED_BYTES = 52;
const DAMAGE_CODES: readonly WorkerDamage["code"][] = ["RUNTIME_WRONG_RUNTIME", "RUNTIME_WORKER_DAMAGED"];

/** @param state - With nothing in memory: its events and transcripts are in pages. */
export function encodeSnapshot({ seq, number }: SnapshotName, logId: string, state: RuntimeState): Uint8Array {
  const writer = new ByteWriter({ maxBytes: 2 ** 32, initialBytes: 64 * 1024 });
  writer.utf8(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.zeros(6);
  writer.u64(seq);
  writer.u64(number);
  writer.bytes(Buffer.from(logId, "hex"));
  writeRuntime(writer, state.record);
  writer.u64(state.eventFloor);
  writer.u64(state.nextPages.events);
  writer.u64(state.nextPages.transcripts);
  writeList(writer, state.eventPages, writeEventPage);
  writeList(writer, [...state.transcriptPages.values()], writePage);
  writeList(writer, [...state.workers.values()], writeWorkerState);
  writeList(writer, [...state.damaged], writeDamage);
  writeOptional(writer, state.projection, writeProjection);
  writer.u32(crc32c(writer.written));
  return writer.finish();
}

/** What a snapshot was found to be. */
export type DecodedSnapshot =
  | { readonly state: RuntimeState; readonly logId: string }
  | { readonly problem: "damaged" | "unsupported"; readonly reason: string };

/** Decodes a snapshot. Never throws for what the bytes are. */
export function decodeSnapshot(name: SnapshotName, bytes: Uint8Array, maxDiagnostics: number): DecodedSnapshot {
  if (bytes.length < FIXED_BYTES) return damaged(`it has only ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  if (Buffer.from(reader.bytes(8)).toString("latin1") !== MAGIC) return damaged("it begins with other bytes");
  const version = reader.u16();
  if (new ByteReader(bytes, bytes.length - 4).u32() !== crc32c(bytes.subarray(0, -4))) return damaged("its checksum does not match");
  if (version !== FORMAT_VERSION) return { problem: "unsupported", reason: `version ${version}` };
  reader.skip(6);
  try {
    return decodeState(name, reader, maxDiagnostics);
  } catch (error) {
    if (!isHoldfastError(error) && !(error instanceof MalformedError)) throw error;
    return damaged(error.message);
  }
}

function decodeState(name: SnapshotName, reader: ByteReader, maxDiagnostics: number): DecodedSnapshot {
  if (reader.u64Safe() !== name.seq || reader.u64Safe() !== name.number) return damaged("it is another snapshot than its name says");
  const logId = Buffer.from(reader.bytes(16)).toString("hex");
  const state = new RuntimeState(readRuntime(reader), maxDiagnostics);
  state.eventFloor = reader.u64();
  state.nextPages = { events: reader.u64Safe(), transcripts: reader.u64Safe() };
  state.eventPages = readList(reader, 48, readEventPage);
  state.transcriptPages = new Map(readList(reader, 32, readPage).map((page) => [page.number, page]));
  for (const worker of readList(reader, 30, () => readWorkerState(reader, state.runtimeId))) state.addWorker(worker);
  for (const [workerId, damage] of readList(reader, 9, readDamage)) state.damaged.set(workerId, damage);
  state.projection = readOptional(reader, readProjection);
  if (reader.remaining !== 4) throw new MalformedError("bytes behind the state");
  state.seq = name.seq;
  return { state, logId };
}

function damaged(reason: string): DecodedSnapshot {
  return { problem: "damaged", reason };
}

function writePage(writer: ByteWriter, page: PageRef): void {
  writer.u64(page.number);
  writer.u64(page.bytes);
  writer.u64(page.indexOffset);
  writer.u64(page.count);
}

function readPage(reader: ByteReader): PageRef {
  return { number: reader.u64Safe(), bytes: reader.u64Safe(), indexOffset: reader.u64Safe(), count: reader.u64Safe() };
}

function writeEventPage(writer: ByteWriter, page: EventPageRef): void {
  writePage(writer, page);
  writer.u64(page.firstId);
  writer.u64(page.lastId);
}

function readEventPage(reader: ByteReader): EventPageRef {
  return { ...readPage(reader), firstId: reader.u64(), lastId: reader.u64() };
}

function writeWorkerState(writer: ByteWriter, worker: WorkerState): void {
  writeWorker(writer, worker.record);
  writeList(writer, worker.ranges, (_, range) => {
    writer.u64(range.page);
    writer.u64(range.firstPosition);
    writer.u64(range.count);
    writer.u32(range.firstBlock);
    writer.u32(range.blockCount);
  });
}

function readWorkerState(reader: ByteReader, runtimeId: string): WorkerState {
  const record = readWorker(reader, runtimeId);
  const ranges = readList(reader, 32, readRange);
  const last = ranges.at(-1);
  return { record, ranges, tail: [], pagedLength: last === undefined ? 0 : last.firstPosition + last.count };
}

function readRange(reader: ByteReader): TranscriptRange {
  return { page: reader.u64Safe(), firstPosition: reader.u64Safe(), count: reader.u64Safe(), firstBlock: reader.u32(), blockCount: reader.u32() };
}

function writeDamage(writer: ByteWriter, [workerId, { code, message }]: readonly [string, WorkerDamage]): void {
  writeText(writer, workerId);
  writer.u8(DAMAGE_CODES.indexOf(code));
  writeText(writer, message);
}

function readDamage(reader: ByteReader): readonly [string, WorkerDamage] {
  return [readText(reader), { code: oneOf(reader.u8(), DAMAGE_CODES, "kind of damage"), message: readText(reader) }];
}

/** Nothing is on its way to the files where a snapshot is made. */
function writeProjection(writer: ByteWriter, projection: ProjectionState): void {
  writer.u8(projection.isTrimmed ? 1 : 0);
  writeList(writer, [...projection.files].map(([path, mark]) => ({ path, mark })), writeFile);
}

function readProjection(reader: ByteReader): ProjectionState {
  const projection = new ProjectionState();
  projection.isTrimmed = oneOf(reader.u8(), [false, true], "answer");
  projection.setFiles(readList(reader, 5, readFile));
  return projection;
}
