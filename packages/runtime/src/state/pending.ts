import type { RuntimeRecord, WorkerRecord } from "../format/model.js";
import type { Change } from "../stored/change.js";
import { nextSequence, type RuntimeState } from "./runtime-state.js";

/**
 * The runtime as the mutations on their way will leave it, which is what the next one is checked against. The durable state is changed when a
 * mutation is durable; while none is on its way the two are the same. If one is not written, those behind it are refused by the journal, and the
 * next one begins from the durable state again.
 */
export class PendingRuntime {
  readonly #durable: RuntimeState;
  #inFlight = 0;
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

  get inFlight(): number {
    return this.#inFlight;
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
    if (this.#inFlight === 0) this.#reset();
    this.#inFlight += 1;
    this.#lastSeq += 1;
    for (const change of changes) this.#apply(change);
  }

  /** A mutation has arrived, or failed. */
  end(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#reset();
  }

  #reset(): void {
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
