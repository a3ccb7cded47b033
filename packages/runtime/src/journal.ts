import { isHoldfastError } from "@holdfast/storage";
import { openLog, type Log, type LogBatch, type LogOptions, type LogReader } from "@holdfast/wal";
import { RuntimeError } from "./errors.js";
import { journalPrefix } from "./layout.js";
import type { RuntimeSettings } from "./options.js";
import type { RuntimeState } from "./state/runtime-state.js";
import { decodeMutation, type Change } from "./stored/change.js";
import { MalformedError } from "./stored/fields.js";

/** What opening a journal needs. */
export interface JournalPlace extends Pick<LogOptions, "storage" | "clock" | "random" | "signal"> {
  readonly settings: Pick<RuntimeSettings, "prefix" | "pageBytes">;
}

/** Opens the journal for writing. Its segments are small: what was moved into pages goes with them, and opening reads the newest one. */
export function openJournal({ settings, ...options }: JournalPlace): Promise<Log> {
  const segmentBytes = Math.min(Math.max(2 * settings.pageBytes, MIN_SEGMENT_BYTES), MAX_SEGMENT_BYTES);
  return openLog({ ...options, prefix: journalPrefix(settings.prefix), segmentBytes });
}

const MIN_SEGMENT_BYTES = 16 * 1024;
const MAX_SEGMENT_BYTES = 64 * 2 ** 20;

/** What a replay read. */
export interface Replay {
  readonly mutations: number;
  readonly bytes: number;
}

/**
 * Applies the records of the journal behind `state.seq`.
 *
 * @throws RUNTIME_CORRUPT for a record that is none of ours; errors of the log.
 */
export async function replayJournal(log: Log | LogReader, state: RuntimeState, signal?: AbortSignal): Promise<Replay> {
  let mutations = 0;
  let bytes = 0;
  for await (const batch of log.readBatches({ from: state.seq + 1, signal })) {
    for (const { seq, value } of recordsOf(batch)) {
      if (!countsAsBytes(applyRecord(state, seq, value))) continue;
      mutations += 1;
      bytes += value.length;
    }
  }
  return { mutations, bytes };
}

/** Whether a record is worth moving into pages: one that says what was done behind the mutations is not. */
export function countsAsBytes(changes: readonly Change[]): boolean {
  return changes.some(({ type }) => !BEHIND.has(type));
}

const BEHIND: ReadonlySet<Change["type"]> = new Set<Change["type"]>(["sealed", "projecting", "rewriting", "projected"]);

/** @throws RUNTIME_CORRUPT. */
export function applyRecord(state: RuntimeState, seq: number, record: Uint8Array): readonly Change[] {
  const changes = decodeRecord(seq, record, state.runtimeId);
  const imported = changes.find((change) => change.type === "imported");
  if (imported !== undefined && imported.seq > state.seq) {
    const message = `record ${seq} of the journal says that the snapshot through record ${imported.seq} replaced everything, and that snapshot cannot be read`;
    throw new RuntimeError("RUNTIME_CORRUPT", message, { operation: "open" });
  }
  state.apply(changes, seq);
  return changes;
}

/** @throws RUNTIME_CORRUPT. */
export function decodeRecord(seq: number, record: Uint8Array, runtimeId: string): readonly Change[] {
  try {
    return decodeMutation(record, runtimeId);
  } catch (cause) {
    if (!isHoldfastError(cause) && !(cause instanceof MalformedError)) throw cause;
    throw new RuntimeError("RUNTIME_CORRUPT", `record ${seq} of the journal is no mutation of a runtime`, { operation: "open", cause });
  }
}

function recordsOf(batch: LogBatch<Uint8Array>): readonly { readonly seq: number; readonly value: Uint8Array }[] {
  return batch.values.map((value, index) => ({ seq: batch.firstSeq + index, value }));
}
