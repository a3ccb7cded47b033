import { hasCode, type HoldfastError } from "@holdfast/storage";
import type { LogReader, LogRecord } from "@holdfast/wal";
import { Violation } from "../violation.js";
import { expectedError } from "./errors.js";
import { textOf } from "./record-text.js";
import type { Schedule } from "./schedule.js";

/** How {@link readThrough} reads. */
export interface ReadThroughOptions {
  /** What was acknowledged before. */
  readonly atLeast: number;
  /** Default: where the log begins. */
  readonly from?: number;
  readonly reverse?: boolean;
}

/** Reads everything that a log shows, forwards or backwards, and compares it with what was promised. Answers whether it came to the end. */
export async function readThrough(schedule: Pick<Schedule, "isCalm" | "ledger"> & Partial<Pick<Schedule, "isHarmed">>, log: Pick<LogReader, "firstSeq" | "read">, who: string, options: ReadThroughOptions): Promise<boolean> {
  const { ledger } = schedule;
  const wasCalm = schedule.isCalm;
  const records: { readonly seq: number; readonly text: string }[] = [];
  try {
    for await (const record of log.read({ from: options.from, reverse: options.reverse ?? false })) records.push(shown(record));
  } catch (error) {
    requireTrimAsked(schedule, expectedError(error, `reading by ${who}`, wasCalm, schedule.isHarmed));
    return false;
  }
  if (options.reverse === true) records.reverse();
  for (const [index, { seq, text }] of records.entries()) {
    const expected = (options.from ?? records[0]?.seq ?? 0) + index;
    if (seq !== expected) throw new Violation("I15", `${who} was given record ${seq} where ${expected} had to be`);
    ledger.deliver(seq, text);
  }
  const last = records.at(-1)?.seq ?? log.firstSeq - 1;
  if (last < options.atLeast) throw new Violation("I15", `${who} was told that the log ends at ${last}, after ${options.atLeast} was acknowledged`);
  const [first] = records;
  if (first !== undefined) ledger.begin(first.seq);
  return true;
}

/** Follows the log from its beginning, record by record, until it is stopped. What it was given last is told to `onRecord`. */
export async function followThrough(schedule: Schedule, reader: LogReader, who: string, stop: AbortSignal, onRecord: (seq: number) => void): Promise<void> {
  let next: number | undefined;
  while (!stop.aborted) {
    // A request that met a fault may be answered when faults are over.
    const wasCalm = schedule.isCalm;
    try {
      for await (const record of reader.follow({ signal: stop, ...(next === undefined ? {} : { from: next }) })) {
        const { seq, text } = shown(record);
        if (next === undefined) schedule.ledger.begin(seq);
        else if (seq !== next) throw new Violation("I15", `${who} was given record ${seq} behind record ${next - 1}`);
        schedule.ledger.deliver(seq, text);
        next = seq + 1;
        onRecord(seq);
      }
    } catch (error) {
      const told = expectedError(error, `following by ${who}`, wasCalm, schedule.isHarmed);
      requireTrimAsked(schedule, told);
      // It begins again where the log does.
      if (hasCode(told, "WAL_TRIMMED")) next = undefined;
    }
  }
}

function requireTrimAsked({ ledger }: Pick<Schedule, "ledger">, error: HoldfastError): void {
  if (hasCode(error, "WAL_TRIMMED") && "firstSeq" in error && typeof error.firstSeq === "number") ledger.begin(error.firstSeq);
}

function shown({ seq, value }: LogRecord<Uint8Array>): { readonly seq: number; readonly text: string } {
  return { seq, text: textOf(value) };
}
