import { hasCode, type HoldfastError, type StorageBackend, type StoragePrefix } from "@holdfast/storage";
import { openLogReader, WalError, type Log, type LogReader } from "@holdfast/wal";
import { RuntimeError } from "./errors.js";
import { decodeRecord, replayJournal, type Replay } from "./journal.js";
import { journalPrefix, parseSnapshotKey, snapshotKey, snapshotPrefix, type SnapshotName } from "./layout.js";
import type { RuntimeSettings } from "./options.js";
import { ProjectionState } from "./state/projection-state.js";
import { RuntimeState } from "./state/runtime-state.js";
import { decodeSnapshot } from "./stored/snapshot.js";

/** What loading needs. */
export interface LoadSource {
  readonly storage: StorageBackend;
  readonly log: Log | LogReader;
  readonly settings: Pick<RuntimeSettings, "prefix" | "maxDiagnostics"> & { readonly runtime: { readonly runtimeId: string } };
  readonly signal?: AbortSignal | undefined;
}

/** A runtime as it was found. */
export interface LoadedRuntime {
  readonly state: RuntimeState;
  /** Of the journal, as the snapshot says it; `undefined` without a snapshot. */
  readonly logId: string | undefined;
  readonly replay: Replay;
  /** Snapshots that are there, oldest first. */
  readonly snapshots: readonly SnapshotName[];
  /** Why newer snapshots than the one that was used were passed over. */
  readonly skipped: readonly HoldfastError[];
}

/** Whoever writes may make snapshots, trim the journal and remove what came before while somebody looks: how often it looks again. */
const ATTEMPTS = 5;

/**
 * The newest snapshot that can be read, and the records of the journal behind it.
 *
 * @returns `undefined` if there is nothing yet.
 * @throws RUNTIME_CORRUPT, RUNTIME_MISSING, RUNTIME_UNSUPPORTED_VERSION; WAL_FENCED if somebody else took it over meanwhile; errors of the log and
 * of the storage.
 */
export async function loadRuntime(source: LoadSource): Promise<LoadedRuntime | undefined> {
  for (let attempt = 1; ; attempt++) {
    const snapshots = await listSnapshots(source.storage, source.settings.prefix, source.signal);
    try {
      return await loadFrom(source, snapshots);
    } catch (error) {
      const mayHaveMoved = hasCode(error, "WAL_TRIMMED") || hasCode(error, "RUNTIME_MISSING");
      if (!mayHaveMoved || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Snapshots, oldest first. */
export async function listSnapshots(storage: StorageBackend, prefix: StoragePrefix, signal?: AbortSignal): Promise<readonly SnapshotName[]> {
  const found: SnapshotName[] = [];
  for await (const { key } of storage.list(snapshotPrefix(prefix), { signal })) {
    const name = parseSnapshotKey(key);
    if (name !== undefined) found.push(name);
  }
  return found;
}

async function loadFrom(source: LoadSource, snapshots: readonly SnapshotName[]): Promise<LoadedRuntime | undefined> {
  const skipped: HoldfastError[] = [];
  const newest = await newestState(source, snapshots, skipped);
  const state = newest?.state ?? (await firstState(source, skipped));
  if (state === undefined) return undefined;
  const { runtimeId } = source.settings.runtime;
  if (state.runtimeId !== runtimeId) {
    const message = `these are the objects of the runtime ${state.runtimeId}, not of ${runtimeId}`;
    throw new RuntimeError("RUNTIME_WRONG_RUNTIME", message, { operation: "open" });
  }
  const { log, signal } = source;
  if ("durableSeq" in log && log.durableSeq < state.seq) {
    await requireNotOvertaken(source, state.seq);
    throw new RuntimeError("RUNTIME_CORRUPT", `the journal ends at record ${log.durableSeq}, before the snapshot that was made of ${state.seq}`, { operation: "open" });
  }
  return { state, logId: newest?.logId, replay: await replayJournal(log, state, signal), snapshots, skipped };
}

/** On object storage somebody else may have taken the journal over since it was opened, and gone on: then nothing is damaged. */
async function requireNotOvertaken({ storage, settings, signal }: LoadSource, seq: number): Promise<void> {
  await using reader = await openLogReader({ storage, prefix: journalPrefix(settings.prefix), signal });
  const record = await reader.get(seq, { signal }).catch((error: unknown) => {
    if (hasCode(error, "WAL_TRIMMED")) return error;
    throw error;
  });
  if (record === undefined) return;
  throw new WalError("WAL_FENCED", "somebody else took this runtime over while it was being opened", { operation: "open", key: settings.prefix, outcome: "not_applied", retryable: true });
}

async function newestState(source: LoadSource, snapshots: readonly SnapshotName[], skipped: HoldfastError[]): Promise<{ readonly state: RuntimeState; readonly logId: string } | undefined> {
  const { storage, settings, signal } = source;
  for (const name of [...snapshots].reverse()) {
    const key = snapshotKey(settings.prefix, name);
    const bytes = await storage.read(key, { signal });
    // Removed since it was listed: a newer one is there.
    if (bytes === undefined) continue;
    const decoded = decodeSnapshot(name, bytes, settings.maxDiagnostics);
    if ("state" in decoded) return decoded;
    const code = decoded.problem === "damaged" ? "RUNTIME_CORRUPT" : "RUNTIME_UNSUPPORTED_VERSION";
    const error = new RuntimeError(code, `the snapshot ${key} cannot be used: ${decoded.reason}`, { operation: "open", key });
    if (decoded.problem === "unsupported") throw error;
    skipped.push(error);
  }
  return undefined;
}

/** The state of a journal that was never trimmed: before its first record, which says what the runtime is. */
async function firstState({ log, settings }: LoadSource, skipped: readonly HoldfastError[]): Promise<RuntimeState | undefined> {
  const record = log.firstSeq === 1 ? await log.get(1) : undefined;
  if (record === undefined) {
    if (skipped[0] !== undefined) throw skipped[0];
    if (log.firstSeq === 1) return undefined;
    throw new RuntimeError("RUNTIME_MISSING", "the journal was trimmed, and there is no snapshot", { operation: "open" });
  }
  const started = decodeRecord(1, record.value, settings.runtime.runtimeId).find((change) => change.type === "started");
  if (started === undefined) throw new RuntimeError("RUNTIME_CORRUPT", "the journal does not begin with a runtime", { operation: "open" });
  const state = new RuntimeState(started.runtime, settings.maxDiagnostics);
  if (started.isProjected) state.projection = new ProjectionState();
  return state;
}
