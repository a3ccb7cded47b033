import type { HoldfastError, StorageBackend, StorageKey } from "@holdfast/storage";
import { readFkwal2, type Fkwal2Decoded, type Fkwal2Frame, type Fkwal2Reading } from "@holdfast/wal/fkwal2";
import { chooseState, type EntryCandidate } from "./choose-state.js";
import { decodeKinesisEntry, decodeKinesisState, readKinesisEntry } from "./codec.js";
import { KinesisError } from "./errors.js";
import type { KinesisState } from "./format/model.js";
import { SNAPSHOT_KEY, WAL_KEY } from "./layout.js";

/** Options of {@link loadKinesisState}. */
export interface KinesisLoadOptions {
  /** What holds the directory's files, `wal.log` and `snapshot.bin`, at its root. Nothing is written to it. */
  readonly storage: StorageBackend;
  /**
   * `strict` (default) refuses a damaged log and a damaged snapshot. `recover` answers what can be found: all entries of a damaged
   * log, those behind the damage too, and the last entry instead of a damaged snapshot.
   */
  readonly mode?: "strict" | "recover" | undefined;
  /** The largest file that is read, in bytes: 1 to 2^32. Each is read as a whole. Default 2^30. */
  readonly maxFileBytes?: number | undefined;
}

/** An entry of the log. */
export interface KinesisLogEntry {
  /** Where its frame begins, in bytes from the start of `wal.log`. */
  readonly offset: number;
  readonly createdAtMs: bigint;
  /** For `decodeKinesisEntry`. A view of the file. */
  readonly payload: Uint8Array;
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
 * Reads the state that ferrokinesis keeps in a directory: the snapshot, and the log behind it. Takes no lock and writes nothing.
 *
 * @throws WAL_CORRUPT, WAL_NOT_A_LOG (with `key`, `frame` and `offset`); KINESIS_SNAPSHOT_CORRUPT, in `recover` mode only if the log
 * has no entry; KINESIS_TOO_LARGE; KINESIS_INVALID_ARGUMENT; what the storage throws, such as STORAGE_UNSAFE_PATH for a directory in the
 * place of a file.
 */
export async function loadKinesisState(options: KinesisLoadOptions): Promise<KinesisLoad> {
  const { storage, mode = "strict", maxFileBytes } = options;
  const snapshotBytes = await readFile(storage, SNAPSHOT_KEY, maxFileBytes);
  const snapshot = snapshotBytes === undefined ? undefined : readSnapshot(snapshotBytes);
  if (snapshot !== undefined && "error" in snapshot && mode === "strict") throw snapshot.error;
  const log = await readLog(storage, { key: WAL_KEY, mode: mode === "strict" ? "strict" : "lenient", maxFileBytes, snapshotBytes });
  if (snapshot !== undefined && "error" in snapshot) {
    if (log.entries.length === 0) throw snapshot.error;
    return assemble(undefined, log, snapshot.error);
  }
  return assemble(snapshot?.state, log, undefined);
}

/** What {@link readLog} reads. */
export interface ReadLogOptions {
  readonly key: StorageKey;
  readonly mode: "strict" | "lenient";
  readonly maxFileBytes?: number | undefined;
  /** What each state is compared with. */
  readonly snapshotBytes?: Uint8Array | undefined;
}

/** A log, as far as it is kept in memory: all entries are decoded, but only the last one's state counts. */
export interface LogReading extends Fkwal2Reading<EntryCandidate> {
  /** Bytes of the file. */
  readonly logBytes: number;
}

/** Reads a log file; an absent one has no entries. @throws as {@link loadKinesisState}. */
export async function readLog(storage: StorageBackend, { key, mode, maxFileBytes, snapshotBytes }: ReadLogOptions): Promise<LogReading> {
  const bytes = (await readFile(storage, key, maxFileBytes)) ?? new Uint8Array();
  return { ...readFkwal2(bytes, { decode: (payload) => decodeCandidate(payload, snapshotBytes), mode, key }), logBytes: bytes.length };
}

/** An entry as it is shown. */
export function toLogEntry({ offset, payload, value }: Fkwal2Frame<EntryCandidate>): KinesisLogEntry {
  return { offset, createdAtMs: value.createdAtMs, payload };
}

function assemble(snapshot: KinesisState | undefined, { entries: frames, torn, damage, logBytes }: LogReading, snapshotError: KinesisError | undefined): KinesisLoad {
  const choice = chooseState(snapshot, frames.map(({ value }) => value));
  const last = frames.at(-1);
  const isLast = choice.source === "log" && last !== undefined;
  return {
    state: isLast ? decodeKinesisEntry(last.payload) : snapshot,
    snapshot,
    entries: frames.map(toLogEntry),
    lastCreatedAtMs: frames.reduce((latest, { value }) => (value.createdAtMs > latest ? value.createdAtMs : latest), snapshot?.createdAtMs ?? 0n),
    recovery: {
      source: choice.source === "conflict" ? "snapshot" : choice.source,
      logBytes,
      entries: frames.length,
      superseded: "superseded" in choice ? choice.superseded : 0,
      torn,
      unplaced:
        choice.source === "conflict" && snapshot !== undefined && last !== undefined
          ? { entries: frames.length, snapshotCreatedAtMs: snapshot.createdAtMs, lastEntryCreatedAtMs: last.value.createdAtMs }
          : undefined,
      damage: [snapshotError, damage].filter((error) => error !== undefined),
    },
  };
}

function decodeCandidate(payload: Uint8Array, snapshot: Uint8Array | undefined): Fkwal2Decoded<EntryCandidate> {
  try {
    const { state, stateBytes } = readKinesisEntry(payload);
    const isSnapshot = snapshot?.length === stateBytes.length && snapshot.every((byte, index) => byte === stateBytes[index]);
    return { value: { createdAtMs: state.createdAtMs, isSnapshot } };
  } catch (error) {
    if (error instanceof KinesisError) return { error };
    throw error;
  }
}

function readSnapshot(bytes: Uint8Array): { readonly state: KinesisState } | { readonly error: KinesisError } {
  try {
    return { state: decodeKinesisState(bytes) };
  } catch (cause) {
    if (!(cause instanceof KinesisError)) throw cause;
    const { message, path, reason, offset } = cause;
    return { error: new KinesisError("KINESIS_SNAPSHOT_CORRUPT", `${SNAPSHOT_KEY} does not decode: ${message}`, { operation: "load", key: SNAPSHOT_KEY, path, reason, offset, cause }) };
  }
}

async function readFile(storage: StorageBackend, key: StorageKey, maxFileBytes: number = 2 ** 30): Promise<Uint8Array | undefined> {
  if (!Number.isInteger(maxFileBytes) || maxFileBytes < 1 || maxFileBytes > 2 ** 32) {
    throw new KinesisError("KINESIS_INVALID_ARGUMENT", `maxFileBytes must be an integer from 1 to 2^32, got ${maxFileBytes}`, { operation: "load" });
  }
  const entry = await storage.stat(key);
  if (entry === undefined) return undefined;
  if (entry.size > maxFileBytes) {
    throw new KinesisError("KINESIS_TOO_LARGE", `${key} has ${entry.size} bytes, more than ${maxFileBytes}`, { operation: "load", key });
  }
  // No more than was allowed, also of a file that grows meanwhile.
  return storage.read(key, { range: { offset: 0, length: maxFileBytes } });
}
