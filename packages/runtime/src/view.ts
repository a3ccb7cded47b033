import { invalidArgument, RuntimeError } from "./errors.js";
import type { RuntimeDiagnostic, WorkerStatus } from "./format/model.js";
import type { Payloads } from "./payloads.js";
import { queryEvents, queryTranscript, requireWorker, type QuerySource } from "./queries.js";
import { transcriptLength, type WorkerState } from "./state/runtime-state.js";
import type {
  EventCursor,
  EventPage,
  EventPayloads,
  FollowEventsOptions,
  RuntimeEvent,
  RuntimeQueries,
  RuntimeSummary,
  TranscriptPage,
  WorkerDetail,
  WorkerName,
  WorkerSummary,
} from "./types.js";
import { Wakers } from "./wakers.js";

/** What a view looks at. */
export interface ViewParts<E extends EventPayloads, M> {
  readonly source: QuerySource;
  readonly payloads: Payloads<E, M>;
  readonly isClosed: () => boolean;
}

/** Events that a follower asks for at once. */
const FOLLOW_EVENTS = 256n;

/** What can be asked of a runtime: its durable state, and its pages. */
export class RuntimeView<E extends EventPayloads, M> implements RuntimeQueries<E, M> {
  readonly #parts: ViewParts<E, M>;
  readonly #wakers = new Wakers();
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: ViewParts<E, M>) {
    this.#parts = parts;
  }

  get runtimeId(): string {
    return this.#parts.source.state.runtimeId;
  }

  /** Something changed, or the store is being closed. */
  wake(): void {
    this.#wakers.wake();
  }

  /** Nothing new will come: followers are told why. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#wakers.wake();
  }

  summary(): RuntimeSummary {
    const { runtime, diagnostics, workers } = this.#parts.source.state;
    const { runtimeId, displayName, status, limits } = runtime;
    const count = (wanted: WorkerStatus): number => [...workers.values()].filter((worker) => worker.record.status === wanted).length;
    return {
      runtimeId,
      displayName,
      status,
      limits,
      workerCount: workers.size,
      activeWorkerCount: count("running"),
      stoppedWorkerCount: count("stopped"),
      cancelledWorkerCount: count("cancelled"),
      diagnosticCount: diagnostics.length,
    };
  }

  listWorkers(): readonly WorkerSummary[] {
    return this.#parts.source.state.sortedWorkers.map(workerSummary);
  }

  getWorker(name: WorkerName): WorkerDetail {
    const worker = requireWorker("getWorker", this.#parts.source.state, name);
    const { request, workerRef, status, lastEventId } = worker.record;
    return { ...request, workerRef, status, transcriptLength: transcriptLength(worker), lastEventId };
  }

  diagnostics(): readonly RuntimeDiagnostic[] {
    return [...this.#parts.source.state.diagnostics];
  }

  cursorFromStart(): EventCursor {
    return { runtimeId: this.runtimeId, nextEventId: 1n };
  }

  cursorNow(): EventCursor {
    return { runtimeId: this.runtimeId, nextEventId: this.#parts.source.state.runtime.nextEventId };
  }

  async readEvents(cursor: EventCursor, limit: number): Promise<EventPage<E>> {
    this.#requireOpen("readEvents");
    const { payloads, source } = this.#parts;
    const { events, next, hasMore } = await queryEvents(source, cursor, limit);
    return { runtimeId: this.runtimeId, events: events.map((event) => payloads.event(event)), cursor: { runtimeId: this.runtimeId, nextEventId: next }, hasMore };
  }

  async readTranscript(name: WorkerName, { start, limit }: { readonly start: number; readonly limit: number }): Promise<TranscriptPage<M>> {
    this.#requireOpen("readTranscript");
    const { payloads, source } = this.#parts;
    const { worker, items, totalItems, nextStart } = await queryTranscript(source, name, start, limit);
    return { workerRef: worker.record.workerRef, start, limit, items: items.map((entry) => payloads.entry(entry)), totalItems, nextStart };
  }

  async *followEvents({ cursor = this.cursorFromStart(), signal }: FollowEventsOptions = {}): AsyncGenerator<RuntimeEvent<E>, void, undefined> {
    this.#requireOpen("followEvents");
    const { maxEventBatchItems } = this.#parts.source.state.runtime.limits;
    const limit = Number(maxEventBatchItems < FOLLOW_EVENTS ? maxEventBatchItems : FOLLOW_EVENTS);
    if (limit === 0) throw invalidArgument("followEvents", "the runtime's limits allow no events");
    let next = cursor;
    while (signal?.aborted !== true && !this.#parts.isClosed()) {
      const known = this.cursorNow();
      const { events, cursor: behind } = await this.readEvents(next, limit);
      yield* events;
      // Where nothing is, everything below what was known is behind the follower: trimmed, if it ever was.
      next = events.length > 0 || behind.nextEventId > known.nextEventId ? behind : known;
      if (events.length === 0) await this.#more(next, signal);
    }
  }

  /** Waits until there may be an event from `cursor` on, or nothing more to wait for. */
  async #more({ nextEventId }: EventCursor, signal: AbortSignal | undefined): Promise<void> {
    const { source, isClosed } = this.#parts;
    while (source.state.runtime.nextEventId <= nextEventId && signal?.aborted !== true && !isClosed()) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#wakers.wait(signal);
    }
  }

  #requireOpen(operation: string): void {
    if (this.#parts.isClosed()) throw new RuntimeError("RUNTIME_CLOSED", "the runtime store is closed", { operation });
  }
}

function workerSummary(worker: WorkerState): WorkerSummary {
  const { request, workerRef, status, lastEventId } = worker.record;
  const { intent, profile, configBundle, requestedCapabilities } = request;
  const hasConfigBundle = configBundle !== undefined;
  return { workerRef, status, intent, profile, hasConfigBundle, requestedCapabilityCount: requestedCapabilities.length, transcriptLength: transcriptLength(worker), lastEventId };
}
