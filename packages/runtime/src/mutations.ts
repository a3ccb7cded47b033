import { MAX_U64 } from "@holdfast/bytes";
import { RuntimeError, invalidArgument, invalidRequest } from "./errors.js";
import type { EventRecord, TranscriptRecord, WorkerIntent, WorkerProfile, WorkerRecord, WorkerRef, WorkerRequest } from "./format/model.js";
import { isBlank } from "./format/id-segment.js";
import type { PendingRuntime } from "./state/pending.js";
import { workerIdOf } from "./state/runtime-state.js";
import type { Change } from "./stored/change.js";
import type { NewWorker, WorkerName } from "./types.js";

/*
 * What each mutation does, as changes, or why it is refused. Pure: nothing is written and nothing is changed here. The order of the checks
 * and the messages are the original's.
 */

/** What a mutation checks its texts with. */
export interface TextBounds {
  readonly maxContentBytes: number;
}

/** An entry, with its payload as JSON. */
export interface PlainEntry {
  readonly role: string;
  readonly content: string;
  readonly payloadJson?: string | undefined;
}

/** An event of a runtime's own, with its payload as JSON. */
export interface PlainEvent {
  readonly kind: string;
  readonly message: string;
  readonly payloadJson?: string | undefined;
}

/**
 * A worker with the next id that is free, the event of its making, and what there is to note about its request.
 *
 * @throws RUNTIME_STOPPED, RUNTIME_INVALID_REQUEST, RUNTIME_INVALID_ARGUMENT, RUNTIME_EXHAUSTED.
 */
export function planCreateWorker(pending: PendingRuntime, request: NewWorker, bounds: TextBounds): { readonly changes: readonly Change[]; readonly worker: WorkerRecord } {
  const operation = "createWorker";
  requireRunning(operation, pending);
  const checked = checkRequest(operation, request, bounds);
  const workerRef = { runtimeId: pending.runtime.runtimeId, workerId: freeWorkerId(operation, pending) };
  const event = nextEvent(operation, pending, { workerRef, kind: "worker_created", message: `worker ${workerRef.workerId} created` });
  const worker: WorkerRecord = { workerRef, status: "running", request: checked, nextTranscriptSequence: 1n, lastEventId: event.id };
  const changes: Change[] = [{ type: "worker", worker }, { type: "event", event }, ...diagnosticsOf(operation, pending, worker)];
  return { changes, worker };
}

/**
 * An entry of a worker's transcript, and the event of its arrival.
 *
 * @throws RUNTIME_STOPPED, RUNTIME_WRONG_RUNTIME, RUNTIME_WORKER_NOT_FOUND, RUNTIME_EXHAUSTED; RUNTIME_INVALID_REQUEST for a blank
 * text or role and for a worker that does not run; RUNTIME_INVALID_ARGUMENT for a text that cannot be stored.
 */
export function planInput(pending: PendingRuntime, name: WorkerName, entry: PlainEntry, bounds: TextBounds): { readonly changes: readonly Change[]; readonly entry: TranscriptRecord } {
  const operation = "sendInput";
  requireRunning(operation, pending);
  if (isBlank(entry.content)) throw invalidRequest(operation, "worker input content must not be empty");
  if (isBlank(entry.role)) throw invalidRequest(operation, "worker input role must not be empty");
  checkEntry(operation, entry, bounds);
  const worker = runningWorker(operation, pending, name);
  const event = nextEvent(operation, pending, { workerRef: worker.workerRef, kind: "worker_input_accepted", message: "worker input accepted" });
  const record = nextEntry(operation, worker, 0, entry, event.id);
  return {
    changes: [
      { type: "event", event },
      { type: "entry", entry: record },
    ],
    entry: record,
  };
}

/**
 * Entries of a worker's transcript, at least one, and one event that they all belong to.
 *
 * @param own - The event; without one the entries belong to the worker's last event.
 * @throws As {@link planInput}, but that texts may be blank; RUNTIME_INVALID_ARGUMENT also for no entry.
 */
