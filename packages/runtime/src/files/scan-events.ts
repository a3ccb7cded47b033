import { EVENT_START, readEvent } from "../format/event-line.js";
import type { EventRecord } from "../format/model.js";
import type { LineFormat } from "../format/values-of-line.js";
import type { FindingList } from "./finding.js";
import { readLines, type LineSource } from "./read-lines.js";
import type { FoundTail } from "./repair-tails.js";
import { StragglerQueue, type OnTwin, type Straggler } from "./straggler-queue.js";

/** What a file of events has, without the events. */
export interface EventScan {
  /** `undefined` if there is no such file. */
  readonly tail: FoundTail | undefined;
  readonly count: number;
  /** 0 without events. */
  readonly largestId: bigint;
  readonly stragglers: readonly Straggler[];
  /** Of this runtime's workers that events name. */
  readonly workerIds: ReadonlySet<string>;
}

/** Reads all events once, and says what is wrong with their lines. Keeps what is out of order in mind, by its place. */
export async function scanEvents(source: LineSource, runtimeId: string, findings: FindingList): Promise<EventScan> {
  const { key } = source;
  const workerIds = new Set<string>();
  const stragglers: Straggler[] = [];
  let largestId = 0n;
  let count = 0;
  let tail: FoundTail | undefined;
  for await (const batch of readLines(source, eventFormat)) {
    for (const fault of batch.faults) findings.add({ ...fault, key });
    for (const { value, line, offset, bytes } of batch.values) {
      const ref = value.workerRef;
      if (ref?.runtimeId === runtimeId) workerIds.add(ref.workerId);
      else if (ref !== undefined) findings.add({ code: "foreign_reference", message: `event ${value.id.toString()} names a worker of runtime ${ref.runtimeId}`, key, line, offset });
      if (value.id <= largestId) stragglers.push({ id: value.id, line, offset, length: bytes.length });
      else largestId = value.id;
      count += 1;
    }
    tail = batch.tail ?? tail;
  }
  if (stragglers.length > 0) await reportTwins(source, stragglers, findings);
  return { tail, count, largestId, stragglers, workerIds };
}

/**
 * The events of a file in ascending order of their ids, whatever the order of the lines. Equal lines with one id are one event; different
 * ones with one id follow each other in the order of the file.
 */
export async function* eventsInOrder(source: LineSource, stragglers: readonly Straggler[], onTwin: OnTwin = () => undefined): AsyncGenerator<EventRecord, void, undefined> {
  const queue = new StragglerQueue(source, eventFormat, stragglers, onTwin);
  let largestId = 0n;
  for await (const { values } of readLines(source, eventFormat)) {
    for (const { value, bytes } of values) {
      if (value.id <= largestId) continue; // Comes from the queue.
      largestId = value.id;
      while (queue.nextId !== undefined && queue.nextId < value.id) yield* queue.takeGroup([]);
      yield value;
      if (queue.nextId === value.id) yield* queue.takeGroup([new Uint8Array(bytes)]);
    }
  }
}

const eventFormat: LineFormat<EventRecord> = { start: EVENT_START, read: readEvent };

async function reportTwins(source: LineSource, stragglers: readonly Straggler[], findings: FindingList): Promise<void> {
  const report: OnTwin = ({ id, line, offset }, code) => {
    const message = code === "line_repeated" ? `line ${line} repeats event ${id.toString()}` : `line ${line} is another event ${id.toString()}`;
    findings.add({ code, message, key: source.key, line, offset });
  };
  const events = eventsInOrder(source, stragglers, report);
  while ((await events.next()).done !== true);
}
