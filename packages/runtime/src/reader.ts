import { hasCode } from "@holdfast/storage";
import type { StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { openLogReader, type LogReader } from "@holdfast/wal";
import { RuntimeError } from "./errors.js";
import type { RuntimeDiagnostic } from "./format/model.js";
import { applyRecord } from "./journal.js";
import { journalPrefix } from "./layout.js";
import { loadRuntime, type LoadedRuntime, type LoadSource } from "./load.js";
import { checkRuntimeId, runtimePrefix } from "./options.js";
import { PageStore } from "./pages/page-store.js";
import { Payloads } from "./payloads.js";
import type { QuerySource } from "./queries.js";
import type { RuntimeState } from "./state/runtime-state.js";
import type { EventCursor, EventPage, EventPayloads, FollowEventsOptions, RuntimeEvent, RuntimeQueries, RuntimeSchemas, RuntimeSummary, TranscriptPage, WorkerDetail, WorkerName, WorkerSummary } from "./types.js";
import { RuntimeView } from "./view.js";

/** Options of {@link openRuntimeReader}. */
export interface RuntimeReaderOptions<E extends EventPayloads = EventPayloads, M = unknown> {
  readonly storage: StorageBackend;
  /** As in `openRuntimeStore`. */
  readonly prefix?: string | undefined;
  readonly runtimeId: string;
  readonly schemas?: RuntimeSchemas<E, M> | undefined;
  /** Milliseconds between looks at the storage: as in `openLogReader`. */
  readonly pollMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A runtime that is open for reading. Shows what is durable, some milliseconds after it was written. */
export interface RuntimeReader<E extends EventPayloads = EventPayloads, M = unknown> extends RuntimeQueries<E, M>, AsyncDisposable {
  /** Why it shows nothing new any more: the journal or a snapshot is damaged, or the storage fails. */
  readonly failure: unknown;
  /** Ends followers. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a runtime for reading, in any process, beside the one that writes. Takes no lock and writes nothing.
 *
 * @throws RUNTIME_INVALID_ARGUMENT; RUNTIME_MISSING if there is no such runtime, or none that shows yet: in files the first record of a new one
 * shows when something is behind it, at the latest 50 ms later; RUNTIME_CORRUPT; errors of the log and of the storage.
 */
export async function openRuntimeReader<E extends EventPayloads = EventPayloads, M = unknown>(options: RuntimeReaderOptions<E, M>): Promise<RuntimeReader<E, M>> {
  const operation = "openRuntimeReader";
  const { storage, runtimeId, pollMs, clock, signal } = options;
  checkRuntimeId(operation, runtimeId);
  const settings = { prefix: runtimePrefix(runtimeId, options.prefix), runtime: { runtimeId }, maxDiagnostics: 1_000_000 };
  const payloads = new Payloads(options.schemas);
  const log = await openLogReader({ storage, prefix: journalPrefix(settings.prefix), pollMs, clock, signal });
  try {
    const loading = { storage, log, settings };
    return new FollowingReader(loading, requireRuntime(operation, await loadRuntime({ ...loading, signal })), payloads);
  } catch (error) {
    await log.close();
    throw error;
  }
}

class FollowingReader<E extends EventPayloads, M> implements RuntimeReader<E, M>, QuerySource {
  readonly runtimeId: string;
  readonly #loading: LoadSource & { readonly log: LogReader };
  readonly #view: RuntimeView<E, M>;
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;
  state: RuntimeState;
  pages: PageStore;
  #failure: unknown;

  constructor(loading: LoadSource & { readonly log: LogReader }, loaded: LoadedRuntime, payloads: Payloads<E, M>) {
    this.runtimeId = loaded.state.runtimeId;
    this.#loading = loading;
    this.state = loaded.state;
    this.pages = this.#pagesOf(loaded);
    this.#view = new RuntimeView({ source: this, payloads, isClosed: () => this.#isEnding() });
    this.#following = this.#follow();
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** The newest snapshot, and the journal behind it. Never goes back behind what was shown. */
  async refresh(): Promise<void> {
    const loaded = requireRuntime("read", await loadRuntime({ ...this.#loading, signal: this.#ending.signal }));
    if (loaded.state.seq < this.state.seq) return;
    this.state = loaded.state;
    this.pages = this.#pagesOf(loaded);
    this.#view.wake();
  }

  async #follow(): Promise<void> {
    try {
      while (!this.#isEnding()) await this.#followOnce();
    } catch (error) {
      if (this.#isEnding()) return;
      this.#failure = error;
      this.#view.fail(error);
    }
  }

  /** Until there is a newer snapshot: with it, what is in pages need not be in memory. */
  async #followOnce(): Promise<void> {
    const { signal } = this.#ending;
    try {
      for await (const { seq, value } of this.#loading.log.follow({ from: this.state.seq + 1, signal })) {
        // A refresh for a query was faster.
        if (seq !== this.state.seq + 1) return;
        const changes = applyRecord(this.state, seq, value);
        this.#view.wake();
        if (changes.some(({ type }) => type === "sealed" || type === "imported")) break;
      }
    } catch (error) {
      // The writer moved what comes next into pages.
      if (!hasCode(error, "WAL_TRIMMED")) throw error;
    }
    if (!this.#isEnding()) await this.refresh();
  }

  #isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  #pagesOf({ logId }: LoadedRuntime): PageStore {
    const { storage, settings } = this.#loading;
    return new PageStore(storage, settings.prefix, logId ?? "");
  }

  summary(): RuntimeSummary {
    return this.#view.summary();
  }

  listWorkers(): readonly WorkerSummary[] {
    return this.#view.listWorkers();
  }

  getWorker(worker: WorkerName): WorkerDetail {
    return this.#view.getWorker(worker);
  }

  diagnostics(): readonly RuntimeDiagnostic[] {
    return this.#view.diagnostics();
  }

  cursorFromStart(): EventCursor {
    return this.#view.cursorFromStart();
  }

  cursorNow(): EventCursor {
    return this.#view.cursorNow();
  }

  readEvents(cursor: EventCursor, limit: number): Promise<EventPage<E>> {
    return this.#view.readEvents(cursor, limit);
  }

  readTranscript(worker: WorkerName, range: { readonly start: number; readonly limit: number }): Promise<TranscriptPage<M>> {
    return this.#view.readTranscript(worker, range);
  }

  followEvents(options?: FollowEventsOptions): AsyncIterable<RuntimeEvent<E>> {
    return this.#view.followEvents(options);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#view.wake();
    await this.#following;
    await this.#loading.log.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function requireRuntime(operation: string, loaded: LoadedRuntime | undefined): LoadedRuntime {
  if (loaded !== undefined) return loaded;
  throw new RuntimeError("RUNTIME_MISSING", "there is no such runtime, or it was only just made", { operation, retryable: true });
}
