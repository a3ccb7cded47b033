import type { CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import type { SnapshotInfo, WalSegmentInfo } from "./infos.js";
import { findNewestIndex } from "./newest-index.js";
import { formatIndex } from "./numbers.js";
import { formatPos } from "./pos.js";
import { registeredGenerations } from "./registered-generations.js";
import type { ReplicaClient } from "./replica-client.js";

/** From when to when something was written, Unix milliseconds by the storage's clock. */
export interface TimeBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** A generation that was passed over, and why: it has no snapshot, or it could not be listed. */
export interface SkippedGeneration {
  readonly generation: string;
  readonly error: unknown;
}

/** What `findLatestGeneration` found. */
export interface LatestGeneration {
  readonly generation: string;
  readonly bounds: TimeBounds;
  readonly skipped: readonly SkippedGeneration[];
}

/** What `replicaTimeBounds` found. */
export interface ReplicaTimeBounds {
  readonly bounds: TimeBounds;
  readonly skipped: readonly SkippedGeneration[];
}

/** When the snapshots of a generation were written. @throws REPLICA_NO_SNAPSHOT. */
export async function snapshotTimeBounds(client: ReplicaClient, generation: string, options?: CallOptions): Promise<TimeBounds> {
  const bounds = await boundsOf(client.snapshots(generation, options));
  if (bounds === undefined) throw noSnapshot("snapshotTimeBounds", generation);
  return bounds;
}

/** When the WAL segments of a generation were written. @throws REPLICA_NO_WAL_SEGMENT. */
export async function walTimeBounds(client: ReplicaClient, generation: string, options?: CallOptions): Promise<TimeBounds> {
  const bounds = await boundsOf(client.walSegments(generation, options));
  if (bounds === undefined) throw noWalSegment("walTimeBounds", generation);
  return bounds;
}

/** From the first snapshot to the last snapshot or WAL segment. @throws REPLICA_NO_SNAPSHOT. */
export async function generationTimeBounds(client: ReplicaClient, generation: string, options?: CallOptions): Promise<TimeBounds> {
  const { minMs, maxMs } = await snapshotTimeBounds(client, generation, options);
  const wal = await boundsOf(client.walSegments(generation, options));
  return { minMs, maxMs: Math.max(maxMs, wal?.maxMs ?? maxMs) };
}

/** From the first snapshot of all generations to the last of everything. @throws REPLICA_NO_GENERATION, if none has a snapshot. */
export async function replicaTimeBounds(client: ReplicaClient, options?: CallOptions): Promise<ReplicaTimeBounds> {
  const { found, skipped } = await boundedGenerations("replicaTimeBounds", client, options);
  const minMs = Math.min(...found.map(({ bounds }) => bounds.minMs));
  const maxMs = Math.max(...found.map(({ bounds }) => bounds.maxMs));
  return { bounds: { minMs, maxMs }, skipped };
}

/**
 * The generation that was begun last, as the register says. Where none is registered the one that was written to last, by the storage's
 * clock; of several, the first by name.
 *
 * @throws REPLICA_NO_GENERATION, if none has a snapshot. REPLICA_CORRUPT: the register is damaged.
 */
export async function findLatestGeneration(client: ReplicaClient, options?: CallOptions): Promise<LatestGeneration> {
  const { latest: registered, without } = await registeredGenerations(client, options);
  if (registered !== undefined) {
    const skipped = without.map((generation) => ({ generation, error: noSnapshot("findLatestGeneration", generation) }));
    return { generation: registered, bounds: await generationTimeBounds(client, registered, options), skipped };
  }
  const { found, skipped } = await boundedGenerations("findLatestGeneration", client, options);
  const latest = found.reduce((best, it) => (it.bounds.maxMs > best.bounds.maxMs ? it : best));
  return { ...latest, skipped };
}

/** The highest index of a snapshot. @throws REPLICA_NO_SNAPSHOT. */
export async function findMaxSnapshotIndex(client: ReplicaClient, generation: string, options?: CallOptions): Promise<bigint> {
  const last = await lastOf(client.snapshots(generation, options));
  if (last === undefined) throw noSnapshot("findMaxSnapshotIndex", generation);
  return last.index;
}

/** The highest index of a WAL segment. @throws REPLICA_NO_WAL_SEGMENT. */
export async function findMaxWalIndex(client: ReplicaClient, generation: string, options?: CallOptions): Promise<bigint> {
  const index = await findNewestIndex(client, generation, 0n, options);
  if (index === undefined) throw noWalSegment("findMaxWalIndex", generation);
  return index;
}

/** The highest index of a snapshot or WAL segment. @throws REPLICA_NO_SNAPSHOT. */
export async function findMaxIndex(client: ReplicaClient, generation: string, options?: CallOptions): Promise<bigint> {
  const snapshotIndex = await findMaxSnapshotIndex(client, generation, options);
  return (await findNewestIndex(client, generation, snapshotIndex, options)) ?? snapshotIndex;
}

/** The highest index of a snapshot that is at most `index`. @throws REPLICA_NO_SNAPSHOT. */
export async function findSnapshotForIndex(client: ReplicaClient, generation: string, index: bigint, options?: CallOptions): Promise<bigint> {
  let best: bigint | undefined;
  let isEmpty = true;
  for await (const snapshot of client.snapshots(generation, options)) {
    isEmpty = false;
    if (snapshot.index <= index) best = snapshot.index;
  }
  if (isEmpty) throw noSnapshot("findSnapshotForIndex", generation);
  if (best === undefined) throw noSnapshot("findSnapshotForIndex", generation, ` at or before index ${formatIndex(index)}`);
  return best;
}

/** The index of the snapshot that was written last, at `timeMs` or before (`undefined`: at any time); of several the lowest. @throws REPLICA_NO_SNAPSHOT. */
export async function snapshotIndexAt(client: ReplicaClient, generation: string, timeMs: number | undefined, options?: CallOptions): Promise<bigint> {
  let best: SnapshotInfo | undefined;
  for await (const snapshot of client.snapshots(generation, options)) {
    if (snapshot.createdAtMs <= (timeMs ?? Infinity) && (best === undefined || snapshot.createdAtMs > best.createdAtMs)) best = snapshot;
  }
  if (best === undefined) throw noSnapshot("snapshotIndexAt", generation);
  return best.index;
}

/** The highest index of a snapshot that was written at `timeMs` or before; 0 if all are later. @throws REPLICA_NO_SNAPSHOT. */
export async function findSnapshotIndexByTimestamp(client: ReplicaClient, generation: string, timeMs: number, options?: CallOptions): Promise<bigint> {
  const index = await indexByTimestamp(client.snapshots(generation, options), timeMs);
  if (index === undefined) throw noSnapshot("findSnapshotIndexByTimestamp", generation);
  return index;
}

/** The highest index of a WAL segment that was written at `timeMs` or before; 0 if all are later. @throws REPLICA_NO_WAL_SEGMENT. */
export async function findWalIndexByTimestamp(client: ReplicaClient, generation: string, timeMs: number, options?: CallOptions): Promise<bigint> {
  const index = await indexByTimestamp(client.walSegments(generation, options), timeMs);
  if (index === undefined) throw noWalSegment("findWalIndexByTimestamp", generation);
  return index;
}

/** The higher one of the two before. @throws REPLICA_NO_SNAPSHOT. */
export async function findIndexByTimestamp(client: ReplicaClient, generation: string, timeMs: number, options?: CallOptions): Promise<bigint> {
  const snapshotIndex = await findSnapshotIndexByTimestamp(client, generation, timeMs, options);
  const walIndex = await indexByTimestamp(client.walSegments(generation, options), timeMs);
  return walIndex !== undefined && walIndex > snapshotIndex ? walIndex : snapshotIndex;
}

interface BoundedGeneration {
  readonly generation: string;
  readonly bounds: TimeBounds;
}

/** All generations that have a snapshot and can be listed, at least one, and the others. */
async function boundedGenerations(
  operation: string,
  client: ReplicaClient,
  options: CallOptions | undefined,
): Promise<{ readonly found: readonly BoundedGeneration[]; readonly skipped: readonly SkippedGeneration[] }> {
  const found: BoundedGeneration[] = [];
  const skipped: SkippedGeneration[] = [];
  for (const generation of await client.generations(options)) {
    try {
      found.push({ generation, bounds: await generationTimeBounds(client, generation, options) });
    } catch (error) {
      options?.signal?.throwIfAborted();
      skipped.push({ generation, error });
    }
  }
  if (found.length > 0) return { found, skipped };
  throw new ReplicaError("REPLICA_NO_GENERATION", "no generation available", { operation, cause: skipped[0]?.error });
}

async function boundsOf(infos: AsyncIterable<{ readonly createdAtMs: number }>): Promise<TimeBounds | undefined> {
  let bounds: TimeBounds | undefined;
  for await (const { createdAtMs } of infos) {
    const { minMs, maxMs } = bounds ?? { minMs: createdAtMs, maxMs: createdAtMs };
    bounds = { minMs: Math.min(minMs, createdAtMs), maxMs: Math.max(maxMs, createdAtMs) };
  }
  return bounds;
}

async function lastOf(infos: AsyncIterable<SnapshotInfo>): Promise<SnapshotInfo | undefined> {
  let last: SnapshotInfo | undefined;
  for await (const info of infos) last = info;
  return last;
}

async function indexByTimestamp(infos: AsyncIterable<SnapshotInfo | WalSegmentInfo>, timeMs: number): Promise<bigint | undefined> {
  let index: bigint | undefined;
  for await (const info of infos) {
    index ??= 0n;
    if (info.createdAtMs <= timeMs && info.index > index) index = info.index;
  }
  return index;
}

function noSnapshot(operation: string, generation: string, which = ""): ReplicaError {
  return new ReplicaError("REPLICA_NO_SNAPSHOT", `no snapshots available${which}`, { operation, position: formatPos({ generation, index: 0n, offset: 0n }) });
}

function noWalSegment(operation: string, generation: string): ReplicaError {
  return new ReplicaError("REPLICA_NO_WAL_SEGMENT", "no wal segments available", { operation, position: formatPos({ generation, index: 0n, offset: 0n }) });
}
