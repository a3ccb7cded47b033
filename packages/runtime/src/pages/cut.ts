import type { EventRecord, WorkerRecord } from "../format/model.js";
import { RuntimeState, type EventPageRef, type PageNumbers, type PageRef, type TranscriptRange, type WorkerState } from "../state/runtime-state.js";

/** A state as it was in one moment, whose events and entries in memory move into pages while the state goes on. */
export interface Cut {
  readonly seq: number;
  /** Everything but pages, workers and what is in memory. */
  readonly frame: RuntimeState;
  /** The first so many in memory. */
  readonly events: readonly EventRecord[];
  readonly eventPages: readonly EventPageRef[];
  readonly transcriptPages: ReadonlyMap<number, PageRef>;
  readonly workers: readonly WorkerCut[];
}

/** A worker in the moment of the cut. */
export interface WorkerCut {
  readonly worker: WorkerState;
  readonly record: WorkerRecord;
  readonly ranges: readonly TranscriptRange[];
  readonly pagedLength: number;
  /** Entries in memory. */
  readonly entries: number;
}

/** What the pages are afterwards. */
export interface PagedCut {
  readonly eventPages: readonly EventPageRef[];
  readonly transcriptPages: ReadonlyMap<number, PageRef>;
  /** By worker, as in the cut. */
  readonly ranges: readonly (readonly TranscriptRange[])[];
  readonly nextPages: PageNumbers;
}

/** The state as it is now. Costs as much as there are workers, not what they did. */
export function cutState(state: RuntimeState, maxDiagnostics: number): Cut {
  const frame = new RuntimeState(state.record, maxDiagnostics);
  frame.eventFloor = state.eventFloor;
  for (const [workerId, damage] of state.damaged) frame.damaged.set(workerId, damage);
  const workers = [...state.workers.values()].map((worker) => {
    const { record, ranges, pagedLength, tail } = worker;
    return { worker, record, ranges, pagedLength, entries: tail.length };
  });
  const { seq, eventPages, transcriptPages } = state;
  return { seq, frame, events: state.events.slice(), eventPages, transcriptPages, workers };
}

/** The state of the cut as it was, with what was in memory: for whoever reads it while the state goes on. */
export function frozenState(cut: Cut): RuntimeState {
  const { frame } = cut;
  frame.seq = cut.seq;
  frame.events = [...cut.events];
  frame.eventPages = cut.eventPages;
  frame.transcriptPages = cut.transcriptPages;
  for (const { worker, record, ranges, pagedLength, entries } of cut.workers) frame.addWorker({ record, ranges, pagedLength, tail: worker.tail.slice(0, entries) });
  return frame;
}

/** The state of the cut with everything in pages, for a snapshot. */
export function pagedState(cut: Cut, paged: PagedCut): RuntimeState {
  const { frame } = cut;
  frame.eventPages = paged.eventPages;
  frame.transcriptPages = paged.transcriptPages;
  frame.nextPages = paged.nextPages;
  for (const [index, { record, pagedLength, entries }] of cut.workers.entries()) {
    frame.addWorker({ record, ranges: paged.ranges[index] ?? [], tail: [], pagedLength: pagedLength + entries });
  }
  return frame;
}

/** Lets go of what is in pages now. What has come since the cut stays in memory. */
export function letGo(state: RuntimeState, cut: Cut, paged: PagedCut): void {
  state.eventPages = paged.eventPages;
  state.transcriptPages = paged.transcriptPages;
  state.nextPages = paged.nextPages;
  state.events = state.events.slice(cut.events.length);
  for (const [index, { worker, pagedLength, entries }] of cut.workers.entries()) {
    worker.ranges = paged.ranges[index] ?? [];
    worker.tail = worker.tail.slice(entries);
    worker.pagedLength = pagedLength + entries;
  }
}
