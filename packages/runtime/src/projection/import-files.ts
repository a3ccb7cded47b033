import type { AppendableStorage, StorageKey } from "@holdfast/storage";
import type { Log } from "@holdfast/wal";
import { RuntimeError } from "../errors.js";
import { applyProjection } from "../files/apply-projection.js";
import { markOf, markWith, type FileMark, type FileMarks } from "../files/file-mark.js";
import type { RuntimeFinding } from "../files/finding.js";
import { changedFiles } from "../files/inspect-projection.js";
import { prepareProjection } from "../files/prepare-projection.js";
import { readRuntimeFiles, type RuntimeFiles, type RuntimeFilesRefusal } from "../files/read-runtime-files.js";
import { repairTails } from "../files/repair-tails.js";
import { snapshotKey } from "../layout.js";
import { listSnapshots, type LoadedRuntime } from "../load.js";
import type { RuntimeSettings } from "../options.js";
import { EventPageWriter } from "../pages/event-pages.js";
import { NewPages } from "../pages/new-pages.js";
import { listPages } from "../pages/page-numbers.js";
import { TranscriptPageWriter } from "../pages/transcript-page-writer.js";
import { ProjectionState } from "../state/projection-state.js";
import { RuntimeState, type PageNumbers, type WorkerDamage } from "../state/runtime-state.js";
import { encodeMutation, type Change } from "../stored/change.js";
import { encodeSnapshot } from "../stored/snapshot.js";
import { pathMarks } from "./marks.js";
import type { ProjectionPlace } from "./projector.js";

/** What an import needs. */
export interface ImportParts {
  readonly place: ProjectionPlace;
  readonly appendable: AppendableStorage;
  readonly log: Log;
  readonly settings: RuntimeSettings;
}

/** What an import made. */
export interface Imported {
  readonly loaded: LoadedRuntime;
  /** What is not as it should be in the files. */
  readonly findings: readonly RuntimeFinding[];
}

/** Should one copy of the snapshot be damaged, the other has what nothing else has but the files. */
const COPIES = 2;

/**
 * Takes a runtime over from its files: into pages, and a snapshot that names them. The files are changed only where they must be before
 * anything can be appended: torn lines go, ends of lines come, and what one interrupted mutation left out.
 *
 * @param before - The runtime as the journal has it: what was trimmed stays so, though it may still be in the file, and no page gets a number twice.
 * @returns `undefined` if there are no files.
 * @throws RUNTIME_CORRUPT, RUNTIME_MISSING, RUNTIME_UNSUPPORTED_VERSION for files that cannot be used at all; errors of the storage and of the log.
 */
export async function importFiles(parts: ImportParts, before?: Pick<RuntimeState, "eventFloor" | "nextPages">): Promise<Imported | undefined> {
  const { place, appendable, log, settings } = parts;
  const { storage, prefix } = place;
  const { runtimeId } = settings.runtime;
  const reading = await readRuntimeFiles({ storage, prefix, runtimeId, directories: place.directories });
  if (reading.kind === "absent") return undefined;
  if (reading.kind === "refused") throw refusal(reading.refusal);
  const { files } = reading;
  await repairTails(appendable, files.tails);
  const repairs = prepareProjection(prefix, files.marks, files.repairs);
  await applyProjection(repairs, place);
  // The snapshot is that of a record which no older snapshot can be of.
  const first: readonly Change[] = log.nextSeq === 1 ? [{ type: "started", runtime: files.runtime, isProjected: true }] : [];
  const seq = await log.append(encodeMutation(first, runtimeId));
  const { eventFloor = 0n, nextPages = { events: 1, transcripts: 1 } } = before ?? {};
  const state = await pagedFiles(parts, files, nextPages);
  state.seq = seq;
  state.eventFloor = eventFloor;
  state.projection = new ProjectionState();
  state.projection.replaceFiles(pathMarks(prefix, await allMarks(place, repairs.after)));
  state.projection.isTrimmed = eventFloor > 0n;
  await writeSnapshots(parts, state);
  const imported: readonly Change[] = [{ type: "imported", seq }];
  state.apply(imported, await log.append(encodeMutation(imported, runtimeId)));
  const snapshots = await listSnapshots(storage, settings.prefix);
  return { loaded: { state, logId: log.logId, replay: { mutations: 0, bytes: 0 }, snapshots, skipped: [] }, findings: files.findings };
}

/** The state that the files tell, with its events and transcripts in pages. */
async function pagedFiles({ place, log, settings }: ImportParts, files: RuntimeFiles, nextPages: PageNumbers): Promise<RuntimeState> {
  const { storage } = place;
  const { prefix, maxDiagnostics } = settings;
  const { next } = await listPages(storage, prefix, nextPages);
  const made = new NewPages({ storage, logId: log.logId ?? "", settings }, next);
  const state = new RuntimeState(files.runtime, maxDiagnostics);
  const events = new EventPageWriter(made, state.runtimeId);
  for await (const event of files.events()) {
    if (events.mustWait(event)) await events.wait(event);
    events.add(event);
  }
  state.eventPages = await events.end();
  const transcripts = new TranscriptPageWriter(made);
  for (const { record, transcriptFault } of files.workers) {
    const { workerId } = record.workerRef;
    if (transcriptFault !== undefined) {
      state.damaged.set(workerId, damageOf(transcriptFault));
      continue;
    }
    const ranges = await transcripts.add(files.transcript(workerId));
    const last = ranges.at(-1);
    state.addWorker({ record, ranges, tail: [], pagedLength: last === undefined ? 0 : last.firstPosition + last.count });
  }
  state.transcriptPages = await transcripts.end();
  state.nextPages = made.next;
  for (const [workerId, finding] of files.damagedWorkers) state.damaged.set(workerId, damageOf(finding));
  return state;
}

async function writeSnapshots({ place, log, settings }: ImportParts, state: RuntimeState): Promise<void> {
  const known = await listSnapshots(place.storage, settings.prefix);
  const first = Math.max(0, ...known.map(({ number }) => number)) + 1;
  for (let number = first; number < first + COPIES; number++) {
    const name = { seq: state.seq, number };
    await place.storage.create(snapshotKey(settings.prefix, name), encodeSnapshot(name, log.logId ?? "", state));
  }
}

/** With those of files that cannot be used: they are left alone, and must not look as if somebody had changed them. */
async function allMarks({ storage, prefix, known }: ProjectionPlace, good: FileMarks): Promise<FileMarks> {
  const marks = new Map(good);
  for (const key of await changedFiles(storage, prefix, good, { known })) marks.set(key, await markOfFile(storage, key));
  return marks;
}

async function markOfFile(storage: ProjectionPlace["storage"], key: StorageKey): Promise<FileMark> {
  let mark = markOf(new Uint8Array(0));
  for await (const piece of (await storage.stream(key)) ?? []) mark = markWith(mark, piece);
  return mark;
}

function damageOf({ code, message }: RuntimeFinding): WorkerDamage {
  // The original has an error of its own for entries of another runtime.
  return { code: code === "transcript_wrong_runtime" ? "RUNTIME_WRONG_RUNTIME" : "RUNTIME_WORKER_DAMAGED", message };
}

const REFUSALS = { corrupt: "RUNTIME_CORRUPT", missing: "RUNTIME_MISSING", newer_version: "RUNTIME_UNSUPPORTED_VERSION" } as const;

function refusal({ reason, message, key, offset }: RuntimeFilesRefusal): RuntimeError {
  return new RuntimeError(REFUSALS[reason], message, { operation: "openRuntimeDirectory", key, offset });
}
