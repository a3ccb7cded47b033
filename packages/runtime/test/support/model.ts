import { expect } from "vitest";
import type { RuntimeQueries } from "../../src/index.js";
import type { OwnEvents, OwnMessage } from "./history.js";

/** A runtime in the plainest way, and what an observer sees of one. */
export interface PlainRuntime {
  status: string;
  events: { id: bigint; kind: string; message: string; worker: string | undefined; payload?: unknown }[];
  workers: Record<string, PlainWorker>;
  diagnostics: { id: bigint; code: string; worker: string | undefined }[];
  nextEvent: bigint;
  nextWorker: number;
  nextDiagnostic: bigint;
}

interface PlainWorker {
  status: string;
  objective: string;
  lastEvent: bigint;
  nextSequence: bigint;
  entries: { sequence: bigint; role: string; content: string; event: bigint; payload?: unknown }[];
}

/** What a mutation does to a plain runtime. */
export type PlainMutation = (runtime: PlainRuntime) => void;

export function newPlain(): PlainRuntime {
  const runtime: PlainRuntime = { status: "running", events: [], workers: {}, diagnostics: [], nextEvent: 1n, nextWorker: 1, nextDiagnostic: 1n };
  addEvent(runtime, "runtime_started", "runtime started", undefined);
  return runtime;
}

function addEvent(runtime: PlainRuntime, kind: string, message: string, worker: string | undefined, payload?: unknown): bigint {
  const id = runtime.nextEvent;
  runtime.nextEvent += 1n;
  runtime.events.push({ id, kind, message, worker, ...(payload !== undefined && { payload }) });
  if (worker !== undefined && runtime.workers[worker] !== undefined) runtime.workers[worker].lastEvent = id;
  return id;
}

export const plain = {
  create: (objective: string): PlainMutation => (runtime) => {
    const worker = `worker-${runtime.nextWorker.toString(16).padStart(8, "0")}`;
    runtime.nextWorker += 1;
    runtime.workers[worker] = { status: "running", objective, lastEvent: 0n, nextSequence: 1n, entries: [] };
    addEvent(runtime, "worker_created", `worker ${worker} created`, worker);
    for (const code of ["runtime.local_default_resources", "worker.tools_less"]) {
      runtime.diagnostics.push({ id: runtime.nextDiagnostic, code, worker });
      runtime.nextDiagnostic += 1n;
    }
  },
  input: (worker: string, content: string): PlainMutation => (runtime) => {
    const event = addEvent(runtime, "worker_input_accepted", "worker input accepted", worker);
    addEntry(runtime, worker, "user", content, event);
  },
  turn: (worker: string, contents: readonly string[], payload: OwnMessage, own: { readonly tool: string } | undefined): PlainMutation => (runtime) => {
    const event = own === undefined ? (runtime.workers[worker]?.lastEvent ?? 0n) : addEvent(runtime, "tool_called", "", worker, own);
    for (const content of contents) addEntry(runtime, worker, "assistant", content, event, payload);
  },
  own: (tool: string): PlainMutation => (runtime) => {
    addEvent(runtime, "tool_called", "called", undefined, { tool });
  },
  end: (worker: string, status: "stopped" | "cancelled"): PlainMutation => (runtime) => {
    const found = runtime.workers[worker];
    if (found?.status !== "running") return;
    found.status = status;
    addEvent(runtime, `worker_${status}`, `worker ${status}`, worker);
  },
  stopAll: (): PlainMutation => (runtime) => {
    if (runtime.status === "stopped") return;
    runtime.status = "stopped";
    for (const worker of Object.values(runtime.workers)) if (worker.status === "running") worker.status = "stopped";
    addEvent(runtime, "runtime_stopped", "runtime agents stopped", undefined);
  },
  trim: (before: bigint): PlainMutation => (runtime) => {
    runtime.events = runtime.events.filter(({ id }) => id >= before);
  },
  delete: (worker: string): PlainMutation => (runtime) => {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- Ids of workers, made here.
    delete runtime.workers[worker];
    runtime.diagnostics = runtime.diagnostics.filter((it) => it.worker !== worker);
  },
};

