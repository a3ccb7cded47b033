import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRuntimeDirectory, RuntimeError, type NewWorker, type RuntimeErrorCode, type RuntimeEvent, type RuntimeStore, type TranscriptEntry, type WorkerDetail, type WorkerName } from "../../src/index.js";
import { refJson } from "./original-json.js";
import type { Answer, Json } from "./vectors.js";

export type Fields = Readonly<Record<string, Json>>;

/** What the original calls the errors of this package, where it has them. */
const VARIANTS: Readonly<Partial<Record<RuntimeErrorCode, string>>> = {
  RUNTIME_LIMIT_TOO_LARGE: "LimitTooLarge",
  RUNTIME_WRONG_CURSOR: "WrongRuntimeCursor",
  RUNTIME_WRONG_RUNTIME: "WrongRuntime",
  RUNTIME_WORKER_NOT_FOUND: "WorkerNotFound",
  RUNTIME_STOPPED: "RuntimeStopped",
  RUNTIME_INVALID_REQUEST: "InvalidRequest",
};

/** A runtime in a directory, asked as the recorded scripts and queries ask the original, and answering as it does. */
export class AskedRuntime {
  readonly #root: string;
  readonly #runtimeId: string;
  #store: RuntimeStore | undefined;

  constructor(root: string, runtimeId: string) {
    this.#root = root;
    this.#runtimeId = runtimeId;
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  /** One step of a script. */
  async run(step: Fields): Promise<Answer> {
    if (step["op"] === "open") await this.close();
    this.#store ??= await this.#open(step["op"] === "open" ? step : {});
    return answered(this.#step(this.#store, step));
  }

  /** One query. */
  async query(query: Fields): Promise<Answer> {
    this.#store ??= await this.#open({});
    const store = this.#store;
    const ask = query["q"] === "events" ? this.#events(store, query) : this.#transcript(store, query);
    return answered(ask);
  }

  #open({ display_name: displayName, limits }: Fields): Promise<RuntimeStore> {
    const { max_event_batch_items: events, max_transcript_projection_items: items } = (limits ?? {}) as { readonly max_event_batch_items?: bigint; readonly max_transcript_projection_items?: bigint };
    return openRuntimeDirectory(this.#root, {
      runtimeId: this.#runtimeId,
      displayName: typeof displayName === "string" ? displayName : undefined,
      limits: { maxEventBatchItems: events, maxTranscriptProjectionItems: items },
    });
  }

  async #step(store: RuntimeStore, step: Fields): Promise<Json> {
    const worker = workerOf(step);
    switch (textOf(step, "op")) {
      case "open":
      case "summary":
        return summaryJson(store);
      case "list_workers":
        return listJson(store);
      case "worker_detail":
        return detailJson(store.getWorker(worker));
      case "diagnostics":
        return store.diagnostics().map(({ workerRef, ...it }) => ({ ...it, ...(workerRef && { worker_ref: refJson(workerRef) }) }));
      case "create_worker":
        return detailJson(await store.createWorker(requestOf(step["request"] as Fields)));
      case "send_input": {
        const { kind, content } = step["input"] as { readonly kind: string; readonly content: string };
        const { workerRef, status, transcriptSequence, eventId } = await store.sendInput(worker, { role: kind, content });
        return { worker_ref: refJson(workerRef), status, transcript_sequence: transcriptSequence, event_id: eventId };
      }
      case "stop_worker":
      case "cancel_worker": {
        const reason = typeof step["reason"] === "string" ? step["reason"] : undefined;
        const { workerRef, status, eventId } = await (step["op"] === "stop_worker" ? store.stopWorker(worker, reason) : store.cancelWorker(worker, reason));
        return { worker_ref: refJson(workerRef), status, event_id: eventId };
      }
      case "stop_runtime":
        return store.stopRuntime();
      case "rt_read_events":
        return this.#events(store, step);
      case "rt_transcript":
        return this.#transcript(store, step);
      default:
        throw new Error(`no step ${textOf(step, "op")}`);
    }
  }

  async #events(store: RuntimeStore, query: Fields): Promise<Json> {
    const runtimeId = typeof query["runtime_id"] === "string" ? query["runtime_id"] : this.#runtimeId;
    const { events, cursor, hasMore } = await store.readEvents({ runtimeId, nextEventId: query["cursor"] as bigint }, Number(query["limit"]));
    return { runtime_id: store.runtimeId, events: events.map(eventJson), cursor: { runtime_id: cursor.runtimeId, next_event_id: cursor.nextEventId }, has_more: hasMore };
  }

  async #transcript(store: RuntimeStore, query: Fields): Promise<Json> {
    const { workerRef, start, limit, items, totalItems, nextStart } = await store.readTranscript(workerOf(query), { start: Number(query["start"]), limit: Number(query["limit"]) });
    return {
      worker_ref: refJson(workerRef),
      start: BigInt(start),
      limit: BigInt(limit),
      items: items.map(entryJson),
      total_items: BigInt(totalItems),
      next_start: nextStart === undefined ? null : BigInt(nextStart),
    };
  }
}

