import { MAX_U64 } from "@holdfast/bytes";
import type { StoragePrefix } from "@holdfast/storage";
import type { EventRecord, RuntimeRecord, WorkerRecord } from "../format/model.js";
import type { FindingList } from "./finding.js";
import { eventsKey, runtimeFileKey, transcriptKey, workerFileKey, workerPrefix, workersPrefix } from "./layout.js";
import type { ProjectionChanges } from "./prepare-projection.js";
import type { UsableWorker } from "./read-worker.js";
import type { RuntimeFiles, WorkerFiles } from "./read-runtime-files.js";
import type { WorkersReading } from "./read-workers.js";
import type { EventScan } from "./scan-events.js";

/** What was found in the files of a runtime. */
export interface FoundRuntime {
  readonly prefix: StoragePrefix;
  /** `runtime.json` as it stands. */
  readonly stored: RuntimeRecord;
  readonly events: EventScan;
  readonly workers: WorkersReading;
}

/**
 * What the files of a runtime mean together: counters beyond everything that was seen, what the counters prove to be lost, and what one
 * interrupted mutation left out. Pure but for the findings.
 */
export function recoverRuntime(found: FoundRuntime, findings: FindingList): Pick<RuntimeFiles, "runtime" | "workers" | "repairs"> {
  const restored = restoredEvents(found, findings);
  if (restored.length === 0) reportLostEvents(found, findings);
  reportMissingWorkers(found, findings);
  const workers = found.workers.usable.map((it) => recoverWorker(found.prefix, it, findings));
  const runtime = recoverCounters(found, findings);
  const repairs: ProjectionChanges = {
    runtime: runtime === found.stored ? undefined : runtime,
    workers: workers.filter(({ record }, index) => isIncomplete(record, found.workers.usable[index])).map(({ record }) => record),
    events: restored,
    entries: [],
    deletedWorkers: [],
  };
  return { runtime, workers, repairs };
}

/** The first event, if nothing has happened but a start that was interrupted before it was written. */
function restoredEvents({ prefix, stored, events, workers }: FoundRuntime, findings: FindingList): readonly EventRecord[] {
  const isFirstStart = events.count === 0 && stored.nextEventId === 2n && stored.status === "running" && workers.usable.length === 0 && workers.damaged.size === 0;
  if (!isFirstStart) return [];
  findings.add({ code: "event_restored", message: "event 1 was not written when the runtime was started for the first time", key: eventsKey(prefix) });
  return [{ id: 1n, kind: "runtime_started", message: "runtime started" }];
}

function reportLostEvents({ prefix, stored, events }: FoundRuntime, findings: FindingList): void {
  const [first, last] = [events.largestId + 1n, stored.nextEventId - 1n];
  if (last < first) return;
  const key = eventsKey(prefix);
  const range = rangeOf("event", first, last);
  if (events.tail === undefined) findings.add({ code: "file_missing", message: `events.jsonl is missing: ${range}`, key });
  else findings.add({ code: "lines_lost", message: `the counter is ahead of the file: ${range}`, key });
}

function reportMissingWorkers({ prefix, events, workers }: FoundRuntime, findings: FindingList): void {
  const there = new Set([...workers.usable.map(({ record }) => record.workerRef.workerId), ...workers.damaged.keys()]);
  for (const workerId of events.workerIds) {
    if (there.has(workerId)) continue;
    findings.add({ code: "worker_missing", message: `events name worker ${workerId}, which has no directory`, key: workersPrefix(prefix), workerId });
  }
}

function recoverWorker(prefix: StoragePrefix, { record, transcript }: UsableWorker, findings: FindingList): WorkerFiles {
  const { workerId } = record.workerRef;
  const directory = workerPrefix(prefix, workerId);
  const key = transcriptKey(directory);
  const [first, last] = [transcript.largestSequence + 1n, record.nextTranscriptSequence - 1n];
  const range = last < first ? "no entry is lost" : rangeOf("entry", first, last);
  if (transcript.tail === undefined) findings.add({ code: "file_missing", message: `transcript.jsonl is missing: ${range}`, key, workerId });
  else if (last >= first) findings.add({ code: "lines_lost", message: `the counter is ahead of the file: ${range}`, key, workerId });
  const nextTranscriptSequence = recoverCounter("next_transcript_sequence", record.nextTranscriptSequence, transcript.largestSequence, (message) => {
    findings.add({ code: "counter_behind", message, key: workerFileKey(directory), workerId });
  });
  const recovered = nextTranscriptSequence === record.nextTranscriptSequence ? record : { ...record, nextTranscriptSequence };
  return { record: recovered, transcriptLength: transcript.count, transcriptFault: transcript.foreign };
}

function isIncomplete(record: WorkerRecord, found: UsableWorker | undefined): boolean {
  return found !== undefined && (record !== found.record || found.transcript.tail === undefined);
}

function recoverCounters({ prefix, stored, events, workers }: FoundRuntime, findings: FindingList): RuntimeRecord {
  const report = (message: string): void => {
    findings.add({ code: "counter_behind", message, key: runtimeFileKey(prefix) });
  };
  const eventIds = workers.usable.flatMap(({ record, transcript }) => [record.lastEventId, transcript.largestEventId]);
  const workerIds = [...workers.usable.map(({ record }) => record.workerRef.workerId), ...workers.damaged.keys(), ...events.workerIds];
  const nextEventId = recoverCounter("next_event_id", stored.nextEventId, largest([events.largestId, ...eventIds]), report);
  const nextWorkerSequence = recoverCounter("next_worker_sequence", stored.nextWorkerSequence, largest(workerIds.map(numberOfWorker)), report);
  const nextDiagnosticId = recoverCounter("next_diagnostic_id", stored.nextDiagnosticId, largest(stored.diagnostics.map(({ id }) => id)), report);
  if (nextEventId === stored.nextEventId && nextWorkerSequence === stored.nextWorkerSequence && nextDiagnosticId === stored.nextDiagnosticId) return stored;
  return { ...stored, nextEventId, nextWorkerSequence, nextDiagnosticId };
}

/** The counter, or the number behind the largest that is taken. A counter that has no number left stays at its end. */
function recoverCounter(name: string, counter: bigint, largestTaken: bigint, report: (message: string) => void): bigint {
  if (largestTaken === MAX_U64) return MAX_U64;
  if (counter > largestTaken) return counter;
  report(`${name} is ${counter.toString()}, although ${largestTaken.toString()} is taken`);
  return largestTaken + 1n;
}

function largest(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (a > b ? a : b), 0n);
}

/** The number in an id such as `worker-0000001f`; 0 for another. */
function numberOfWorker(workerId: string): bigint {
  const digits = /^worker-((?:[0-9a-f]{8}|[1-9a-f][0-9a-f]{8,15}))$/.exec(workerId)?.[1];
  return digits === undefined ? 0n : BigInt(`0x${digits}`);
}

function rangeOf(what: "event" | "entry", first: bigint, last: bigint): string {
  if (first === last) return `${what} ${first.toString()} is lost`;
  return `${what === "event" ? "events" : "entries"} ${first.toString()} to ${last.toString()} are lost`;
}
