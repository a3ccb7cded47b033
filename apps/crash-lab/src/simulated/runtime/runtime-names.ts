import type { RuntimeStore } from "@holdfast/runtime";
import { Violation } from "../violation.js";

/** The only worker of the histories. */
export const WORKER = "worker-00000001";

/** The content of an entry with this name and so many bytes of filling. */
export function contentOf(name: number, bytes: number): string {
  return `${name} ${"x".repeat(bytes)}`;
}

/**
 * Names of the entries that a store shows, in order, asked for in pages.
 *
 * @throws Violation of I4 if transcript, events, worker and counters do not tell the same story.
 */
export async function shownNames(store: RuntimeStore): Promise<readonly number[]> {
  const ids = await eventIds(store);
  const next = store.cursorNow().nextEventId;
  const [first] = ids;
  const gap = ids.findIndex((id, index) => id !== (first ?? 0n) + BigInt(index));
  if (gap >= 0) throw new Violation("I4", `event ${String(ids[gap])} stands where ${String((first ?? 0n) + BigInt(gap))} is expected`);
  if (first !== undefined && ids.at(-1) !== next - 1n) throw new Violation("I4", `the last event is ${String(ids.at(-1))}, and the next one ${String(next)}`);
  if (store.listWorkers().length === 0) return [];
  const { transcriptLength, lastEventId } = store.getWorker(WORKER);
  const names: number[] = [];
  let sequence = 1n;
  for (let start: number | undefined = 0; start !== undefined; ) {
    const page: Awaited<ReturnType<RuntimeStore["readTranscript"]>> = await store.readTranscript(WORKER, { start, limit: 3 });
    for (const entry of page.items) {
      if (entry.sequence !== sequence) throw new Violation("I4", `entry ${String(entry.sequence)} stands at ${String(sequence)}`);
      if (entry.eventId > lastEventId) throw new Violation("I4", `an entry is of event ${String(entry.eventId)}, and the worker's last one is ${String(lastEventId)}`);
      if (entry.eventId >= (first ?? next) && !ids.includes(entry.eventId)) throw new Violation("I4", `an entry is of event ${String(entry.eventId)}, which is not there`);
      names.push(Number.parseInt(entry.content, 10));
      sequence += 1n;
    }
    start = page.nextStart;
  }
  if (names.length !== transcriptLength) throw new Violation("I4", `the transcript has ${names.length} entries, and the worker says ${transcriptLength}`);
  return names;
}

async function eventIds(store: RuntimeStore): Promise<readonly bigint[]> {
  const ids: bigint[] = [];
  for (let cursor = store.cursorFromStart(); ; ) {
    const page = await store.readEvents(cursor, 3);
    ids.push(...page.events.map(({ id }) => id));
    cursor = page.cursor;
    if (!page.hasMore) return ids;
    if (page.events.length === 0) throw new Violation("I11", "a page of events is empty, and there are more");
  }
}
