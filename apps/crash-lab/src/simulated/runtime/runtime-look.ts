import type { RuntimeEvent, RuntimeQueries, RuntimeSchemas, TranscriptEntry } from "@holdfast/runtime";
import { Violation } from "../violation.js";

/** The one runtime of these histories. */
export const RUNTIME_ID = "lab";

/** Of a kind that only this runtime has. `entries`: so many were appended with it. */
export interface OwnEvents {
  readonly note: { readonly entries: number };
}

/** A schema written by hand. */
export const SCHEMAS: RuntimeSchemas<OwnEvents, unknown> = {
  events: {
    note: {
      "~standard": {
        version: 1,
        vendor: "crash-lab",
        validate: (value) =>
          typeof value === "object" && value !== null && "entries" in value && typeof value.entries === "number" ? { value: { entries: value.entries } } : { issues: [{ message: "no number of entries" }] },
      },
    },
  },
};

/** All that a runtime showed to somebody, who asked for it in pages. */
export interface RuntimeLook {
  /** Ascending, without gaps. */
  readonly events: readonly SeenEvent[];
  /** Behind the last event. */
  readonly nextEventId: bigint;
  readonly workers: readonly SeenWorker[];
}

/** An event, as far as owners are compared by it. */
export interface SeenEvent {
  readonly id: bigint;
  /** Everything that it says. */
  readonly text: string;
  /** The mutation that it is of, where it says so. */
  readonly note: string | undefined;
}

/** A worker with its whole transcript, as far as owners are compared by it. */
export interface SeenWorker {
  readonly workerId: string;
  /** What it was made for: the mutation that made it. */
  readonly objective: string;
  readonly isRunning: boolean;
  readonly entries: readonly SeenEntry[];
}

/** An entry of a transcript, with the event that it came with. */
export interface SeenEntry {
  readonly sequence: bigint;
  readonly eventId: bigint;
  readonly content: string;
}

/**
 * Looks at everything, while nobody changes what is shown here.
 *
 * @throws Violation of I4 if events, transcripts, workers and counters do not tell the same story; what a query throws.
 */
export async function lookAt(store: RuntimeQueries<OwnEvents>): Promise<RuntimeLook> {
  const events: SeenEvent[] = [];
  for (let cursor = store.cursorFromStart(), hasMore = true; hasMore; ) {
    const page = await store.readEvents(cursor, 7);
    if (page.hasMore && page.events.length === 0) throw new Violation("I11", "a page of events is empty, and there are more");
    events.push(...page.events.map(seenEvent));
    ({ cursor, hasMore } = page);
  }
  const { nextEventId } = store.cursorNow();
  const gap = events.findIndex(({ id }, index) => id !== (events[0]?.id ?? 0n) + BigInt(index));
  if (gap >= 0) throw new Violation("I4", `event ${String(events[gap]?.id)} follows event ${String(events[gap - 1]?.id)}`);
  const last = events.at(-1)?.id;
  if (last !== undefined && last !== nextEventId - 1n) throw new Violation("I4", `the last event is ${String(last)}, and the next one ${String(nextEventId)}`);
  const workers: SeenWorker[] = [];
  for (const { workerRef } of store.listWorkers()) workers.push(await lookAtWorker(store, workerRef.workerId, nextEventId));
  return { events, nextEventId, workers };
}

async function lookAtWorker(store: RuntimeQueries<OwnEvents>, workerId: string, nextEventId: bigint): Promise<SeenWorker> {
  const { intent, status, transcriptLength, lastEventId } = store.getWorker(workerId);
  const entries: SeenEntry[] = [];
  for (let start: number | undefined = 0; start !== undefined; ) {
    const page: { readonly items: readonly TranscriptEntry[]; readonly nextStart: number | undefined } = await store.readTranscript(workerId, { start, limit: 5 });
    entries.push(...page.items.map(({ sequence, eventId, content }) => ({ sequence, eventId, content })));
    start = page.nextStart;
  }
  const strange = entries.find(({ sequence, eventId }, index) => sequence !== BigInt(index) + 1n || eventId > lastEventId);
  if (strange !== undefined) throw new Violation("I4", `${workerId} has an entry ${String(strange.sequence)} of event ${String(strange.eventId)} in a place that it cannot have; its last event is ${String(lastEventId)}`);
  if (entries.length !== transcriptLength) throw new Violation("I4", `${workerId} shows ${entries.length} entries, and says ${transcriptLength}`);
  if (lastEventId >= nextEventId) throw new Violation("I4", `the last event of ${workerId} is ${String(lastEventId)}, and the next one of all is ${String(nextEventId)}`);
  return { workerId, objective: intent.kind === "task" ? intent.objective : "", isRunning: status === "running", entries };
}

/** What of an event is compared. */
export function seenEvent(event: RuntimeEvent<OwnEvents>): SeenEvent {
  const { id, message, workerRef } = event;
  const { kind } = event;
  const payload = "payload" in event ? JSON.stringify(event.payload) : "";
  return { id, text: [kind, workerRef?.workerId ?? "", message, payload].join("|"), note: kind === "note" || kind === "worker_stopped" ? message : undefined };
}
