import type { StorageBackend } from "@holdfast/storage";
import { storagePrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import type { ProjectionChanges } from "../../src/files/prepare-projection.js";
import { writeEventLine } from "../../src/format/event-line.js";
import { idSegment } from "../../src/format/id-segment.js";
import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord } from "../../src/format/model.js";
import { writeRuntimeFile } from "../../src/format/runtime-file.js";
import { writeTranscriptLine } from "../../src/format/transcript-line.js";
import { writeWorkerFile } from "../../src/format/worker-file.js";

export const PREFIX: StoragePrefix = storagePrefix("runtimes/id-72");

/** A runtime as plain arrays, mutated like a store, which tells what each mutation changes and what every file has to be. */
export class ProjectedRuntime {
  runtime: RuntimeRecord = {
    runtimeId: "r",
    displayName: undefined,
    status: "running",
    limits: { maxTranscriptProjectionItems: 256n, maxEventBatchItems: 256n },
    nextWorkerSequence: 1n,
    nextEventId: 1n,
    nextDiagnosticId: 1n,
    diagnostics: [],
  };
  readonly workers = new Map<string, WorkerRecord>();
  readonly events: EventRecord[] = [];
  readonly transcripts = new Map<string, TranscriptRecord[]>();
  #events: EventRecord[] = [];
  #entries: TranscriptRecord[] = [];
  #changed = new Set<string>();
  #deleted: string[] = [];

  create(): void {
    const sequence = this.runtime.nextWorkerSequence;
    const workerId = `worker-${sequence.toString(16).padStart(8, "0")}`;
    this.runtime = { ...this.runtime, nextWorkerSequence: sequence + 1n };
    const request = { intent: { kind: "assistant" as const }, profile: { kind: "runtime_default" as const }, requestedCapabilities: [], workspaceRefs: [], mountRefs: [] };
    const lastEventId = this.event("worker_created", workerId);
    this.workers.set(workerId, { workerRef: { runtimeId: "r", workerId }, status: "running", request, nextTranscriptSequence: 1n, lastEventId });
    this.transcripts.set(workerId, []);
    this.#changed.add(workerId);
  }

  event(kind: string, workerId?: string): bigint {
    const id = this.runtime.nextEventId;
    const event = { id, ...(workerId !== undefined && { workerRef: { runtimeId: "r", workerId } }), kind, message: `event ${id.toString()}` };
    this.runtime = { ...this.runtime, nextEventId: id + 1n };
    this.events.push(event);
    this.#events.push(event);
    return id;
  }

  /** @param nth - Of the workers there are. */
  input(nth: number, content: string): void {
    const worker = this.#nth(nth);
    if (worker === undefined) return;
    const { workerId } = worker.workerRef;
    const eventId = this.event("worker_input_accepted", workerId);
    const entry = { sequence: worker.nextTranscriptSequence, workerRef: worker.workerRef, role: "user", content, eventId };
    this.workers.set(workerId, { ...worker, nextTranscriptSequence: entry.sequence + 1n, lastEventId: eventId });
    this.transcripts.get(workerId)?.push(entry);
    this.#entries.push(entry);
    this.#changed.add(workerId);
  }

  remove(nth: number): void {
    const workerId = this.#nth(nth)?.workerRef.workerId;
    if (workerId === undefined) return;
    this.workers.delete(workerId);
    this.transcripts.delete(workerId);
    this.#changed.delete(workerId);
    this.#entries = this.#entries.filter((it) => it.workerRef.workerId !== workerId);
    this.#deleted.push(workerId);
  }

  /** What has changed since this was asked for. */
  takeChanges(): ProjectionChanges {
    const workers = [...this.#changed].flatMap((workerId) => this.workers.get(workerId) ?? []);
    const changes = { runtime: this.runtime, workers, events: this.#events, entries: this.#entries, deletedWorkers: this.#deleted };
    [this.#events, this.#entries, this.#deleted, this.#changed] = [[], [], [], new Set()];
    return changes;
  }

  /** Every file that there has to be, and its text. */
  files(): ReadonlyMap<string, string> {
    const text = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString();
    const files = new Map([
      [`${PREFIX}runtime.json`, text([writeRuntimeFile(this.runtime)])],
      [`${PREFIX}events.jsonl`, text(this.events.map(writeEventLine))],
    ]);
    for (const [workerId, worker] of this.workers) {
      const directory = `${PREFIX}workers/${idSegment(workerId)}`;
      files.set(`${directory}/worker.json`, text([writeWorkerFile(worker)]));
      files.set(`${directory}/transcript.jsonl`, text((this.transcripts.get(workerId) ?? []).map(writeTranscriptLine)));
    }
    return files;
  }

  #nth(nth: number): WorkerRecord | undefined {
    return [...this.workers.values()][nth % Math.max(1, this.workers.size)];
  }
}

/** Every file below the runtime's directory. */
export async function filesIn(storage: StorageBackend): Promise<ReadonlyMap<string, string>> {
  const files = new Map<StorageKey, string>();
  for await (const { key } of storage.list(PREFIX)) files.set(key, Buffer.from((await storage.read(key)) ?? []).toString());
  return files;
}
