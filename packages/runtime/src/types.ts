import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { HoldfastError, StorageBackend } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { RuntimeFinding } from "./files/finding.js";
import type { RuntimeDiagnostic, RuntimeStatus, WorkerIntent, WorkerProfile, WorkerRef, WorkerRequest, WorkerStatus, YoiEventKind } from "./format/model.js";


/** Payloads of a runtime's own events by their kind. */
export type EventPayloads = object;

/** What every event has. */
interface EventBase {
  /** 1 to 2^64 − 2, ascending. */
  readonly id: bigint;
  readonly workerRef?: WorkerRef | undefined;
  readonly message: string;
}

/** An event of a kind that every runtime has. */
export interface StandardEvent extends EventBase {
  readonly kind: YoiEventKind;
}

/** An event of a kind for which no schema was given, or whose payload its schema refuses. */
export interface UnrecognisedEvent extends EventBase {
  readonly kind: "unrecognised";
  /** What it calls itself. */
  readonly ownKind: string;
  readonly payload: unknown;
}

/** An event of a runtime's own kind `K`. */
export interface OwnEvent<K extends string, P> extends EventBase {
  readonly kind: K;
  readonly payload: P;
}

/** Any event; told apart by `kind`. */
export type RuntimeEvent<E extends EventPayloads = EventPayloads> =
  | StandardEvent
  | UnrecognisedEvent
  | { readonly [K in keyof E & string]: OwnEvent<K, E[K]> }[keyof E & string];

/** One entry of a worker's transcript. */
export interface TranscriptEntry<M = unknown> {
  /** From 1, ascending, in one transcript. */
  readonly sequence: bigint;
  readonly workerRef: WorkerRef;
  /** `user`, `system`, or another. */
  readonly role: string;
  readonly content: string;
  /** The event that it belongs to. */
  readonly eventId: bigint;
  /** What the runtime adds of its own, if it does and the schema takes it. */
  readonly payload?: M | undefined;
  /** A payload that the schema refuses. */
  readonly unrecognisedPayload?: unknown;
}

/** Where a reader of events is. */
export interface EventCursor {
  readonly runtimeId: string;
  /** Events from this id on: 0 to 2^64 − 1. */
  readonly nextEventId: bigint;
}

/** What `readEvents` answers. */
export interface EventPage<E extends EventPayloads = EventPayloads> {
  readonly runtimeId: string;
  readonly events: readonly RuntimeEvent<E>[];
  /** Where to go on. */
  readonly cursor: EventCursor;
  readonly hasMore: boolean;
}

/** What `readTranscript` answers. */
export interface TranscriptPage<M = unknown> {
  readonly workerRef: WorkerRef;
  readonly start: number;
  readonly limit: number;
  readonly items: readonly TranscriptEntry<M>[];
  readonly totalItems: number;
  /** Where to go on; `undefined` at the end. */
  readonly nextStart: number | undefined;
}

/** A worker as it is. */
export interface WorkerDetail extends WorkerRequest {
  readonly workerRef: WorkerRef;
  readonly status: WorkerStatus;
  readonly transcriptLength: number;
  readonly lastEventId: bigint;
}

/** A worker in a list. */
export interface WorkerSummary {
  readonly workerRef: WorkerRef;
  readonly status: WorkerStatus;
  readonly intent: WorkerIntent;
  readonly profile: WorkerProfile;
  readonly hasConfigBundle: boolean;
  readonly requestedCapabilityCount: number;
  readonly transcriptLength: number;
  readonly lastEventId: bigint;
}

/** The runtime as it is. */
export interface RuntimeSummary {
  readonly runtimeId: string;
  readonly displayName: string | undefined;
  readonly status: RuntimeStatus;
  readonly limits: { readonly maxTranscriptProjectionItems: bigint; readonly maxEventBatchItems: bigint };
  readonly workerCount: number;
  readonly activeWorkerCount: number;
  readonly stoppedWorkerCount: number;
  readonly cancelledWorkerCount: number;
  readonly diagnosticCount: number;
}

/** What a worker is created from; lists may be left out. */
export type NewWorker = Pick<WorkerRequest, "intent" | "profile"> & Partial<Omit<WorkerRequest, "intent" | "profile">>;

/** A worker by its id in this runtime, or by a reference that is checked to be of this runtime. */
export type WorkerName = string | WorkerRef;

/** One entry to append to a transcript. */
export interface NewTranscriptEntry<M = unknown> {
  /** `user`, `system`, or another; yoi refuses a directory with others. */
  readonly role: string;
  readonly content: string;
  readonly payload?: M | undefined;
}

