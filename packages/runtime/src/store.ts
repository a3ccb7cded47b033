import { hasCode, storagePrefix } from "@holdfast/storage";
import type { Log } from "@holdfast/wal";
import { invalidArgument, RuntimeError } from "./errors.js";
import type { RuntimeFinding } from "./files/finding.js";
import { runtimePrefix as filesPrefix } from "./files/layout.js";
import { writeRuntimeFiles } from "./files/write-runtime-files.js";
import { countsAsBytes, openJournal } from "./journal.js";
import { loadRuntime, type LoadedRuntime } from "./load.js";
import { planCreateWorker, planDelete, planEnd, planEvent, planInput, planStopRuntime, planTranscript, planTrim } from "./mutations.js";
import { runtimeSettings, type RuntimeSettings } from "./options.js";
import { Payloads } from "./payloads.js";
import { cutState, frozenState, type Cut } from "./pages/cut.js";
import { PageStore } from "./pages/page-store.js";
import { Sealer } from "./pages/sealer.js";
import { keptContent } from "./projection/kept-content.js";
import { Projector, type ProjectionPlace } from "./projection/projector.js";
import { PendingRuntime } from "./state/pending.js";
import { ProjectionState } from "./state/projection-state.js";
import { RuntimeState } from "./state/runtime-state.js";
import { encodeMutation, type Change } from "./stored/change.js";
import type {
  EventPayloads,
  InputReceipt,
  NewEvent,
  NewTranscriptEntry,
  NewWorker,
  RuntimeHealth,
  RuntimeProblem,
  RuntimeStore,
  RuntimeStoreOptions,
  TranscriptReceipt,
  WorkerDetail,
  WorkerName,
  WorkerReceipt,
} from "./types.js";
import { RuntimeView } from "./view.js";

/**
 * Opens the store of a runtime, or makes one. Takes its lock; on object storage takes it over from whoever wrote before.
 *
 * @throws RUNTIME_INVALID_ARGUMENT before anything is touched; STORAGE_LOCKED; RUNTIME_CORRUPT, RUNTIME_MISSING, RUNTIME_UNSUPPORTED_VERSION;
 * RUNTIME_WRONG_RUNTIME for the objects of another runtime; WAL_FENCED, retryable, if somebody else took it over meanwhile; errors of the log and of
 * the storage.
 */