/** Sets the limits of a runtime that is stored: the original's store takes them with each query. */
export function setLimits(root: string, runtimeDirectory: string, max: bigint): void {
  const file = join(root, runtimeDirectory, "runtime.json");
  writeFileSync(file, readFileSync(file, "utf8").replace(/("max_[a-z_]+_items": )\d+/g, `$1${max.toString()}`));
}

async function answered(ask: Promise<Json>): Promise<Answer> {
  try {
    return { status: "ok", value: await ask };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return { status: "error", variant: VARIANTS[error.code] ?? error.code, message: error.message };
  }
}

/** The text of a field; nothing if it has none. */
export function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

function workerOf(step: Fields): WorkerName {
  const workerId = textOf(step, "worker_id");
  return typeof step["runtime_id"] === "string" && step["op"] !== "open" ? { runtimeId: step["runtime_id"], workerId } : workerId;
}

function requestOf(request: Fields): NewWorker {
  const { intent, profile, config_bundle: configBundle, requested_capabilities: requestedCapabilities, workspace_refs: workspaceRefs, mount_refs: mountRefs } = request;
  return Object.fromEntries(Object.entries({ intent, profile, configBundle, requestedCapabilities, workspaceRefs, mountRefs }).filter(([, value]) => value !== undefined)) as unknown as NewWorker;
}

function summaryJson(store: RuntimeStore): Json {
  const its = store.summary();
  const count = (value: number): bigint => BigInt(value);
  return {
    runtime_id: its.runtimeId,
    display_name: its.displayName ?? null,
    backend: "fs_store",
    status: its.status,
    limits: { max_event_batch_items: its.limits.maxEventBatchItems, max_transcript_projection_items: its.limits.maxTranscriptProjectionItems },
    worker_count: count(its.workerCount),
    active_worker_count: count(its.activeWorkerCount),
    stopped_worker_count: count(its.stoppedWorkerCount),
    cancelled_worker_count: count(its.cancelledWorkerCount),
    diagnostic_count: count(its.diagnosticCount),
  };
}

function listJson(store: RuntimeStore): Json {
  return store.listWorkers().map((it) => ({
    worker_ref: refJson(it.workerRef),
    runtime_id: it.workerRef.runtimeId,
    worker_id: it.workerRef.workerId,
    status: it.status,
    intent: { ...it.intent },
    profile: { ...it.profile },
    has_config_bundle: it.hasConfigBundle,
    requested_capability_count: BigInt(it.requestedCapabilityCount),
    transcript_len: BigInt(it.transcriptLength),
    last_event_id: it.lastEventId,
  }));
}

function detailJson(its: WorkerDetail): Json {
  const many = (name: string, items: readonly object[]): Fields => (items.length === 0 ? {} : { [name]: items.map((it) => ({ ...it })) });
  return {
    worker_ref: refJson(its.workerRef),
    runtime_id: its.workerRef.runtimeId,
    worker_id: its.workerRef.workerId,
    status: its.status,
    intent: { ...its.intent },
    profile: { ...its.profile },
    ...(its.configBundle === undefined ? {} : { config_bundle: { ...its.configBundle } }),
    ...many("requested_capabilities", its.requestedCapabilities),
    ...many("workspace_refs", its.workspaceRefs),
    ...many("mount_refs", its.mountRefs),
    transcript_len: BigInt(its.transcriptLength),
    last_event_id: its.lastEventId,
  };
}

function eventJson(event: RuntimeEvent): Json {
  const { id, workerRef, message } = event;
  return { id, ...(workerRef && { worker_ref: refJson(workerRef) }), kind: { kind: event.kind === "unrecognised" ? event.ownKind : event.kind }, message };
}

function entryJson({ sequence, workerRef, role, content, eventId }: TranscriptEntry): Json {
  return { sequence, worker_ref: refJson(workerRef), role, content, event_id: eventId };
}