/** An event of a runtime's own kind. */
export type NewEvent<E extends EventPayloads> = {
  readonly [K in keyof E & string]: { readonly kind: K; readonly payload: E[K]; readonly message?: string | undefined };
}[keyof E & string];

/** What `sendInput` answers. */
export interface InputReceipt {
  readonly workerRef: WorkerRef;
  readonly status: WorkerStatus;
  readonly transcriptSequence: bigint;
  readonly eventId: bigint;
}

/** What `appendTranscript` answers. */
export interface TranscriptReceipt {
  readonly workerRef: WorkerRef;
  readonly firstSequence: bigint;
  readonly lastSequence: bigint;
  /** The event of the entries: the one that was appended with them, or the worker's last one. */
  readonly eventId: bigint;
}

/** What `stopWorker` and `cancelWorker` answer. */
export interface WorkerReceipt {
  readonly workerRef: WorkerRef;
  readonly status: WorkerStatus;
  readonly eventId: bigint;
}

/**
 * Standard Schemas (zod, valibot, arktype, …) of what a runtime adds of its own, such as answer at once. What they refuse is not written, and
 * shown as unrecognised where it is read; what is read is their output.
 */
export interface RuntimeSchemas<E extends EventPayloads, M> {
  readonly events?: { readonly [K in keyof E & string]: StandardSchemaV1<unknown, E[K]> } | undefined;
  readonly message?: StandardSchemaV1<unknown, M> | undefined;
}

