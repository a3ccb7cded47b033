import type { EventRecord, RuntimeDiagnostic, RuntimeRecord, TranscriptRecord, WorkerRecord, WorkerStatus } from "../format/model.js";
import type { Change } from "../stored/change.js";
import type { PageKind } from "../stored/page.js";
import type { ProjectionState } from "./projection-state.js";

/** Numbers that no page of a kind has had. */
export type PageNumbers = Readonly<Record<PageKind, number>>;

/** A page of events. */
export interface EventPageRef extends PageRef {
  readonly firstId: bigint;
  readonly lastId: bigint;
}

/** An immutable object that holds events, or entries of transcripts. */
export interface PageRef {
  readonly number: number;
  /** Bytes of all of it. */
  readonly bytes: number;
  /** Where its index begins, which goes to its end. */
  readonly indexOffset: number;
  /** Events or entries in it. */
  readonly count: number;
}

/** Entries of one worker in one page. */
export interface TranscriptRange {
  readonly page: number;
  readonly firstPosition: number;
  readonly count: number;
  /** Blocks of the page. */
  readonly firstBlock: number;
  readonly blockCount: number;
}

/** A worker, and where its transcript is: in pages first, then in memory. */
export interface WorkerState {
  record: WorkerRecord;
  /** Ascending by position, without a gap. */
  ranges: readonly TranscriptRange[];
  /** Behind the ranges. Another array when they move into pages. */
  tail: TranscriptRecord[];
  /** Positions in `ranges`. */
  pagedLength: number;
}

/** Why a worker's transcript cannot be read. */
export interface WorkerDamage {
  readonly code: "RUNTIME_WRONG_RUNTIME" | "RUNTIME_WORKER_DAMAGED";
  readonly message: string;
}

/** The durable state of a runtime: what every mutation so far has made of it. */
export class RuntimeState {
  readonly runtimeId: string;
  /** Without its diagnostics, which are `diagnostics`. */
  runtime: RuntimeRecord;
  diagnostics: RuntimeDiagnostic[];
  readonly workers: Map<string, WorkerState> = new Map<string, WorkerState>();
  /** Workers of a foreign directory whose files cannot be used. Their ids are taken. */
  readonly damaged: Map<string, WorkerDamage> = new Map<string, WorkerDamage>();
  /** Events below are forgotten. */
  eventFloor = 0n;
  /** Ascending by id. */
  eventPages: readonly EventPageRef[] = [];
  transcriptPages: ReadonlyMap<number, PageRef> = new Map<number, PageRef>();
  /** A number is used once, also when its page is gone: a removal whose answer was lost may still come. */
  nextPages: PageNumbers = { events: 1, transcripts: 1 };
  /** Events behind those in pages, ascending by id. Another array when they move into pages. */
  events: EventRecord[] = [];
  /** What of it is in files, where it has some. */
  projection: ProjectionState | undefined;
  /** Of the journal: the last record that is in here. */
  seq = 0;
  readonly #maxDiagnostics: number;
  #sorted: readonly WorkerState[] | undefined;

  constructor(runtime: RuntimeRecord, maxDiagnostics: number) {
    this.runtimeId = runtime.runtimeId;
    this.runtime = { ...runtime, diagnostics: [] };
    this.diagnostics = [...runtime.diagnostics];
    this.#maxDiagnostics = maxDiagnostics;
  }

  /** `runtime.json`, as it is now. */
  get record(): RuntimeRecord {
    return { ...this.runtime, diagnostics: [...this.diagnostics] };
  }

  /** Workers by the bytes of their ids. */
  get sortedWorkers(): readonly WorkerState[] {
    this.#sorted ??= [...this.workers.values()].sort((a, b) => compareUtf8(a.record.workerRef.workerId, b.record.workerRef.workerId));
    return this.#sorted;
  }

  addWorker(worker: WorkerState): void {
    this.workers.set(worker.record.workerRef.workerId, worker);
    this.#sorted = undefined;
  }

  /** Applies one mutation, the record `seq` of the journal. */
  apply(changes: readonly Change[], seq: number): void {
    for (const change of changes) {
      this.projection?.note(change, this);
      this.#apply(change);
    }
    this.seq = seq;
  }

  #apply(change: Change): void {
    switch (change.type) {
      case "started":
      case "sealed":
      case "imported":
      case "projecting":
      case "rewriting":
      case "projected":
        return;
      case "event":
        this.#addEvent(change.event);
        return;
      case "entry":
        this.#addEntry(change.entry);
        return;
      case "worker":
        this.#created(change.worker);
        return;
      case "status":
        this.#setStatus(change.workerId, change.status);
        return;
      case "diagnostic":
        this.#addDiagnostic(change.diagnostic);
        return;
      case "stopped":
        this.#stop();
        return;
      case "trimmed":
        if (change.before > this.eventFloor) this.eventFloor = change.before;
        return;
      case "deleted":
        this.#delete(change.workerId);
    }
  }

  #addEvent(event: EventRecord): void {
    this.events.push(event);
    this.runtime = { ...this.runtime, nextEventId: event.id + 1n };
    const worker = event.workerRef === undefined ? undefined : this.workers.get(event.workerRef.workerId);
    if (worker !== undefined) worker.record = { ...worker.record, lastEventId: event.id };
  }

  #addEntry(entry: TranscriptRecord): void {
    const worker = this.workers.get(entry.workerRef.workerId);
    if (worker === undefined) return;
    worker.tail.push(entry);
    worker.record = { ...worker.record, nextTranscriptSequence: entry.sequence + 1n };
  }

  #created(record: WorkerRecord): void {
    this.addWorker({ record, ranges: [], tail: [], pagedLength: 0 });
    this.runtime = { ...this.runtime, nextWorkerSequence: nextSequence(record.workerRef.workerId, this.runtime.nextWorkerSequence) };
  }

  #setStatus(workerId: string, status: WorkerStatus): void {
    const worker = this.workers.get(workerId);
    if (worker !== undefined) worker.record = { ...worker.record, status };
  }

  #stop(): void {
    this.runtime = { ...this.runtime, status: "stopped" };
    for (const worker of this.workers.values()) {
      if (worker.record.status === "running") worker.record = { ...worker.record, status: "stopped" };
    }
  }

  #addDiagnostic(diagnostic: RuntimeDiagnostic): void {
    this.diagnostics.push(diagnostic);
    // Cut now and then: one by one it would cost as much as is kept.
    if (this.diagnostics.length > this.#maxDiagnostics) this.diagnostics = this.diagnostics.slice(-this.#maxDiagnostics);
    this.runtime = { ...this.runtime, nextDiagnosticId: diagnostic.id + 1n };
  }

  #delete(workerId: string): void {
    this.workers.delete(workerId);
    this.#sorted = undefined;
    this.diagnostics = this.diagnostics.filter(({ workerRef }) => workerRef?.workerId !== workerId);
  }
}

/** Entries of a worker's transcript. */
export function transcriptLength(worker: WorkerState): number {
  return worker.pagedLength + worker.tail.length;
}

/** The id of worker `sequence`. */
export function workerIdOf(sequence: bigint): string {
  return `worker-${sequence.toString(16).padStart(8, "0")}`;
}

/** The counter behind worker `workerId`, which is at least `counter`. */
export function nextSequence(workerId: string, counter: bigint): bigint {
  const digits = /^worker-([0-9a-f]{8,16})$/.exec(workerId)?.[1];
  if (digits === undefined) return counter;
  const sequence = BigInt(`0x${digits}`);
  return workerIdOf(sequence) === workerId && sequence >= counter ? sequence + 1n : counter;
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
