import { markOf, markWith, type FileMark } from "../files/file-mark.js";
import type { RuntimeContent } from "../files/write-runtime-files.js";
import { writeEventLine } from "../format/event-line.js";
import type { EventRecord, TranscriptRecord } from "../format/model.js";
import { entriesFrom, eventsFrom, type QuerySource } from "../queries.js";
import { transcriptLength } from "../state/runtime-state.js";

/** Items that are read at once. */
const SOME = 256;

/** The events from id `from` to before `before`, in bounded memory. */
export async function* keptEvents(source: QuerySource, from: bigint, before: bigint): AsyncGenerator<EventRecord, void, undefined> {
  for (let cursor = from; ; ) {
    const events = await eventsFrom(source, cursor, SOME);
    for (const event of events) {
      if (event.id >= before) return;
      yield event;
    }
    const last = events.at(-1);
    if (last === undefined) return;
    cursor = last.id + 1n;
  }
}

/** The entries of a worker, in bounded memory. */
async function* keptEntries(source: QuerySource, workerId: string): AsyncGenerator<TranscriptRecord, void, undefined> {
  const worker = source.state.workers.get(workerId);
  if (worker === undefined) return;
  const length = transcriptLength(worker);
  for (let start = 0; start < length; start += SOME) yield* await entriesFrom(source, worker, start, Math.min(start + SOME, length));
}

/** All that is in the files of a runtime. */
export function keptContent(source: QuerySource): RuntimeContent {
  const { state } = source;
  return {
    runtime: state.record,
    workers: state.sortedWorkers.map(({ record }) => record),
    events: () => keptEvents(source, state.eventFloor, 2n ** 64n),
    transcript: (workerId) => keptEntries(source, workerId),
  };
}

/** The mark of an `events.jsonl` with these events. */
export async function markOfEvents(events: AsyncIterable<EventRecord>): Promise<FileMark> {
  let mark = markOf(new Uint8Array(0));
  for await (const event of events) mark = markWith(mark, writeEventLine(event));
  return mark;
}
