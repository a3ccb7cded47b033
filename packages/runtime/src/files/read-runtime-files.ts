import { hasCode, type StorageBackend, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord } from "../format/model.js";
import { readRuntimeFile } from "../format/runtime-file.js";
import type { DirectoryAccess } from "./directory-access.js";
import { markOf, type FileMark, type FileMarks } from "./file-mark.js";
import { corruptMessage, FindingList, missingMessage, type RuntimeFinding } from "./finding.js";
import { eventsKey, runtimeFileKey, transcriptKey, workerFileKey, workerPrefix, workersPrefix } from "./layout.js";
import type { ProjectionChanges } from "./prepare-projection.js";
import type { LineSource } from "./read-lines.js";
import { readWorkers, type WorkersReading } from "./read-workers.js";
import { recoverRuntime } from "./recover-runtime.js";
import { needsRepair, repairedMark, type FoundTail } from "./repair-tails.js";
import { eventsInOrder, scanEvents, type EventScan } from "./scan-events.js";
import { transcriptEntries } from "./scan-transcript.js";

/** Options of {@link readRuntimeFiles}. */
export interface ReadRuntimeFilesOptions {
  readonly storage: StorageBackend;
  /** The directory of the runtime. */
  readonly prefix: StoragePrefix;
  readonly runtimeId: string;
  /** Where the storage is a local directory: tells of names that no key can have. */
  readonly directories?: DirectoryAccess | undefined;
  /** A longer line counts as damaged: bytes. Default 64 MiB. */
  readonly maxLineBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A runtime as its files tell it. */
export interface RuntimeFiles {
  /** `runtime.json`, with every counter beyond what was seen anywhere. */
  readonly runtime: RuntimeRecord;
  /** Ascending by the UTF-8 bytes of their ids. */
  readonly workers: readonly WorkerFiles[];
  /** Workers that cannot be used, by their ids, which are taken all the same; the finding says why. */
  readonly damagedWorkers: ReadonlyMap<string, RuntimeFinding>;
  readonly findings: readonly RuntimeFinding[];
  /** Ends of files that are not the end of a line: for `repairTails`, before anything is appended. */
  readonly tails: readonly FoundTail[];
  /** Of the files, once their ends are repaired. */
  readonly marks: FileMarks;
  /** What the files do not have yet and should: what an interrupted mutation left out, and counters that were behind. */
  readonly repairs: ProjectionChanges;
  readonly eventCount: number;
  /** All events, ascending by id. Read anew each time, in bounded memory. */
  events(): AsyncIterable<EventRecord>;
  /** The entries of a worker of {@link RuntimeFiles.workers}, in the order of its file. Read anew each time, in bounded memory. */
  transcript(workerId: string): AsyncIterable<TranscriptRecord>;
}

/** A worker as its files tell it. */
export interface WorkerFiles {
  readonly record: WorkerRecord;
  /** Entries of its transcript. */
  readonly transcriptLength: number;
  /** Why its transcript cannot be used, if it cannot. */
  readonly transcriptFault: RuntimeFinding | undefined;
}

/** Why a runtime's files cannot be used at all. */
export interface RuntimeFilesRefusal {
  readonly reason: "corrupt" | "missing" | "newer_version";
  /** In the words of yoi. */
  readonly message: string;
  readonly key: StorageKey | StoragePrefix;
  readonly offset?: number | undefined;
}

/** What {@link readRuntimeFiles} answers: nothing is there, or nothing but what an interrupted first start leaves; a runtime; or why not. */
export type RuntimeFilesReading =
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly refusal: RuntimeFilesRefusal }
  | { readonly kind: "read"; readonly files: RuntimeFiles };

/**
 * Reads the directory of a runtime that yoi or this package wrote, in memory for its workers, one line, and what is out of order. Nothing is
 * changed. Damage hits its own line, transcript or worker; only a `runtime.json` that cannot be used is refused.
 *
 * @throws Errors of the storage.
 */