export function planTranscript(pending: PendingRuntime, name: WorkerName, entries: readonly PlainEntry[], own: PlainEvent | undefined, bounds: TextBounds): { readonly changes: readonly Change[]; readonly first: TranscriptRecord; readonly last: TranscriptRecord } {
  const operation = "appendTranscript";
  requireRunning(operation, pending);
  for (const entry of entries) checkEntry(operation, entry, bounds);
  if (own !== undefined) checkEvent(operation, own, bounds);
  const worker = runningWorker(operation, pending, name);
  const event = own === undefined ? undefined : nextEvent(operation, pending, { workerRef: worker.workerRef, ...own });
  const records = entries.map((entry, index) => nextEntry(operation, worker, index, entry, event?.id ?? worker.lastEventId));
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) throw invalidArgument(operation, "there must be at least one entry");
  const changes: Change[] = event === undefined ? [] : [{ type: "event", event }];
  for (const entry of records) changes.push({ type: "entry", entry });
  return { changes, first, last };
}

/**
 * An event of the runtime, or of one of its workers.
 *
 * @param name - A worker, which must run; `undefined`: the event is the runtime's.
 * @throws As {@link planInput}, but that texts may be blank.
 */
export function planEvent(pending: PendingRuntime, own: PlainEvent, name: WorkerName | undefined, bounds: TextBounds): { readonly changes: readonly Change[]; readonly id: bigint } {
  const operation = "appendEvent";
  requireRunning(operation, pending);
  checkEvent(operation, own, bounds);
  const workerRef = name === undefined ? undefined : runningWorker(operation, pending, name).workerRef;
  const event = nextEvent(operation, pending, { ...(workerRef && { workerRef }), ...own });
  return { changes: [{ type: "event", event }], id: event.id };
}

/** @returns no changes if it does not run any more: the first of stop and cancel wins. */
export function planEnd(pending: PendingRuntime, name: WorkerName, status: "stopped" | "cancelled", reason: string | undefined, bounds: TextBounds): { readonly changes: readonly Change[]; readonly worker: WorkerRecord } {
  const operation = status === "stopped" ? "stopWorker" : "cancelWorker";
  requireRunning(operation, pending);
  if (reason !== undefined) checkText(operation, "reason", reason, bounds);
  const worker = requireWorker(operation, pending, name);
  if (worker.status !== "running") return { changes: [], worker };
  const event = nextEvent(operation, pending, { workerRef: worker.workerRef, kind: `worker_${status}`, message: reason ?? `worker ${status}` });
  return {
    changes: [
      { type: "status", workerId: worker.workerRef.workerId, status },
      { type: "event", event },
    ],
    worker: { ...worker, status, lastEventId: event.id },
  };
}

/** @returns no changes if it is stopped already. */
export function planStopRuntime(pending: PendingRuntime): { readonly changes: readonly Change[]; readonly id: bigint } {
  const { runtimeId, status, nextEventId } = pending.runtime;
  if (status === "stopped") return { changes: [], id: nextEventId - 1n };
  const event = nextEvent("stopRuntime", pending, { kind: "runtime_stopped", message: `runtime ${runtimeId} stopped` });
  return { changes: [{ type: "stopped" }, { type: "event", event }], id: event.id };
}

/**
 * Events with ids below `before` are forgotten.
 *
 * @throws RUNTIME_INVALID_ARGUMENT unless `before` is from 0 to the next event's id.
 */
export function planTrim(pending: PendingRuntime, before: bigint): readonly Change[] {
  if (typeof before !== "bigint" || before < 0n || before > pending.runtime.nextEventId) {
    throw invalidArgument("trimEvents", `before must be from 0 to the next event id, ${pending.runtime.nextEventId.toString()}`);
  }
  return [{ type: "trimmed", before }];
}

/** A worker that does not run goes, with its transcript. @throws RUNTIME_INVALID_REQUEST if it runs; RUNTIME_WRONG_RUNTIME, RUNTIME_WORKER_NOT_FOUND. */
export function planDelete(pending: PendingRuntime, name: WorkerName): readonly Change[] {
  const worker = requireWorker("deleteWorker", pending, name);
  if (worker.status === "running") throw invalidRequest("deleteWorker", `worker ${worker.workerRef.workerId} is running`);
  return [{ type: "deleted", workerId: worker.workerRef.workerId }];
}

