/*
 * What a runtime is made of, as yoi keeps it in `runtimes/id-<hex>/{runtime.json, events.jsonl, workers/id-<hex>/{worker.json,
 * transcript.jsonl}}`. Every id, counter and limit is an unsigned 64-bit integer there, and therefore a bigint here.
 */

/** Names a worker. */
export interface WorkerRef {
  readonly runtimeId: string;
  readonly workerId: string;
}

/** A runtime that is `stopped` never runs again; it can be read, trimmed, and rid of workers. */
export type RuntimeStatus = "running" | "stopped";

/** A worker runs until it is stopped or cancelled, whichever comes first. */
export type WorkerStatus = "running" | "stopped" | "cancelled";

/** The most that one query may ask for. */
export interface RuntimeLimits {
  /** Entries of a transcript: 0 to 2^64 − 1. */
  readonly maxTranscriptProjectionItems: bigint;
  /** Events: 0 to 2^64 − 1. */
  readonly maxEventBatchItems: bigint;
}

/** How much a diagnostic matters. */
export type DiagnosticSeverity = "info" | "warning" | "error";

/** Something that whoever runs the runtime should know. */
export interface RuntimeDiagnostic {
  readonly id: bigint;
  readonly severity: DiagnosticSeverity;
  /** For programs: `worker.tools_less`. Any text. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  readonly workerRef?: WorkerRef | undefined;
}

/** `runtime.json`. */
export interface RuntimeRecord {
  readonly runtimeId: string;
  readonly displayName: string | undefined;
  readonly status: RuntimeStatus;
  readonly limits: RuntimeLimits;
  /** The number in the id of the next worker. */
  readonly nextWorkerSequence: bigint;
  readonly nextEventId: bigint;
  readonly nextDiagnosticId: bigint;
  readonly diagnostics: readonly RuntimeDiagnostic[];
}

/** What a worker is for. */
export type WorkerIntent =
  | { readonly kind: "assistant"; readonly purpose?: string | undefined }
  | { readonly kind: "task"; readonly objective: string }
  | { readonly kind: "role"; readonly role: string; readonly purpose?: string | undefined };

/** Which settings a worker starts from. */
export type WorkerProfile = { readonly kind: "runtime_default" } | { readonly kind: "builtin" | "named"; readonly value: string };

/** A tool or right that a worker asks for. */
export interface RequestedCapability {
  readonly name: string;
  readonly reason?: string | undefined;
}

/** Something outside that a worker works on, under a name. */
export interface NamedReference {
  readonly name: string;
  readonly reference: string;
}

/** What a worker is created from. */
export interface WorkerRequest {
  readonly intent: WorkerIntent;
  readonly profile: WorkerProfile;
  readonly configBundle?: { readonly id: string } | undefined;
  readonly requestedCapabilities: readonly RequestedCapability[];
  readonly workspaceRefs: readonly NamedReference[];
  readonly mountRefs: readonly NamedReference[];
}

/** `worker.json`. */
export interface WorkerRecord {
  readonly workerRef: WorkerRef;
  readonly status: WorkerStatus;
  readonly request: WorkerRequest;
  readonly nextTranscriptSequence: bigint;
  readonly lastEventId: bigint;
}

/** The kinds of events that yoi knows; it refuses a directory with any other. */
export type YoiEventKind = "runtime_started" | "runtime_stopped" | "worker_created" | "worker_input_accepted" | "worker_stopped" | "worker_cancelled";

/** A line of `events.jsonl`. */
export interface EventRecord {
  /** 1 to 2^64 − 2. */
  readonly id: bigint;
  readonly workerRef?: WorkerRef | undefined;
  /** One of {@link YoiEventKind}, or a runtime's own: any text. */
  readonly kind: string;
  readonly message: string;
  /** JSON text of what a runtime adds of its own, the last field of the line, `"payload"`; yoi ignores it. */
  readonly payloadJson?: string | undefined;
}

/** The roles that yoi knows; it refuses a directory with any other. */
export type YoiTranscriptRole = "user" | "system";

/** A line of `transcript.jsonl`. */
export interface TranscriptRecord {
  readonly sequence: bigint;
  readonly workerRef: WorkerRef;
  /** One of {@link YoiTranscriptRole}, or a runtime's own: any text. */
  readonly role: string;
  readonly content: string;
  readonly eventId: bigint;
  /** As in {@link EventRecord}. */
  readonly payloadJson?: string | undefined;
}