function addEntry(runtime: PlainRuntime, worker: string, role: string, content: string, event: bigint, payload?: unknown): void {
  const found = runtime.workers[worker];
  if (found === undefined) throw new Error(`the model has no ${worker}`);
  found.entries.push({ sequence: found.nextSequence, role, content, event, ...(payload !== undefined && { payload }) });
  found.nextSequence += 1n;
}

/** What was promised to the users of one runtime, over all lives of its process. */
export class Model {
  acknowledged: PlainRuntime | undefined;
  /** In the order of their calls. */
  inFlight: PlainMutation[] = [];

  /** The state behind everything that is on its way. */
  get pending(): PlainRuntime {
    return this.inFlight.reduce(applied, this.acknowledged ?? newPlain());
  }

  begin(mutation: PlainMutation): void {
    this.inFlight.push(mutation);
  }

  acknowledge(mutation: PlainMutation): void {
    expect(this.inFlight[0]).toBe(mutation);
    this.inFlight.shift();
    this.acknowledged = applied(this.acknowledged ?? newPlain(), mutation);
  }

  /** Checks what an opening shows; from then on it is what was promised. */
  opened(found: PlainRuntime): void {
    const possible = [this.acknowledged ?? newPlain()];
    for (const mutation of this.inFlight) possible.push(applied(possible.at(-1) ?? newPlain(), mutation));
    const match = possible.find((it) => sameText(it) === sameText(found));
    // Shows the difference to what must be there at least.
    if (match === undefined) expect(shown(found)).toEqual(shown(possible[0] ?? newPlain()));
    expect(match).toBeDefined();
    this.acknowledged = match;
    this.inFlight = [];
  }
}

function applied(runtime: PlainRuntime, mutation: PlainMutation): PlainRuntime {
  const copy = structuredClone(runtime);
  mutation(copy);
  return copy;
}

/** What can be seen: the counters show in what comes next. */
export function shown({ status, events, workers, diagnostics, nextEvent }: PlainRuntime): unknown {
  const seen = Object.entries(workers).map(([id, worker]) => [id, { ...worker, nextSequence: 0n }] as const);
  return { status, events, workers: Object.fromEntries(seen), diagnostics, nextEvent };
}

function sameText(runtime: PlainRuntime): string {
  return JSON.stringify(shown(runtime), (_, value: unknown) => (typeof value === "bigint" ? `${value.toString()}n` : value));
}

/** Everything that a store or a reader shows, asked for in pages. */
export async function observe(store: RuntimeQueries<OwnEvents, OwnMessage> | RuntimeQueries): Promise<PlainRuntime> {
  const events: PlainRuntime["events"] = [];
  for (let cursor = store.cursorFromStart(); ; ) {
    const page = await store.readEvents(cursor, 3);
    for (const event of page.events) {
      events.push({ id: event.id, kind: event.kind, message: event.message, worker: event.workerRef?.workerId, ...("payload" in event && { payload: event.payload }) });
    }
    cursor = page.cursor;
    if (!page.hasMore) break;
    expect(page.events).not.toEqual([]);
  }
  const workers: PlainRuntime["workers"] = {};
  for (const { workerRef, status, lastEventId, transcriptLength } of store.listWorkers()) {
    const { intent } = store.getWorker(workerRef);
    const entries: PlainWorker["entries"] = [];
    for (let start: number | undefined = 0; start !== undefined; ) {
      const page: Awaited<ReturnType<typeof store.readTranscript>> = await store.readTranscript(workerRef, { start, limit: 4 });
      expect(page.totalItems).toBe(transcriptLength);
      for (const { sequence, role, content, eventId, payload } of page.items) entries.push({ sequence, role, content, event: eventId, ...(payload !== undefined && { payload }) });
      start = page.nextStart;
    }
    workers[workerRef.workerId] = { status, objective: intent.kind === "task" ? intent.objective : "", lastEvent: lastEventId, nextSequence: 0n, entries };
  }
  const diagnostics = store.diagnostics().map(({ id, code, workerRef }) => ({ id, code, worker: workerRef?.workerId }));
  return { status: store.summary().status, events, workers, diagnostics, nextEvent: store.cursorNow().nextEventId, nextWorker: 0, nextDiagnostic: 0n };
}