/** The reference that is meant. @throws RUNTIME_WRONG_RUNTIME. */
export function resolveWorker(operation: string, runtimeId: string, name: WorkerName): WorkerRef {
  if (typeof name === "string") return { runtimeId, workerId: name };
  if (name.runtimeId === runtimeId) return name;
  throw new RuntimeError("RUNTIME_WRONG_RUNTIME", `worker ${shown(name.workerId)} belongs to runtime ${shown(name.runtimeId)}, not runtime ${runtimeId}`, { operation, outcome: "not_applied" });
}

/** RUNTIME_WORKER_NOT_FOUND, `not_applied`. */
export function workerNotFound(operation: string, { runtimeId, workerId }: WorkerRef): RuntimeError {
  return new RuntimeError("RUNTIME_WORKER_NOT_FOUND", `worker ${shown(workerId)} was not found in runtime ${runtimeId}`, { operation, outcome: "not_applied" });
}

/** A text that can be stored: UTF-8, and not longer than the bound. */
export function checkText(operation: string, what: string, text: unknown, { maxContentBytes }: TextBounds): void {
  if (typeof text !== "string") throw invalidArgument(operation, `${what} is not a text`);
  // A text has at least as many bytes as units; only what may be too long is counted.
  if (text.length > maxContentBytes || (text.length * 3 > maxContentBytes && Buffer.byteLength(text) > maxContentBytes)) {
    throw invalidArgument(operation, `${what} has more than ${maxContentBytes} bytes`);
  }
  if (/\p{Surrogate}/u.test(text)) throw invalidArgument(operation, `${what} has half a character`);
}

function requireRunning(operation: string, { runtime }: PendingRuntime): void {
  if (runtime.status === "running") return;
  throw new RuntimeError("RUNTIME_STOPPED", `runtime ${runtime.runtimeId} is stopped`, { operation, outcome: "not_applied" });
}

function requireWorker(operation: string, pending: PendingRuntime, name: WorkerName): WorkerRecord {
  const ref = resolveWorker(operation, pending.runtime.runtimeId, name);
  const worker = pending.worker(ref.workerId);
  if (worker === undefined) throw workerNotFound(operation, ref);
  return worker;
}

function runningWorker(operation: string, pending: PendingRuntime, name: WorkerName): WorkerRecord {
  const worker = requireWorker(operation, pending, name);
  if (worker.status !== "running") throw invalidRequest(operation, `worker ${worker.workerRef.workerId} is not running`);
  return worker;
}

function nextEvent(operation: string, { runtime }: PendingRuntime, event: Omit<EventRecord, "id">): EventRecord {
  const id = runtime.nextEventId;
  if (id >= MAX_U64 - 1n) throw exhausted(operation, "event ids");
  return { id, ...event };
}

function nextEntry(operation: string, worker: WorkerRecord, index: number, entry: PlainEntry, eventId: bigint): TranscriptRecord {
  const sequence = worker.nextTranscriptSequence + BigInt(index);
  if (sequence >= MAX_U64) throw exhausted(operation, "sequence numbers of the transcript");
  return { sequence, workerRef: worker.workerRef, role: entry.role, content: entry.content, eventId, ...(entry.payloadJson !== undefined && { payloadJson: entry.payloadJson }) };
}

/** The id of the next number that no worker has: those of a foreign directory may be ahead of its counter. */
function freeWorkerId(operation: string, pending: PendingRuntime): string {
  for (let sequence = pending.runtime.nextWorkerSequence; sequence < MAX_U64; sequence += 1n) {
    const workerId = workerIdOf(sequence);
    if (!pending.isTaken(workerId)) return workerId;
  }
  throw exhausted(operation, "worker numbers");
}

function exhausted(operation: string, what: string): RuntimeError {
  return new RuntimeError("RUNTIME_EXHAUSTED", `the ${what} are used up`, { operation, outcome: "not_applied" });
}

