import { hasCode, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import { openLogReader, WalError, type Log } from "@holdfast/wal";
import { SnapshotError } from "./errors.js";
import { migrated, type EventRecords } from "./event-records.js";
import type { Apply } from "./reducer.js";
import type { OpenSnapshot, SkippedSnapshot, SnapshotEntry, SnapshotInfo, SnapshotStore } from "./snapshot-store.js";
import type { StateCodec } from "./state-codec.js";
import type { ReplayProgress } from "./state-types.js";

/** What a state is loaded from, and how. */
export interface StateSource<S, E> {
  readonly log: Log;
  /** Where the log is. */
  readonly place: { readonly storage: StorageBackend; readonly prefix: StoragePrefix };
  readonly snapshots: SnapshotStore;
  readonly initial: S;
  readonly apply: Apply<S, E>;
  readonly records: EventRecords<E>;
  readonly codec: StateCodec<S>;
  readonly version: number;
  readonly migrateState: ((state: unknown, from: number) => S) | undefined;
  readonly onProgress: ((progress: ReplayProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A state, and how it came to be. */
export interface LoadedState<S> {
  readonly state: S;
  readonly seq: number;
  readonly snapshot: SnapshotInfo | undefined;
  readonly replayedEvents: number;
  /** Of the events that were replayed. */
  readonly replayedBytes: number;
  readonly skipped: readonly SkippedSnapshot[];
}

/**
 * The state behind the log's last durable record: the newest readable snapshot, and the events behind it.
 *
 * @throws SNAPSHOT_AHEAD_OF_LOG, SNAPSHOT_GAP, SNAPSHOT_OF_ANOTHER_LOG, SNAPSHOT_UNSUPPORTED_VERSION, STATE_CODEC_FAILED,
 * STATE_REPLAY_FAILED, STATE_UNSUPPORTED_VERSION, or what log and storage say.
 */
export async function loadState<S, E>(source: StateSource<S, E>): Promise<LoadedState<S>> {
  for (let left = ATTEMPTS; ; left -= 1) {
    const listed = await listAll(source);
    try {
      return await loadOnce(source, listed);
    } catch (error) {
      // On object storage the writer before may still replace snapshots, and trim the log to them, while this one reads.
      const mayBeOvertaken = (hasCode(error, "SNAPSHOT_GAP") || hasCode(error, "WAL_TRIMMED")) && left > 1;
      if (!mayBeOvertaken || (await listAll(source)).at(-1)?.key === listed.at(-1)?.key) throw error;
    }
  }
}

/** Applies the log's records from `seq + 1` to the last durable one. */
export async function replay<S, E>(source: StateSource<S, E>, state: S, seq: number): Promise<{ readonly state: S; readonly seq: number; readonly bytes: number }> {
  const { log, records, apply, onProgress, signal } = source;
  const toSeq = log.durableSeq;
  let [last, result, bytes] = [seq, state, 0];
  if (toSeq <= seq) return { state, seq, bytes };
  for await (const batch of log.readBatches({ from: seq + 1, to: toSeq, signal })) {
    for (const record of batch.values) {
      last += 1;
      bytes += record.length;
      result = replayOne(result, records.decode(record, last, OPERATION), last, apply);
    }
    onProgress?.({ fromSeq: seq, seq: last, toSeq });
  }
  return { state: result, seq: last, bytes };
}

const OPERATION = "openStateStore";
const ATTEMPTS = 3;

async function loadOnce<S, E>(source: StateSource<S, E>, listed: readonly SnapshotEntry[]): Promise<LoadedState<S>> {
  const { log, snapshots, signal } = source;
  await requireNotAhead(source, listed.at(-1));
  const { found, skipped } = await snapshots.newest((snapshot) => readState(source, snapshot), { signal });
  const baseSeq = found?.info.seq ?? 0;
  if (log.firstSeq > baseSeq + 1) throw gap(log, found?.info, skipped);
  const { state, seq, bytes } = await replay(source, found === undefined ? source.initial : found.value, baseSeq);
  return { state, seq, snapshot: found?.info, replayedEvents: seq - baseSeq, replayedBytes: bytes, skipped };
}

async function listAll<S, E>({ snapshots, signal }: StateSource<S, E>): Promise<readonly SnapshotEntry[]> {
  const entries: SnapshotEntry[] = [];
  for await (const entry of snapshots.list({ signal })) entries.push(entry);
  return entries;
}

async function readState<S, E>(source: StateSource<S, E>, { info, body }: OpenSnapshot): Promise<S> {
  requireSameLog(source.log, info);
  const { codec, version, migrateState } = source;
  const reading = new GuardedReading(body);
  let state: S;
  try {
    state = await codec.decode(reading.pieces());
    await reading.finish();
  } catch (cause) {
    // Whatever the codec makes of it: what was wrong is what the reading says.
    if (reading.failure !== undefined) throw reading.failure.error;
    throw new SnapshotError("STATE_CODEC_FAILED", `the codec "${codec.name}" refused the state in ${info.key}`, { operation: OPERATION, key: info.key, seq: info.seq, cause });
  }
  if (info.version === version) return state;
  return migrated(`the state in ${info.key}`, state, { from: info.version, version, migrate: migrateState, seq: info.seq, operation: OPERATION });
}

/** A body that remembers how it failed, and can be read on where a codec has stopped. */
class GuardedReading {
  readonly #iterator: AsyncIterator<Uint8Array>;
  failure: { readonly error: unknown } | undefined;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  pieces(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next() }) };
  }

  async finish(): Promise<void> {
    while ((await this.#next()).done !== true);
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#iterator.next();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

/** A snapshot holds durable records only, so a log that ends before any of them, readable or not, has lost some. */
async function requireNotAhead<S, E>(source: StateSource<S, E>, newest: SnapshotEntry | undefined): Promise<void> {
  const { nextSeq } = source.log;
  if (newest === undefined || newest.seq < nextSeq) return;
  await requireNotOvertaken(source, newest.seq);
  const message = `${newest.key} holds the records up to ${newest.seq}, and the log ends with ${nextSeq - 1}`;
  throw new SnapshotError("SNAPSHOT_AHEAD_OF_LOG", message, { operation: OPERATION, key: newest.key, seq: newest.seq });
}

/** On object storage somebody else may have taken the log over since it was opened, and gone on: then nothing is lost. */
async function requireNotOvertaken<S, E>({ place: { storage, prefix }, signal }: StateSource<S, E>, seq: number): Promise<void> {
  await using reader = await openLogReader({ storage, prefix, signal });
  const record = await reader.get(seq, { signal }).catch((error: unknown) => {
    if (hasCode(error, "WAL_TRIMMED")) return error;
    throw error;
  });
  if (record === undefined) return;
  throw new WalError("WAL_FENCED", "somebody else took this state over while it was being opened", { operation: OPERATION, key: prefix, outcome: "not_applied", retryable: true });
}

/** Where a log was lost as a whole, the next one begins behind the snapshot; only there may it be another one. A log that begins still later is a gap. */
function requireSameLog(log: Log, { key, seq, logId }: SnapshotInfo): void {
  if (log.logId === undefined || log.logId === logId || log.firstSeq > seq) return;
  const message = `${key} was made of the log ${logId ?? "(none)"}; this one is ${log.logId}`;
  throw new SnapshotError("SNAPSHOT_OF_ANOTHER_LOG", message, { operation: OPERATION, key, seq });
}

function gap(log: Log, base: SnapshotInfo | undefined, skipped: readonly SkippedSnapshot[]): SnapshotError {
  const from = base === undefined ? `there is no snapshot that can be read` : `the newest snapshot that can be read holds the records up to ${base.seq}`;
  const message = `${from}, and the log begins with ${log.firstSeq}: what is between them is missing`;
  const [newest] = skipped;
  const key = newest?.snapshot.key ?? base?.key;
  return new SnapshotError("SNAPSHOT_GAP", message, { operation: OPERATION, key, seq: base?.seq ?? 0, cause: newest?.error });
}

function replayOne<S, E>(state: S, event: E, seq: number, apply: Apply<S, E>): S {
  try {
    return apply(state, event);
  } catch (cause) {
    throw new SnapshotError("STATE_REPLAY_FAILED", `apply refused the stored event ${seq}, which it once took`, { operation: OPERATION, seq, cause });
  }
}
