import { hasCode } from "@holdfast/storage";
import { invalidArgument, RuntimeError } from "./errors.js";
import type { EventRecord, TranscriptRecord } from "./format/model.js";
import { resolveWorker, workerNotFound } from "./mutations.js";
import type { PageStore } from "./pages/page-store.js";
import { transcriptLength, type RuntimeState, type TranscriptRange, type WorkerState } from "./state/runtime-state.js";
import type { EventCursor, WorkerName } from "./types.js";

/** What a query reads from, as it is when it is asked for. */
export interface QuerySource {
  readonly state: RuntimeState;
  readonly pages: PageStore;
  /** Looks what has become of the runtime, where somebody else writes it. */
  refresh?(): Promise<void>;
}

/** Events of a page, before their payloads are looked at. */
export interface PlainEventPage {
  readonly events: readonly EventRecord[];
  readonly next: bigint;
  readonly hasMore: boolean;
}

/**
 * The events from a cursor on. Costs what it answers: one index and one block of a page, or memory.
 *
 * @throws RUNTIME_WRONG_CURSOR, RUNTIME_LIMIT_TOO_LARGE, RUNTIME_INVALID_ARGUMENT, RUNTIME_CORRUPT, RUNTIME_MISSING.
 */
export async function queryEvents(source: QuerySource, cursor: EventCursor, limit: number): Promise<PlainEventPage> {
  const operation = "readEvents";
  const { state } = source;
  if (cursor.runtimeId !== state.runtimeId) {
    throw new RuntimeError("RUNTIME_WRONG_CURSOR", `cursor belongs to runtime ${cursor.runtimeId.slice(0, 200)}, not runtime ${state.runtimeId}`, { operation });
  }
  checkLimit(operation, limit, state.runtime.limits.maxEventBatchItems);
  const { nextEventId } = cursor;
  if (typeof nextEventId !== "bigint" || nextEventId < 0n || nextEventId >= 2n ** 64n) throw invalidArgument(operation, "nextEventId must be from 0 to 2^64 - 1");
  const events = await untilStill(source, () => {
    const { eventFloor } = source.state;
    return eventsFrom(source, nextEventId > eventFloor ? nextEventId : eventFloor, limit);
  });
  const next = (events.at(-1)?.id ?? nextEventId - 1n) + 1n;
  return { events, next, hasMore: lastEventId(source.state) >= next };
}

/** Entries of a transcript, before their payloads are looked at. */
export interface PlainTranscriptPage {
  readonly worker: WorkerState;
  readonly items: readonly TranscriptRecord[];
  readonly totalItems: number;
  readonly nextStart: number | undefined;
}

/**
 * The entries of a transcript from a position on.
 *
 * @throws RUNTIME_LIMIT_TOO_LARGE, RUNTIME_WRONG_RUNTIME, RUNTIME_WORKER_NOT_FOUND, RUNTIME_WORKER_DAMAGED, RUNTIME_INVALID_ARGUMENT,
 * RUNTIME_CORRUPT, RUNTIME_MISSING.
 */
export async function queryTranscript(source: QuerySource, name: WorkerName, start: number, limit: number): Promise<PlainTranscriptPage> {
  const operation = "readTranscript";
  checkLimit(operation, limit, source.state.runtime.limits.maxTranscriptProjectionItems);
  if (!Number.isSafeInteger(start) || start < 0) throw invalidArgument(operation, "start must be a whole number from 0");
  return untilStill(source, async () => {
    const worker = requireWorker(operation, source.state, name);
    const totalItems = transcriptLength(worker);
    const end = Math.min(start + limit, totalItems);
    const items = await entriesFrom(source, worker, start, end);
    return { worker, items, totalItems, nextStart: Math.max(start, end) < totalItems ? end : undefined };
  });
}

/** @throws RUNTIME_WRONG_RUNTIME, RUNTIME_WORKER_NOT_FOUND, RUNTIME_WORKER_DAMAGED. */
export function requireWorker(operation: string, state: RuntimeState, name: WorkerName): WorkerState {
  const ref = resolveWorker(operation, state.runtimeId, name);
  const damage = state.damaged.get(ref.workerId);
  if (damage !== undefined) throw new RuntimeError(damage.code, damage.message, { operation });
  const worker = state.workers.get(ref.workerId);
  if (worker === undefined) throw workerNotFound(operation, ref);
  return worker;
}