export async function openRuntimeStore<E extends EventPayloads = EventPayloads, M = unknown>(options: RuntimeStoreOptions<E, M>): Promise<RuntimeStore<E, M>> {
  const settings = runtimeSettings("openRuntimeStore", options);
  const payloads = new Payloads(options.schemas);
  const { storage, clock, random, signal } = options;
  const log = await openJournal({ storage, settings, clock, random, signal });
  try {
    const loaded = (await loadRuntime({ storage, log, settings, signal })) ?? (await startRuntime(log, settings, false));
    if (loaded.state.projection !== undefined) throw invalidArgument("openRuntimeStore", "this runtime has files behind its journal; open it with openRuntimeDirectory");
    return new DurableRuntime({ storage, log, settings, payloads, loaded, findings: [], place: undefined, release: undefined });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** A runtime that is new: its first record, with the event that it has started. */
export async function startRuntime(log: Log, settings: RuntimeSettings, isProjected: boolean): Promise<LoadedRuntime> {
  const { runtime, maxDiagnostics } = settings;
  const event = { id: 1n, kind: "runtime_started", message: "runtime started" };
  const changes: readonly Change[] = [
    { type: "started", runtime, isProjected },
    { type: "event", event },
  ];
  const record = encodeMutation(changes, runtime.runtimeId);
  const seq = await log.append(record);
  const state = new RuntimeState(runtime, maxDiagnostics);
  if (isProjected) state.projection = new ProjectionState();
  state.apply(changes, seq);
  return { state, logId: log.logId, replay: { mutations: 0, bytes: record.length }, snapshots: [], skipped: [] };
}

/** What a store is made of. */
export interface StoreParts<E extends EventPayloads, M> {
  readonly storage: RuntimeStoreOptions["storage"];
  readonly log: Log;
  readonly settings: RuntimeSettings;
  readonly payloads: Payloads<E, M>;
  readonly loaded: LoadedRuntime;
  readonly findings: readonly RuntimeFinding[];
  /** Where its files are, if it has some. */
  readonly place: ProjectionPlace | undefined;
  /** Lets go of what was opened for it alone. */
  readonly release: (() => Promise<void>) | undefined;
}

/** A diagnostic to be. */
export interface Report {
  readonly code: string;
  readonly message: string;
  readonly workerId?: string | undefined;
}

/** A runtime whose mutations are records of a journal. */
export class DurableRuntime<E extends EventPayloads, M> extends RuntimeView<E, M> implements RuntimeStore<E, M> {
  readonly #log: Log;
  readonly #settings: RuntimeSettings;
  readonly #payloads: Payloads<E, M>;
  readonly #found: Pick<StoreParts<E, M>, "loaded" | "findings">;
  readonly #state: RuntimeState;
  readonly #pending: PendingRuntime;
  readonly #pages: PageStore;
  readonly #sealer: Sealer;
  readonly #projector: Projector | undefined;
  readonly #release: (() => Promise<void>) | undefined;
  #lastProblem: RuntimeProblem | undefined;
  readonly #life: { closing: Promise<void> | undefined };

  constructor(parts: StoreParts<E, M>) {
    const { storage, log, settings, payloads, loaded, findings, place } = parts;
    const { state, replay, skipped, snapshots } = loaded;
    const { maxDiagnostics, clock } = settings;
    const { projection } = state;
    const pages = new PageStore(storage, settings.prefix, log.logId ?? "");
    const life: { closing: Promise<void> | undefined } = { closing: undefined };
    super({ source: { state, pages }, payloads, isClosed: () => life.closing !== undefined });
    this.#life = life;
    this.#log = log;
    this.#settings = settings;
    this.#payloads = payloads;
    this.#found = { loaded, findings };
    this.#state = state;
    this.#release = parts.release;
    this.#pending = new PendingRuntime(state);
    this.#pages = pages;
    const failed = this.#failed;
    const commit = (changes: readonly Change[], applied?: () => void): Promise<void> => this.#append("checkpoint", changes, applied);
    const projector = place && projection && new Projector({ place, state, projection, pages, maxDiagnostics, clock, commit, failed });
    this.#projector = projector;
    const cut = (taken: () => void): Promise<Cut> => {
      if (projector !== undefined) return projector.freeze(taken);
      taken();
      return Promise.resolve(cutState(state, maxDiagnostics));
    };
    const unreadable = new Set(skipped.flatMap(({ key }) => key ?? []));
    this.#sealer = new Sealer({ storage, log, settings, state, pages, snapshots, unreadable, cut, commit, failed }, replay.bytes);
  }

  // ------------------------------------------------------------------------------------------------ mutations

  async createWorker(request: NewWorker): Promise<WorkerDetail> {
    this.#requireWritable("createWorker");
    const { changes, worker } = planCreateWorker(this.#pending, request, this.#settings);
    await this.#append("createWorker", changes);
    return { ...worker.request, workerRef: worker.workerRef, status: worker.status, transcriptLength: 0, lastEventId: worker.lastEventId };
  }

  async sendInput(worker: WorkerName, input: NewTranscriptEntry<M>): Promise<InputReceipt> {
    this.#requireWritable("sendInput");
    const { changes, entry } = planInput(this.#pending, worker, this.#payloads.plainEntry("sendInput", input), this.#settings);
    await this.#append("sendInput", changes);
    return { workerRef: entry.workerRef, status: "running", transcriptSequence: entry.sequence, eventId: entry.eventId };
  }

  async appendTranscript(worker: WorkerName, entries: readonly NewTranscriptEntry<M>[], event?: NewEvent<E>): Promise<TranscriptReceipt> {
    const operation = "appendTranscript";
    this.#requireWritable(operation);
    const plain = entries.map((entry) => this.#payloads.plainEntry(operation, entry));
    const own = event === undefined ? undefined : this.#payloads.plainEvent(operation, event);
    const { changes, first, last } = planTranscript(this.#pending, worker, plain, own, this.#settings);
    await this.#append(operation, changes);
    return { workerRef: first.workerRef, firstSequence: first.sequence, lastSequence: last.sequence, eventId: first.eventId };
  }

  async appendEvent(event: NewEvent<E>, worker?: WorkerName): Promise<bigint> {
    this.#requireWritable("appendEvent");
    const { changes, id } = planEvent(this.#pending, this.#payloads.plainEvent("appendEvent", event), worker, this.#settings);
    await this.#append("appendEvent", changes);
    return id;
  }

  stopWorker(worker: WorkerName, reason?: string): Promise<WorkerReceipt> {
    return this.#end(worker, "stopped", reason);
  }

  cancelWorker(worker: WorkerName, reason?: string): Promise<WorkerReceipt> {
    return this.#end(worker, "cancelled", reason);
  }

  async stopRuntime(): Promise<bigint> {
    this.#requireWritable("stopRuntime");
    const { changes, id } = planStopRuntime(this.#pending);
    await this.#append("stopRuntime", changes);
    return id;
  }

  async trimEvents(before: bigint): Promise<void> {
    this.#requireWritable("trimEvents");
    await this.#append("trimEvents", planTrim(this.#pending, before));
  }

  async deleteWorker(worker: WorkerName): Promise<void> {
    this.#requireWritable("deleteWorker");
    await this.#append("deleteWorker", planDelete(this.#pending, worker));
  }

  async #end(name: WorkerName, status: "stopped" | "cancelled", reason: string | undefined): Promise<WorkerReceipt> {
    const operation = status === "stopped" ? "stopWorker" : "cancelWorker";
    this.#requireWritable(operation);
    const { changes, worker } = planEnd(this.#pending, name, status, reason, this.#settings);
    await this.#append(operation, changes);
    return { workerRef: worker.workerRef, status: worker.status, eventId: worker.lastEventId };
  }

  /**
   * One mutation: one record of the journal, and behind it the state. Everything up to the log's append happens in the turn of the call, so
   * that the order of calls is the order of mutations. Without changes it waits for those before it, whose outcome it answers.
   */
  #append(operation: string, changes: readonly Change[], applied?: () => void): Promise<void> {
    if (changes.length === 0) return this.#pending.isSettled ? Promise.resolve() : this.#log.sync();
    const record = encodeMutation(changes, this.runtimeId);
    // The expected number: should a mutation that this one is built on not be written, this one is not either.
    const expectedSeq = this.#pending.nextSeq;
    this.#pending.begin(changes);
    return this.#log.append(record, { expectedSeq }).then(
      (seq) => {
        this.#state.apply(changes, seq);
        applied?.();
        this.#pending.settle();
        this.wake();
        if (!countsAsBytes(changes)) return;
        this.#projector?.changed();
        this.#sealer.committed(record.length);
      },
      (error: unknown) => {
        this.#pending.drop(changes);
        throw hasCode(error, "WAL_CONFLICT") ? conflict(operation, this.#isBehind, error) : error;
      },
    );
  }

  // ------------------------------------------------------------------------------------------------ behind the mutations

  /** On a full disk the journal could not take over what the process before wrote last: it is there, and shows when there is room. */
  get #isBehind(): boolean {
    return this.#log.recovery.readOnlyUntilTrimmed && this.#state.seq < this.#log.nextSeq - 1;
  }

  get health(): RuntimeHealth {
    const { eventPages, transcriptPages, projection } = this.#state;
    return {
      replayedMutations: this.#found.loaded.replay.mutations,
      journalBytes: this.#sealer.journalBytes,
      pages: eventPages.length + transcriptPages.size,
      lastProblem: this.#lastProblem,
      skipped: this.#found.loaded.skipped,
      findings: this.#found.findings,
      isBehind: this.#isBehind,
      filesAreComplete: projection && !projection.isBehind && !projection.isTrimmed && projection.batch === undefined && projection.rewriting === undefined,
    };
  }

  /** Adds diagnostics, all or none. */
  async report(reports: readonly Report[]): Promise<void> {
    const { runtimeId, nextDiagnosticId } = this.#pending.runtime;
    const changes = reports.map(({ code, message, workerId }, index): Change => {
      const workerRef = workerId === undefined ? {} : { workerRef: { runtimeId, workerId } };
      return { type: "diagnostic", diagnostic: { id: nextDiagnosticId + BigInt(index), severity: "warning", code, message, ...workerRef } };
    });
    await this.#append("openRuntimeDirectory", changes);
  }

  /** Brings the files up to date, where there are some. */
  async project(): Promise<void> {
    await this.#projector?.project();
  }

  async checkpoint(): Promise<void> {
    this.#requireWritable("checkpoint");
    await this.#projector?.complete();
    await this.#sealer.seal();
  }

  async exportFiles({ storage, prefix, signal }: Parameters<RuntimeStore["exportFiles"]>[0]): Promise<void> {
    this.#requireWritable("exportFiles");
    const state = frozenState(cutState(this.#state, this.#settings.maxDiagnostics));
    const where = prefix === undefined ? filesPrefix(this.runtimeId) : storagePrefix(prefix);
    await writeRuntimeFiles(keptContent({ state, pages: this.#pages }), { storage, prefix: where, signal });
  }

  close(): Promise<void> {
    this.#life.closing ??= this.#close();
    return this.#life.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.wake();
    try {
      // What fails here loses nothing: it is all in the journal.
      await this.#projector?.close();
      await this.#sealer.close();
    } finally {
      await this.#closeLog();
    }
  }

  /** Also where the disk is full, and the log's last mark cannot be written, the lock goes. */
  async #closeLog(): Promise<void> {
    try {
      await this.#log.close();
    } finally {
      await this.#release?.();
    }
  }

  readonly #failed = (operation: RuntimeProblem["operation"], error: unknown): void => {
    this.#lastProblem = { operation, error, atMs: this.#settings.clock.now() };
  };

  #requireWritable(operation: string): void {
    if (this.#life.closing !== undefined) throw new RuntimeError("RUNTIME_CLOSED", "the runtime store is closed", { operation, outcome: "not_applied" });
  }
}

function conflict(operation: string, isBehind: boolean, cause: unknown): RuntimeError {
  const message = isBehind ? "there was no room for the journal's last mutations when it was opened; make room, and open it again" : "a mutation before this one was not written";
  return new RuntimeError("RUNTIME_CONFLICT", message, { operation, outcome: "not_applied", retryable: !isBehind, cause });
}