function diagnosticsOf(operation: string, { runtime }: PendingRuntime, { request, workerRef }: WorkerRecord): readonly Change[] {
  const found = [
    ...(request.configBundle === undefined ? [NO_BUNDLE] : []),
    ...(request.requestedCapabilities.length === 0 ? [NO_TOOLS] : []),
  ];
  if (runtime.nextDiagnosticId >= MAX_U64 - 2n) throw exhausted(operation, "diagnostic ids");
  return found.map((it, index) => ({ type: "diagnostic", diagnostic: { id: runtime.nextDiagnosticId + BigInt(index), severity: "info", ...it, workerRef } }));
}

const NO_BUNDLE = { code: "runtime.local_default_resources", message: "worker created without ConfigBundleRef; runtime-local defaults are assumed" };
const NO_TOOLS = { code: "worker.tools_less", message: "worker created without requested tool capabilities" };

function checkEntry(operation: string, entry: PlainEntry, bounds: TextBounds): void {
  checkText(operation, "role", entry.role, bounds);
  checkText(operation, "content", entry.content, bounds);
  if (entry.payloadJson !== undefined) checkText(operation, "payload", entry.payloadJson, bounds);
}

function checkEvent(operation: string, event: PlainEvent, bounds: TextBounds): void {
  checkText(operation, "kind", event.kind, bounds);
  checkText(operation, "message", event.message, bounds);
  if (event.payloadJson !== undefined) checkText(operation, "payload", event.payloadJson, bounds);
}

/** A copy of what is known of a request, with every text checked. */
function checkRequest(operation: string, request: NewWorker, bounds: TextBounds): WorkerRequest {
  const text = (what: string, value: string): string => {
    checkText(operation, what, value, bounds);
    return value;
  };
  const optional = (what: string, value: string | undefined): string | undefined => (value === undefined ? undefined : text(what, value));
  const intent = checkIntent(operation, request.intent, text, optional);
  const { requestedCapabilities = [], workspaceRefs = [], mountRefs = [], configBundle } = request;
  if (intent.kind === "task" && isBlank(intent.objective)) throw invalidRequest(operation, "task objective must not be empty");
  if (requestedCapabilities.some(({ name }) => isBlank(name))) throw invalidRequest(operation, "capability name must not be empty");
  return {
    intent,
    profile: checkProfile(operation, request.profile, text),
    ...(configBundle && { configBundle: { id: text("configBundle", configBundle.id) } }),
    requestedCapabilities: requestedCapabilities.map(({ name, reason }) => ({ name: text("capability", name), ...given("reason", optional("reason", reason)) })),
    workspaceRefs: workspaceRefs.map(({ name, reference }) => ({ name: text("workspace", name), reference: text("reference", reference) })),
    mountRefs: mountRefs.map(({ name, reference }) => ({ name: text("mount", name), reference: text("reference", reference) })),
  };
}

type Check<T> = (what: string, value: T) => T;

function checkIntent(operation: string, intent: WorkerIntent, text: Check<string>, optional: Check<string | undefined>): WorkerIntent {
  switch (intent.kind) {
    case "task":
      return { kind: "task", objective: text("objective", intent.objective) };
    case "role":
      return { kind: "role", role: text("role", intent.role), ...given("purpose", optional("purpose", intent.purpose)) };
    case "assistant":
      return { kind: "assistant", ...given("purpose", optional("purpose", intent.purpose)) };
    default:
      throw invalidArgument(operation, "intent is none of assistant, task, role");
  }
}

function checkProfile(operation: string, profile: WorkerProfile, text: Check<string>): WorkerProfile {
  switch (profile.kind) {
    case "runtime_default":
      return { kind: "runtime_default" };
    case "builtin":
    case "named":
      return { kind: profile.kind, value: text("profile", profile.value) };
    default:
      throw invalidArgument(operation, "profile is none of runtime_default, builtin, named");
  }
}

function given<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  const none: Partial<Record<K, string>> = {};
  return value === undefined ? none : { ...none, [key]: value };
}

/** A hostile name may be of any length; a message is not. */
function shown(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