/** Options of `openRuntimeStore`. */
export interface RuntimeStoreOptions<E extends EventPayloads = EventPayloads, M = unknown> {
  /** Where the runtime lives. Not closed by the store. */
  readonly storage: StorageBackend;
  /** Its directory in the storage. Default: `holdfast/` and the encoded id. */
  readonly prefix?: string | undefined;
  /** Not blank, at most 126 bytes of UTF-8. */
  readonly runtimeId: string;
  /** Of a new runtime; one that exists keeps its own. */
  readonly displayName?: string | undefined;
  /** Of a new runtime; one that exists keeps its own. Default 256 each. */
  readonly limits?: { readonly maxTranscriptProjectionItems?: number | bigint | undefined; readonly maxEventBatchItems?: number | bigint | undefined } | undefined;
  readonly schemas?: RuntimeSchemas<E, M> | undefined;
  /** Bytes of UTF-8 that one text of a mutation (content, message, payload, reason) may have: 1 byte to 8 MiB. Default 1 MiB. */
  readonly maxContentBytes?: number | undefined;
  /** Diagnostics that are kept, the newest: 1 to 1,000,000. Default 1,000. */
  readonly maxDiagnostics?: number | undefined;
  /** Bytes of mutations after which they move from the journal into pages: 4 KiB to 256 MiB. Default 4 MiB. */
  readonly pageBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `followEvents`. */
export interface FollowEventsOptions {
  /** Where to begin. Default: with the first event that is kept. */
  readonly cursor?: EventCursor | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What can be asked, of a store and of a reader. */
export interface RuntimeQueries<E extends EventPayloads = EventPayloads, M = unknown> {
  readonly runtimeId: string;
  summary(): RuntimeSummary;
  /** By the bytes of their ids. */
  listWorkers(): readonly WorkerSummary[];
  /** @throws RUNTIME_WRONG_RUNTIME, RUNTIME_WORKER_NOT_FOUND. */
  getWorker(worker: WorkerName): WorkerDetail;
  diagnostics(): readonly RuntimeDiagnostic[];
  /** Before the first event. */
  cursorFromStart(): EventCursor;
  /** Behind the last durable event. */
  cursorNow(): EventCursor;
  /**
   * Events from the cursor on, ascending by id, at most `limit`; more only where events of a foreign directory share an id, which are
   * never split. With `limit` 0 the answer is empty and the cursor unchanged. What was trimmed is passed over.
   *
   * @param limit - 0 to the runtime's `maxEventBatchItems`.
   * @throws RUNTIME_WRONG_CURSOR; RUNTIME_LIMIT_TOO_LARGE; RUNTIME_INVALID_ARGUMENT; RUNTIME_CORRUPT for a damaged page.
   */
  readEvents(cursor: EventCursor, limit: number): Promise<EventPage<E>>;
  /**
   * Entries of a transcript by their position, from 0.
   *
   * @param range - `limit`: 0 to the runtime's `maxTranscriptProjectionItems`.
   * @throws RUNTIME_LIMIT_TOO_LARGE; RUNTIME_WRONG_RUNTIME; RUNTIME_WORKER_NOT_FOUND; RUNTIME_WORKER_DAMAGED; RUNTIME_CORRUPT.
   */
  readTranscript(worker: WorkerName, range: { readonly start: number; readonly limit: number }): Promise<TranscriptPage<M>>;
  /** Durable events from the cursor on, and then those to come; ends when the signal aborts or the store is closed. */
  followEvents(options?: FollowEventsOptions): AsyncIterable<RuntimeEvent<E>>;
}

/** Something that went wrong behind the mutations. They go on; it is tried again. */
export interface RuntimeProblem {
  readonly operation: "move to pages" | "project" | "remove";
  readonly error: unknown;
  readonly atMs: number;
}

/** How a store is. */
export interface RuntimeHealth {
  /** Mutations that were replayed from the journal when it was opened. */
  readonly replayedMutations: number;
  /** Bytes of mutations that are in the journal and not in pages. */
  readonly journalBytes: number;
  readonly pages: number;
  readonly lastProblem: RuntimeProblem | undefined;
  /** What was damaged when it was opened and was passed over for an older copy. */
  readonly skipped: readonly HoldfastError[];
  /** What was not as it should be in the files of a directory when they were taken over. */
  readonly findings: readonly RuntimeFinding[];
  /**
   * The disk was full when it was opened, and the last mutations of the process before do not show. They are not lost: make room, and open
   * again. Until then mutations are refused with RUNTIME_CONFLICT.
   */
  readonly isBehind: boolean;
  /** Whether every mutation so far is in the files; what was trimmed leaves them with the next checkpoint. `undefined` where there are none. */
  readonly filesAreComplete: boolean | undefined;
}

/** A runtime that is open for writing. */
export interface RuntimeStore<E extends EventPayloads = EventPayloads, M = unknown> extends RuntimeQueries<E, M>, AsyncDisposable {
  readonly health: RuntimeHealth;
  /** @throws RUNTIME_STOPPED; RUNTIME_INVALID_REQUEST for an empty objective or name of a capability; and as every mutation. */
  createWorker(request: NewWorker): Promise<WorkerDetail>;
  /**
   * Appends an entry to a worker's transcript, with its event.
   *
   * @throws RUNTIME_STOPPED; RUNTIME_INVALID_REQUEST for a blank content or role, or a worker that does not run; RUNTIME_WRONG_RUNTIME;
   * RUNTIME_WORKER_NOT_FOUND; and as every mutation.
   */
  sendInput(worker: WorkerName, input: NewTranscriptEntry<M>): Promise<InputReceipt>;
  /**
   * Appends entries as one unit, and with them an event of the runtime's own, if there is one. Unlike input they may be empty texts.
   *
   * @throws as `sendInput`.
   */
  appendTranscript(worker: WorkerName, entries: readonly NewTranscriptEntry<M>[], event?: NewEvent<E>): Promise<TranscriptReceipt>;
  /** Appends an event of the runtime's own, of a worker or of none. Answers its id. @throws as `sendInput`. */
  appendEvent(event: NewEvent<E>, worker?: WorkerName): Promise<bigint>;
  /** The first of stop and cancel wins; later ones change nothing and answer what is. `reason` becomes the event's message. */
  stopWorker(worker: WorkerName, reason?: string): Promise<WorkerReceipt>;
  cancelWorker(worker: WorkerName, reason?: string): Promise<WorkerReceipt>;
  /** Stops the runtime for ever, and the workers that run. Answers the id of its event. Idempotent. */
  stopRuntime(): Promise<bigint>;
  /** Forgets events with ids below `before`, at most the next id. Also of a stopped runtime. Resolves when that is durable; space comes back later. */
  trimEvents(before: bigint): Promise<void>;
  /** Forgets a worker that does not run, its transcript and its diagnostics. Its events stay. Also of a stopped runtime. */
  deleteWorker(worker: WorkerName): Promise<void>;
  /** Moves what is in the journal into pages, and brings the projection up to date where there is one. */
  checkpoint(): Promise<void>;
  /**
   * Writes the four files of yoi to another place, on any storage, as the runtime is when it is called. Files that are there are replaced.
   *
   * @param target - `prefix`: the directory of the runtime, default `runtimes/id-<hex>`.
   * @throws RUNTIME_MISSING if pages were replaced meanwhile: try again; errors of the storage.
   */
  exportFiles(target: { readonly storage: StorageBackend; readonly prefix?: string | undefined; readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Waits for what is in flight, ends followers, does a last checkpoint, lets go of the lock. Idempotent. */
  close(): Promise<void>;
}