/** The id of the last event that is kept; below every id if there is none. */
function lastEventId(state: RuntimeState): bigint {
  const last = state.events.at(-1)?.id ?? state.eventPages.at(-1)?.lastId ?? -1n;
  return last >= state.eventFloor ? last : -1n;
}

/** At most `limit` events, and those that share the last one's id. @param from - Not below the floor, unless pages that are below it are still there. */
export async function eventsFrom({ state, pages }: QuerySource, from: bigint, limit: number): Promise<EventRecord[]> {
  // What is in memory moves into pages, but never changes: both as they are now.
  const { events: tail, eventPages } = state;
  const found: EventRecord[] = [];
  /** Those that share an id belong together. */
  const isFull = (next: EventRecord): boolean => found.length >= limit && found.at(-1)?.id !== next.id;
  if (limit === 0) return found;
  for (let at = firstAtLeast(eventPages, (page) => page.lastId, from); at < eventPages.length; at++) {
    const page = eventPages[at];
    if (page === undefined) break;
    const index = await pages.index("events", page);
    for (let block = index.find(from, 0, index.blocks - 1); block < index.blocks; block++) {
      for (const event of await pages.events(page, index.block(block), state.runtimeId)) {
        if (event.id < from) continue;
        if (isFull(event)) return found;
        found.push(event);
      }
    }
  }
  for (let at = firstAtLeast(tail, (event) => event.id, from); at < tail.length; at++) {
    const event = tail[at];
    if (event === undefined || isFull(event)) break;
    found.push(event);
  }
  return found;
}

/** Entries from position `start` to before `end`. */
export async function entriesFrom(source: QuerySource, worker: WorkerState, start: number, end: number): Promise<TranscriptRecord[]> {
  const { ranges, tail, pagedLength } = worker;
  const found: TranscriptRecord[] = [];
  for (let at = firstAtLeast(ranges, lastPosition, start); at < ranges.length; at++) {
    const range = ranges[at];
    if (range === undefined || range.firstPosition >= end) break;
    found.push(...(await entriesOfRange(source, worker, range, start, end)));
  }
  if (end > pagedLength) found.push(...tail.slice(Math.max(0, start - pagedLength), end - pagedLength));
  return found;
}

async function entriesOfRange({ state, pages }: QuerySource, worker: WorkerState, range: TranscriptRange, start: number, end: number): Promise<readonly TranscriptRecord[]> {
  const page = state.transcriptPages.get(range.page);
  if (page === undefined) throw new RuntimeError("RUNTIME_MISSING", `page ${range.page} of transcripts is missing`, { operation: "readTranscript" });
  const index = await pages.index("transcripts", page);
  const found: TranscriptRecord[] = [];
  const last = range.firstBlock + range.blockCount - 1;
  for (let at = index.find(BigInt(start), range.firstBlock, last); at <= last; at++) {
    const block = index.block(at);
    const first = Number(block.firstKey);
    if (first >= end) break;
    const entries = await pages.entries(page, block, worker.record.workerRef);
    found.push(...entries.slice(Math.max(0, start - first), end - first));
  }
  return found;
}

/** Pages are removed when others have taken their place: a query that was slower is done again with those. */
async function untilStill<T>(source: QuerySource, run: () => Promise<T>): Promise<T> {
  for (;;) {
    const { eventPages, transcriptPages } = source.state;
    try {
      return await run();
    } catch (error) {
      if (!hasCode(error, "RUNTIME_MISSING")) throw error;
      await source.refresh?.();
      if (source.state.eventPages === eventPages && source.state.transcriptPages === transcriptPages) throw error;
    }
  }
}

function checkLimit(operation: string, limit: number, max: bigint): void {
  if (!Number.isSafeInteger(limit) || limit < 0) throw invalidArgument(operation, "limit must be a whole number from 0");
  if (BigInt(limit) <= max) return;
  throw new RuntimeError("RUNTIME_LIMIT_TOO_LARGE", `limit ${limit} exceeds maximum ${max.toString()}`, { operation });
}

function lastPosition(range: TranscriptRange): number {
  return range.firstPosition + range.count - 1;
}

/** Of items that ascend: the place of the first one with at least `bound`, or the length. */
function firstAtLeast<T, B extends bigint | number>(items: readonly T[], valueOf: (item: T) => B, bound: B): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const item = items[middle];
    if (item !== undefined && valueOf(item) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
