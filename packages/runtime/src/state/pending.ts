import type { RuntimeRecord, WorkerRecord } from "../format/model.js";
import type { Change } from "../stored/change.js";
import { nextSequence, type RuntimeState } from "./runtime-state.js";

/**
 * The runtime as the mutations on their way will leave it, which is what the next one is checked against. The durable state is changed when a
 * mutation is durable; while none is on its way the two are the same. If one is not written, it goes and all behind it, which the journal refuses
 * because of the numbers that they expect; the next one is checked against what is left.
 */
export class PendingRuntime {
  readonly #durable: RuntimeState;
  /** Mutations on their way, oldest first, from `#head` on. */
  #queue: (readonly Change[])[] = [];
  #head = 0;
  #runtime: RuntimeRecord;
  #lastSeq: number;
  readonly #workers = new Map<string, WorkerRecord>();
  readonly #deleted = new Set<string>();

  constructor(durable: RuntimeState) {
    this.#durable = durable;
    this.#runtime = durable.runtime;
    this.#lastSeq = durable.seq;
  }

  /** Without diagnostics. */
  get runtime(): RuntimeRecord {
    return this.#runtime;
  }

  /** The number that the next record of the journal must get. */
  get nextSeq(): number {
    return this.#lastSeq + 1;
  }

  /** Whether no mutation is on its way. */
  get isSettled(): boolean {
    return this.#head === this.#queue.length;
  }

  worker(workerId: string): WorkerRecord | undefined {
    if (this.#deleted.has(workerId)) return undefined;
    const worker = this.#workers.get(workerId) ?? this.#durable.workers.get(workerId)?.record;
    // Those that run stop with the runtime.
    if (worker?.status === "running" && this.#runtime.status === "stopped") return { ...worker, status: "stopped" };
    return worker;
  }

  /** Whether a worker has this id, had it until a mutation on its way, or has it in files that are damaged. */
  isTaken(workerId: string): boolean {
    return this.#workers.has(workerId) || this.#durable.workers.has(workerId) || this.#durable.damaged.has(workerId);
  }

  /** A mutation goes on its way. */
  begin(changes: readonly Change[]): void {
    if (this.isSettled) this.#reset();
    this.#queue.push(changes);
    this.#count(changes);
  }

  /** The oldest mutation on its way is durable, and in the durable state. */
  settle(): void {
    this.#head += 1;
    if (this.isSettled) this.#reset();
    // What is passed is cut off now and then: at once it would cost as much as is behind it.
    else if (this.#head >= 1024) this.#cut();
  }

  /** A mutation was not written: it goes, and all behind it. One that has gone already takes nothing more along. */
  drop(changes: readonly Change[]): void {
    const at = this.#queue.indexOf(changes, this.#head);
    if (at < 0) return;
    const left = this.#queue.slice(this.#head, at);
    this.#reset();
    this.#queue = left;
    for (const it of left) this.#count(it);
  }

  #count(changes: readonly Change[]): void {
    this.#lastSeq += 1;
    for (const change of changes) this.#apply(change);
  }

  #cut(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }

  #reset(): void {
    this.#queue = [];
    this.#head = 0;
    this.#runtime = this.#durable.runtime;
    this.#lastSeq = this.#durable.seq;
    this.#workers.clear();
    this.#deleted.clear();
  }

  #apply(change: Change): void {
    switch (change.type) {
      case "event": {
        const { id, workerRef } = change.event;
        this.#runtime = { ...this.#runtime, nextEventId: id + 1n };
        if (workerRef !== undefined) this.#change(workerRef.workerId, (worker) => ({ ...worker, lastEventId: id }));
        return;
      }
      case "entry":
        this.#change(change.entry.workerRef.workerId, (worker) => ({ ...worker, nextTranscriptSequence: change.entry.sequence + 1n }));
        return;
      case "worker": {
        const { workerId } = change.worker.workerRef;
        this.#workers.set(workerId, change.worker);
        this.#runtime = { ...this.#runtime, nextWorkerSequence: nextSequence(workerId, this.#runtime.nextWorkerSequence) };
        return;
      }
      case "status":
        this.#change(change.workerId, (worker) => ({ ...worker, status: change.status }));
        return;
      case "diagnostic":
        this.#runtime = { ...this.#runtime, nextDiagnosticId: change.diagnostic.id + 1n };
        return;
      case "stopped":
        this.#runtime = { ...this.#runtime, status: "stopped" };
        return;
      case "deleted":
        this.#deleted.add(change.workerId);
        return;
      case "started":
      case "trimmed":
      case "sealed":
      case "imported":
      case "projecting":
      case "rewriting":
      case "projected":
    }
  }

  #change(workerId: string, change: (worker: WorkerRecord) => WorkerRecord): void {
    const worker = this.worker(workerId);
    if (worker !== undefined) this.#workers.set(workerId, change(worker));
  }
}