export async function readRuntimeFiles(options: ReadRuntimeFilesOptions): Promise<RuntimeFilesReading> {
  const { storage, prefix, runtimeId, directories, signal, maxLineBytes = 64 * 1024 * 1024 } = options;
  const key = runtimeFileKey(prefix);
  const bytes = await readFirst(storage, key, signal);
  if (bytes === "no directory") return refused("corrupt", prefix, corruptMessage("open runtime store", withoutSlash(prefix), "runtime path exists but is not a directory"));
  if (bytes === undefined) return (await isEmpty(options)) ? { kind: "absent" } : refused("missing", key, missingMessage("read runtime snapshot", key));
  const { value: stored, fault } = readRuntimeFile(bytes, runtimeId);
  if (fault !== undefined) return refused(fault.newerVersion ? "newer_version" : "corrupt", key, corruptMessage("read runtime snapshot", key, fault.message), fault.offset);

  const findings = new FindingList();
  const source: LineSource = { storage, key: eventsKey(prefix), maxLineBytes, signal };
  const events = await scanEvents(source, runtimeId, findings);
  const workers = await readWorkers(prefix, { storage, runtimeId, maxLineBytes, signal, directories });
  for (const finding of workers.findings) findings.add(finding);
  const recovered = recoverRuntime({ prefix, stored, events, workers }, findings);
  const files: RuntimeFiles = {
    ...recovered,
    damagedWorkers: workers.damaged,
    findings: findings.all(),
    tails: tailsOf(events, workers).filter(needsRepair),
    marks: marksOf(prefix, markOf(bytes), events, workers),
    eventCount: events.count + recovered.repairs.events.length,
    async *events() {
      yield* recovered.repairs.events;
      yield* eventsInOrder(source, events.stragglers);
    },
    transcript: (workerId) => transcriptEntries({ ...source, key: transcriptKey(workerPrefix(prefix, workerId)) }),
  };
  return { kind: "read", files };
}

function refused(reason: RuntimeFilesRefusal["reason"], key: RuntimeFilesRefusal["key"], message: string, offset?: number): RuntimeFilesReading {
  return { kind: "refused", refusal: { reason, message, key, offset } };
}

/** The file that is read first finds out whether there is a directory at all. */
async function readFirst(storage: StorageBackend, key: StorageKey, signal: AbortSignal | undefined): Promise<Uint8Array | "no directory" | undefined> {
  try {
    return await storage.read(key, { signal });
  } catch (error) {
    if (hasCode(error, "STORAGE_UNSAFE_PATH")) return "no directory";
    throw error;
  }
}

/** Whether there are no files beside `runtime.json`: then nothing is lost by beginning anew. */
async function isEmpty({ storage, prefix, signal }: ReadRuntimeFilesOptions): Promise<boolean> {
  const events = await storage.stat(eventsKey(prefix), { signal });
  if (events !== undefined && events.size > 0) return false;
  const first = await storage.list(workersPrefix(prefix), { limit: 1, signal })[Symbol.asyncIterator]().next();
  return first.done === true;
}

function tailsOf(events: EventScan, { usable }: WorkersReading): readonly FoundTail[] {
  return [events, ...usable.map(({ transcript }) => transcript)].flatMap(({ tail }) => tail ?? []);
}

function marksOf(prefix: StoragePrefix, runtime: FileMark, events: EventScan, workers: WorkersReading): FileMarks {
  const marks = new Map<StorageKey, FileMark>([[runtimeFileKey(prefix), runtime]]);
  for (const { record, mark } of workers.usable) marks.set(workerFileKey(workerPrefix(prefix, record.workerRef.workerId)), mark);
  for (const tail of tailsOf(events, workers)) marks.set(tail.key, repairedMark(tail));
  return marks;
}

function withoutSlash(prefix: StoragePrefix): string {
  return prefix.replace(/\/$/, "");
}
