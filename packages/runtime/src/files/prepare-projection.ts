import type { StorageKey, StoragePrefix } from "@holdfast/storage";
import { EVENT_START, writeEventLine } from "../format/event-line.js";
import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord } from "../format/model.js";
import { writeRuntimeFile } from "../format/runtime-file.js";
import { TRANSCRIPT_START, writeTranscriptLine } from "../format/transcript-line.js";
import { writeWorkerFile } from "../format/worker-file.js";
import { markOf, markWith, type FileMark, type FileMarks } from "./file-mark.js";
import { eventsKey, runtimeFileKey, transcriptKey, workerFileKey, workerPrefix } from "./layout.js";

/** What some mutations changed, and the files do not have yet. */
export interface ProjectionChanges {
  /** As it is after all of them; `undefined` if it did not change. */
  readonly runtime: RuntimeRecord | undefined;
  /** New and changed workers, each once, as they are after all of them. A transcript is made for one that has none. */
  readonly workers: readonly WorkerRecord[];
  /** Ascending by id. */
  readonly events: readonly EventRecord[];
  /** In the order of each transcript. Not of deleted workers. */
  readonly entries: readonly TranscriptRecord[];
  readonly deletedWorkers: readonly string[];
}

/** One step of a batch, on one file. */
export type FileStep =
  | { readonly kind: "replace"; readonly key: StorageKey; readonly bytes: Uint8Array; readonly before: FileMark | undefined; readonly after: FileMark }
  /** `bytes`, lines that all begin with `start`, go behind the first `before.bytes`; what is behind those is cut off. */
  | { readonly kind: "append"; readonly key: StorageKey; readonly bytes: Uint8Array; readonly start: string; readonly before: FileMark | undefined; readonly after: FileMark }
  | { readonly kind: "remove"; readonly key: StorageKey; readonly before: FileMark | undefined; readonly after: undefined };

/** Steps that bring the files from one state to the next. */
export interface ProjectionBatch {
  /** In this order: that of yoi, in which a crash leaves counters ahead of what they count, and never behind. */
  readonly steps: readonly FileStep[];
  /** Directories that are empty afterwards. */
  readonly emptied: readonly StoragePrefix[];
  /** Of all files, before and after. */
  readonly before: FileMarks;
  readonly after: FileMarks;
}

/**
 * Renders what the files are to become. Pure, and the same for the same arguments: a store that has logged `before` and which mutations a
 * batch has can make it again after a crash, see what of it was written, and write the rest.
 *
 * @throws JsonError for an id, counter or text that a file cannot hold.
 */
export function prepareProjection(prefix: StoragePrefix, before: FileMarks, changes: ProjectionChanges): ProjectionBatch {
  const steps: FileStep[] = [];
  const after = new Map(before);
  const take = (step: FileStep): void => {
    steps.push(step);
    if (step.after === undefined) after.delete(step.key);
    else after.set(step.key, step.after);
  };
  if (changes.runtime !== undefined) take(replaceStep(runtimeFileKey(prefix), writeRuntimeFile(changes.runtime), before));
  const entries = linesByWorker(changes.entries);
  for (const worker of changes.workers) {
    const directory = workerPrefix(prefix, worker.workerRef.workerId);
    const transcript = transcriptKey(directory);
    take(replaceStep(workerFileKey(directory), writeWorkerFile(worker), before));
    // yoi refuses a worker without a transcript, and a runtime without events, however empty they are.
    if (!before.has(transcript) && !entries.has(worker.workerRef.workerId)) take(replaceStep(transcript, NOTHING, before));
  }
  if (changes.events.length > 0) take(appendStep(eventsKey(prefix), EVENT_START, changes.events.map(writeEventLine), before));
  else if (!before.has(eventsKey(prefix))) take(replaceStep(eventsKey(prefix), NOTHING, before));
  for (const [workerId, lines] of entries) take(appendStep(transcriptKey(workerPrefix(prefix, workerId)), TRANSCRIPT_START, lines, before));
  const emptied = changes.deletedWorkers.map((workerId) => workerPrefix(prefix, workerId));
  for (const directory of emptied) {
    for (const key of [workerFileKey(directory), transcriptKey(directory)]) take({ kind: "remove", key, before: before.get(key), after: undefined });
  }
  return { steps, emptied, before, after };
}

function replaceStep(key: StorageKey, bytes: Uint8Array, before: FileMarks): FileStep {
  return { kind: "replace", key, bytes, before: before.get(key), after: markOf(bytes) };
}

function appendStep(key: StorageKey, start: string, lines: readonly Uint8Array[], marks: FileMarks): FileStep {
  const before = marks.get(key);
  const bytes = joined(lines);
  return { kind: "append", key, bytes, start, before, after: markWith(before, bytes) };
}

const NOTHING = new Uint8Array(0);

function linesByWorker(entries: readonly TranscriptRecord[]): ReadonlyMap<string, readonly Uint8Array[]> {
  const lines = new Map<string, Uint8Array[]>();
  for (const entry of entries) {
    const { workerId } = entry.workerRef;
    const its = lines.get(workerId) ?? [];
    its.push(writeTranscriptLine(entry));
    lines.set(workerId, its);
  }
  return lines;
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(lines.reduce((length, line) => length + line.length, 0));
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return bytes;
}
