import type { HoldfastError, StorageBackend, StorageKey } from "@holdfast/storage";
import { readFkwal2, type Fkwal2Decoded, type Fkwal2Frame } from "@holdfast/wal/fkwal2";
import { chooseState } from "./choose-state.js";
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
  const { storage, mode = "strict", maxFileBytes = 2 ** 30 } = options;
  if (!Number.isInteger(maxFileBytes) || maxFileBytes < 1 || maxFileBytes > 2 ** 32) {
    throw new KinesisError("KINESIS_INVALID_ARGUMENT", `maxFileBytes must be an integer from 1 to 2^32, got ${maxFileBytes}`, { operation: "load" });
  }
  const snapshotBytes = await readFile(storage, SNAPSHOT_KEY, maxFileBytes);
  const snapshot = snapshotBytes === undefined ? undefined : readSnapshot(snapshotBytes);
  if (snapshot !== undefined && "error" in snapshot && mode === "strict") throw snapshot.error;
  const wal = (await readFile(storage, WAL_KEY, maxFileBytes)) ?? new Uint8Array();
  const reading = readFkwal2(wal, { decode: (payload) => decodeSummary(payload, snapshotBytes), mode: mode === "strict" ? "strict" : "lenient", key: WAL_KEY });
  if (snapshot !== undefined && "error" in snapshot) {
    if (reading.entries.length === 0) throw snapshot.error;
    return assemble(undefined, reading, snapshot.error);
  }
  return assemble(snapshot?.state, reading, undefined);
}

/** What is kept of each entry: all of them are decoded, but only the last one's state counts. */
interface Summary {
  readonly createdAtMs: bigint;
  readonly isSnapshot: boolean;
}

type Reading = ReturnType<typeof readFkwal2<Summary>>;

function assemble(snapshot: KinesisState | undefined, { entries: frames, torn, damage }: Reading, snapshotError: KinesisError | undefined): KinesisLoad {
  const choice = chooseState(snapshot, frames.map(({ value }) => value));
  const last = frames.at(-1);
  const isLast = choice.source === "log" && last !== undefined;
  return {
    state: isLast ? decodeKinesisEntry(last.payload) : snapshot,
    snapshot,
    entries: frames.map(toEntry),
    lastCreatedAtMs: frames.reduce((latest, { value }) => (value.createdAtMs > latest ? value.createdAtMs : latest), snapshot?.createdAtMs ?? 0n),
    recovery: {
      source: choice.source === "conflict" ? "snapshot" : choice.source,
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

function toEntry({ offset, payload, value }: Fkwal2Frame<Summary>): KinesisLogEntry {
  return { offset, createdAtMs: value.createdAtMs, payload };
}

function decodeSummary(payload: Uint8Array, snapshot: Uint8Array | undefined): Fkwal2Decoded<Summary> {
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

async function readFile(storage: StorageBackend, key: StorageKey, maxFileBytes: number): Promise<Uint8Array | undefined> {
  const entry = await storage.stat(key);
  if (entry === undefined) return undefined;
  if (entry.size > maxFileBytes) {
    throw new KinesisError("KINESIS_TOO_LARGE", `${key} has ${entry.size} bytes, more than ${maxFileBytes}`, { operation: "load", key });
  }
  // No more than was allowed, also of a file that grows meanwhile.
  return storage.read(key, { range: { offset: 0, length: maxFileBytes } });
}
