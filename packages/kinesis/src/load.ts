import { storageKey, type HoldfastError, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { readFkwal2Log, type Fkwal2Decoded, type Fkwal2LogReading, type Fkwal2LogReadOptions } from "@holdfast/wal/fkwal2";
import { chooseState, type EntryCandidate } from "./choose-state.js";
import { decodeKinesisEntry, decodeKinesisState, readKinesisEntry } from "./codec.js";
import { KinesisError } from "./errors.js";
import type { KinesisState } from "./format/model.js";
import { SNAPSHOT_KEY, WAL_KEY } from "./layout.js";
import { withLogErrors } from "./log-errors.js";

/** Options of {@link loadKinesisState}. */
export interface KinesisLoadOptions {
  /** What holds the directory's files, `wal.log` and `snapshot.bin`, at its root. Nothing is written to it. */
  readonly storage: StorageBackend;
  /**
   * `strict` (default) refuses a damaged log and a damaged snapshot. `recover` answers what can be found: all entries of a damaged
   * log, those behind the damage too, and the last entry instead of a damaged snapshot.
   */
  readonly mode?: "strict" | "recover" | undefined;
  /** The largest state that is read, in bytes: 1 to 2^32; that is the size of a snapshot, or of an entry of the log. Default 2^30. */
  readonly maxStateBytes?: number | undefined;
}

/** An entry of a log, and where it stands. {@link loadKinesisEntry} reads it. */
export interface KinesisLogEntry {
  /** The file. */
  readonly key: StorageKey;
  /** Where its frame begins, in bytes from the start of the file. */
  readonly offset: number;
  /** Bytes of the entry, behind the eight bytes of its length. */
  readonly bytes: number;
  readonly createdAtMs: bigint;
}

/** Where the state came from, and what was found on the way. */
export interface KinesisRecovery {
  /** What the state was taken from. `none`: there is no state yet. */
  readonly source: "none" | "snapshot" | "log";
  /** Bytes of `wal.log`. */
  readonly logBytes: number;
  /** How many entries the log has. */
  readonly entries: number;
  /** How many of them the snapshot supersedes: they are from before it, and it was written last. */
  readonly superseded: number;
  /** An interrupted write at the end of the log. It was never acknowledged, and is cut off by the next write. */
  readonly torn: { readonly validBytes: number; readonly discardedBytes: number } | undefined;
  /**
   * The log has entries that the files do not place: older than the snapshot by their times, and none of them equal to it. The
   * snapshot is the state; before anything is written the log is kept under another name.
   */
  readonly unplaced: { readonly entries: number; readonly snapshotCreatedAtMs: bigint; readonly lastEntryCreatedAtMs: bigint } | undefined;
  /** In `recover` mode: what strict loading would have thrown. */
  readonly damage: readonly HoldfastError[];
}

/** What {@link loadKinesisState} answers. */
export interface KinesisLoad {
  /** `undefined` where nothing was ever stored. */
  readonly state: KinesisState | undefined;
  /** As it stands in `snapshot.bin`. */
  readonly snapshot: KinesisState | undefined;
  /** Of the log, in order; in `recover` mode with those behind damage. */
  readonly entries: readonly KinesisLogEntry[];
  /** The latest time in both files; what is written next is later. */
  readonly lastCreatedAtMs: bigint;
  readonly recovery: KinesisRecovery;
}

/**
 * Reads the state that ferrokinesis keeps in a directory: the snapshot, and the log behind it. Takes no lock and writes nothing. Memory is
 * bounded by the largest state, whatever the size of the log.
 *
 * Somebody may write meanwhile: if the snapshot has changed when the log was read, the log may be another one, and both are read again.
 *
 * @throws WAL_CORRUPT, WAL_NOT_A_LOG (with `key`, `frame` and `offset`); KINESIS_SNAPSHOT_CORRUPT, in `recover` mode only if the log
 * has no entry; KINESIS_TOO_LARGE; KINESIS_INVALID_ARGUMENT; KINESIS_CHANGED, which may be tried again, if the snapshot changed each of ten
 * times; what the storage throws, such as STORAGE_UNSAFE_PATH for a directory in the place of a file.
 */
export async function loadKinesisState(options: KinesisLoadOptions): Promise<KinesisLoad> {
  for (let reading = 1; reading <= READINGS; reading++) {
    const snapshotBytes = await readSnapshotFile(options);
    const result = await settled(loadThrough(options, snapshotBytes, async (it) => ({ recovery: await readFkwal2Log(it) })));
    if (!areEqual(snapshotBytes, await readSnapshotFile(options))) continue;
    if ("value" in result) return result.value.found;
    throw result.error;
  }
  const message = `${SNAPSHOT_KEY} was replaced each of ${READINGS} times that the log was read`;
  throw new KinesisError("KINESIS_CHANGED", message, { operation: "load", key: SNAPSHOT_KEY, retryable: true });
}

/**
 * The state in an entry of a log.
 *
 * @param entry - Of `loadKinesisState` or `salvageKinesis`, from files that are still the same.
 * @throws KINESIS_INVALID_STATE if it is not there; errors of the storage.
 */
export async function loadKinesisEntry(storage: StorageBackend, { key, offset, bytes }: KinesisLogEntry): Promise<KinesisState> {
  const payload = await storage.read(storageKey(key), { range: { offset: offset + LENGTH_BYTES, length: bytes } });
  return decodeKinesisEntry(payload ?? new Uint8Array());
}

/** What {@link loadThrough} reads a log with. */
export type LogReader<L> = (options: Fkwal2LogReadOptions<DecodedEntry>) => Promise<L>;

/** What decoding an entry answers, of which all but the last are forgotten. */
export interface DecodedEntry extends EntryCandidate {
  readonly state: KinesisState;
}

/** {@link loadKinesisState}, with a log that is read, or opened, by `readLog`, behind a snapshot that was read before. */
export async function loadThrough<L extends { readonly recovery: Fkwal2LogReading }>(
  { storage, mode = "strict", maxStateBytes }: KinesisLoadOptions,
  snapshotBytes: Uint8Array | undefined,
  readLog: LogReader<L>,
): Promise<{ readonly found: KinesisLoad; readonly log: L }> {
  const snapshot = snapshotBytes === undefined ? undefined : decodeSnapshot(snapshotBytes);
  if (snapshot !== undefined && "error" in snapshot && mode === "strict") throw snapshot.error;
  const entries: (KinesisLogEntry & EntryCandidate)[] = [];
  let lastState: KinesisState | undefined;
  const log = await withLogErrors("load", () =>
    readLog({
      storage,
      key: WAL_KEY,
      mode: mode === "strict" ? "strict" : "lenient",
      maxEntryBytes: checkedMaxStateBytes(maxStateBytes),
      decode: (payload) => decodeEntry(payload, snapshotBytes),
      onEntry: ({ offset, payload, value: { createdAtMs, isSnapshot, state } }) => {
        entries.push({ key: WAL_KEY, offset, bytes: payload.length, createdAtMs, isSnapshot });
        lastState = state;
      },
    }),
  );
  const error = snapshot !== undefined && "error" in snapshot ? snapshot.error : undefined;
  if (error !== undefined && entries.length === 0) throw error;
  return { found: assemble({ snapshot: snapshot?.state, entries, lastState, log: log.recovery, snapshotError: error }), log };
}

/** The bound itself, or its default. @throws KINESIS_INVALID_ARGUMENT. */
export function checkedMaxStateBytes(maxStateBytes: number = 2 ** 30): number {
  if (Number.isInteger(maxStateBytes) && maxStateBytes >= 1 && maxStateBytes <= 2 ** 32) return maxStateBytes;
  throw new KinesisError("KINESIS_INVALID_ARGUMENT", `maxStateBytes must be an integer from 1 to 2^32, got ${maxStateBytes}`, { operation: "load" });
}

interface Found {
  readonly snapshot: KinesisState | undefined;
  readonly snapshotError: KinesisError | undefined;
  readonly entries: readonly (KinesisLogEntry & EntryCandidate)[];
  readonly lastState: KinesisState | undefined;
  readonly log: Fkwal2LogReading;
}

function assemble({ snapshot, snapshotError, entries, lastState, log }: Found): KinesisLoad {
  const choice = chooseState(snapshot, entries);
  const last = entries.at(-1);
  return {
    state: choice.source === "log" ? lastState : snapshot,
    snapshot,
    entries: entries.map(({ key, offset, bytes, createdAtMs }) => ({ key, offset, bytes, createdAtMs })),
    lastCreatedAtMs: entries.reduce((latest, { createdAtMs }) => (createdAtMs > latest ? createdAtMs : latest), snapshot?.createdAtMs ?? 0n),
    recovery: {
      source: choice.source === "conflict" ? "snapshot" : choice.source,
      logBytes: log.fileBytes,
      entries: entries.length,
      superseded: "superseded" in choice ? choice.superseded : 0,
      torn: log.torn,
      unplaced:
        choice.source === "conflict" && snapshot !== undefined && last !== undefined
          ? { entries: entries.length, snapshotCreatedAtMs: snapshot.createdAtMs, lastEntryCreatedAtMs: last.createdAtMs }
          : undefined,
      damage: [snapshotError, log.damage].filter((error) => error !== undefined),
    },
  };
}

function decodeEntry(payload: Uint8Array, snapshot: Uint8Array | undefined): Fkwal2Decoded<DecodedEntry> {
  try {
    const { state, stateBytes } = readKinesisEntry(payload);
    return { value: { createdAtMs: state.createdAtMs, isSnapshot: areEqual(stateBytes, snapshot), state } };
  } catch (error) {
    if (error instanceof KinesisError) return { error };
    throw error;
  }
}

function decodeSnapshot(bytes: Uint8Array): { readonly state: KinesisState } | { readonly state: undefined; readonly error: KinesisError } {
  try {
    return { state: decodeKinesisState(bytes) };
  } catch (cause) {
    if (!(cause instanceof KinesisError)) throw cause;
    const { message, path, reason, offset } = cause;
    const details = { operation: "load", key: SNAPSHOT_KEY, path, reason, offset, cause };
    return { state: undefined, error: new KinesisError("KINESIS_SNAPSHOT_CORRUPT", `${SNAPSHOT_KEY} does not decode: ${message}`, details) };
  }
}

/** The bytes of the snapshot, if there is one. @throws as {@link loadKinesisState}. */
export async function readSnapshotFile(options: Pick<KinesisLoadOptions, "storage" | "maxStateBytes">): Promise<Uint8Array | undefined> {
  const { storage } = options;
  const maxStateBytes = checkedMaxStateBytes(options.maxStateBytes);
  const entry = await storage.stat(SNAPSHOT_KEY);
  if (entry === undefined) return undefined;
  if (entry.size > maxStateBytes) {
    throw new KinesisError("KINESIS_TOO_LARGE", `${SNAPSHOT_KEY} has ${entry.size} bytes, more than ${maxStateBytes}`, { operation: "load", key: SNAPSHOT_KEY });
  }
  // No more than was allowed, also of a file that grows meanwhile.
  return storage.read(SNAPSHOT_KEY, { range: { offset: 0, length: maxStateBytes } });
}

/** How often is read what changes meanwhile. */
const READINGS = 10;

async function settled<T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

function areEqual(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one === undefined || other === undefined ? one === other : Buffer.from(one.buffer, one.byteOffset, one.length).equals(other);
}

/** Of the length before an entry. */
const LENGTH_BYTES = 8;
