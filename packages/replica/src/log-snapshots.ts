import { hasCode, type CallOptions } from "@holdfast/storage";
import type { SnapshotEntry, SnapshotStore } from "@holdfast/snapshot";
import { ReplicaError } from "./errors.js";
import { encodeLogBase, type LogBase } from "./format/log-base.js";
import type { ReplicaClient } from "./replica-client.js";
import type { ReplicationSource } from "./replicator.js";

/** Where the snapshots of a log are read. */
export type SnapshotSource = Pick<SnapshotStore, "list" | "open">;

/** Those of `seq` and later ones, ascending. */
export async function snapshotsFrom(snapshots: SnapshotSource, seq: number, { signal }: CallOptions): Promise<readonly SnapshotEntry[]> {
  const entries: SnapshotEntry[] = [];
  for await (const entry of snapshots.list({ signal })) if (entry.seq >= seq) entries.push(entry);
  return entries;
}

/**
 * Writes a snapshot of a log into its replica.
 *
 * @returns What it begins with, if it is there. Not if it is of another log, or is gone.
 * @throws REPLICA_CONFLICT: the index has another one. SNAPSHOT_CORRUPT, SNAPSHOT_UNSUPPORTED_VERSION. What the storages say.
 */
export async function writeLogSnapshot({
  client,
  source,
  snapshots,
  entry,
  generation,
  index,
  logId,
  signal,
}: CallOptions & {
  readonly client: ReplicaClient;
  readonly source: ReplicationSource;
  readonly snapshots: SnapshotSource;
  readonly entry: SnapshotEntry;
  readonly generation: string;
  readonly index: bigint;
  readonly logId: string;
}): Promise<LogBase | undefined> {
  const info = (await snapshots.open(entry, { signal }))?.info;
  if (info === undefined) return undefined;
  // What a store was begun with is of no log, and so is what was restored in front of one.
  const isBeginning = info.logId === undefined && (info.seq === 0 || info.seq < source.firstSeq);
  if (info.logId !== logId && !isBeginning) return undefined;
  const committedAtMs = await commitTime(source, info, signal);
  const base = { logId, generation, index, seq: info.seq, committedAtMs, contentVersion: info.version };
  const open = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield encodeLogBase(base);
    const opened = await snapshots.open(entry, { signal });
    if (opened === undefined) throw new ReplicaError("REPLICA_NOT_FOUND", `${entry.key} is gone`, { operation: "replicate", key: entry.key });
    yield* opened.body;
  };
  try {
    await client.writeSnapshot(generation, index, { open }, { signal });
    return base;
  } catch (error) {
    // The source's own retention was faster. There is a newer one, then.
    if (hasCode(error, "REPLICA_NOT_FOUND") || hasCode(error, "STORAGE_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** When the last record of a snapshot was committed, or, where that is gone, a time that is not before it. */
async function commitTime(source: ReplicationSource, { seq, createdAtMs }: { readonly seq: number; readonly createdAtMs: number }, signal: AbortSignal | undefined): Promise<number> {
  if (seq === 0) return 0;
  for (let from = Math.max(seq, source.firstSeq); ; ) {
    try {
      for await (const { committedAtMs } of source.readBatches({ from, limit: 1, signal })) return committedAtMs;
      return createdAtMs;
    } catch (error) {
      // Trimmed since the source last looked, and now it knows.
      if (!hasCode(error, "WAL_TRIMMED") || source.firstSeq <= from) throw error;
      from = source.firstSeq;
    }
  }
}
