import type { CallOptions } from "@holdfast/storage";
import { invalidArgument } from "./errors.js";
import type { SnapshotInfo } from "./infos.js";
import type { Pos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";

/** What a replica keeps. */
export interface RetentionPolicy {
  /** Snapshots that are younger are kept: 0 to 2^53 − 1 milliseconds. */
  readonly retentionMs: number;
  /** So many of the newest snapshots of the generation in use are kept, however old: 1 to 1,000. Default 1. */
  readonly keep?: number | undefined;
  /**
   * Nothing is removed before it has been needless for so long, so that a restore that runs can end: 0 to 2^53 − 1 milliseconds.
   * Default 24 hours.
   */
  readonly graceMs?: number | undefined;
}

/** The snapshots of a generation. */
export interface GenerationSnapshots {
  readonly generation: string;
  /** By ascending index. */
  readonly snapshots: readonly SnapshotInfo[];
}

/** What is to be kept of a generation. */
export interface GenerationRetention {
  readonly generation: string;
  /** Snapshots and WAL of lower indexes go. `undefined`: all of the generation goes. */
  readonly keepFromIndex: bigint | undefined;
}

/** What {@link planRetention} answers. */
export interface RetentionPlan {
  /** No snapshot is young enough: a new one has to be made before anything may go. */
  readonly needsSnapshot: boolean;
  readonly generations: readonly GenerationRetention[];
}

/** What {@link enforceRetention} did. */
export interface RetentionResult {
  /** As in {@link RetentionPlan}: then nothing was removed. */
  readonly needsSnapshot: boolean;
  readonly removedGenerations: readonly string[];
  readonly removedSnapshots: number;
  readonly removedWalSegments: number;
}

/** The default of {@link RetentionPolicy.graceMs}. */
const DEFAULT_GRACE_MS: number = 24 * 3_600_000;

/**
 * What may go: the rule is applied as of `graceMs` ago, to the snapshots that were there then.
 *
 * - A snapshot is kept if it is younger than `retentionMs`; in the generation in use the `keep` newest are, too, and in the one that had
 *   the newest snapshot then, since it is needless only since another one has one.
 * - Of a generation with kept snapshots, what is below the lowest goes. Of one without all goes, unless it is in use, or there is no
 *   kept snapshot at all.
 *
 * @param generations - All of them.
 * @param inUse - The generation that is being written, if any.
 * @param nowMs - Unix milliseconds by the clock of the storage.
 */
export function planRetention(generations: readonly GenerationSnapshots[], policy: RetentionPolicy, inUse: string | undefined, nowMs: number): RetentionPlan {
  const { retentionMs, keep = 1, graceMs = DEFAULT_GRACE_MS } = checked(policy);
  const thenMs = nowMs - graceMs;
  const usedThen = graceMs > 0 ? newestAt(generations, thenMs) : undefined;
  const isUsed = (generation: string): boolean => generation === inUse || generation === usedThen;
  const planned = generations.map(({ generation, snapshots }): GenerationRetention & { readonly hasYoung: boolean; readonly isNew: boolean } => {
    const young = snapshots.find(({ createdAtMs }) => createdAtMs >= thenMs - retentionMs);
    const counted = isUsed(generation) ? countedFrom(snapshots, keep, thenMs) : undefined;
    const indexes = [young, counted].filter((it) => it !== undefined).map(({ index }) => index);
    return {
      generation,
      hasYoung: young !== undefined,
      // Without a snapshot it may just be beginning.
      isNew: snapshots.length === 0,
      keepFromIndex: indexes.length === 0 ? undefined : indexes.reduce((a, b) => (b < a ? b : a)),
    };
  });
  const needsSnapshot = planned.length > 0 && !planned.some(({ hasYoung }) => hasYoung);
  const removable = planned.filter(({ generation, keepFromIndex, isNew }) => keepFromIndex !== undefined || (!isUsed(generation) && !isNew));
  return { needsSnapshot, generations: needsSnapshot ? [] : removable.map(({ generation, keepFromIndex }) => ({ generation, keepFromIndex })) };
}

/**
 * Removes what {@link planRetention} lets go. Snapshots go before the WAL behind them, the oldest first, so that an interrupted
 * removal leaves nothing that looks like a snapshot and cannot be restored.
 *
 * @throws What the storage says. REPLICA_INVALID_ARGUMENT.
 */
export async function enforceRetention(
  client: ReplicaClient,
  policy: RetentionPolicy,
  options: CallOptions & {
    readonly inUse?: string | undefined;
    readonly nowMs: number;
    /** Asked once for each generation of which something is to go: whether the oldest snapshot that stays can be read. If not, all of it stays. Default: yes. */
    readonly isUsable?: ((snapshot: { readonly generation: string; readonly index: bigint }) => Promise<boolean>) | undefined;
  },
): Promise<RetentionResult> {
  const { inUse, nowMs, isUsable = () => Promise.resolve(true), signal } = options;
  const found = new Map<string, readonly SnapshotInfo[]>();
  for (const generation of await client.generations({ signal })) {
    const snapshots: SnapshotInfo[] = [];
    for await (const snapshot of client.snapshots(generation, { signal })) snapshots.push(snapshot);
    found.set(generation, snapshots);
  }
  const plan = planRetention([...found].map(([generation, snapshots]) => ({ generation, snapshots })), policy, inUse, nowMs);
  const removedGenerations: string[] = [];
  let removedSnapshots = 0;
  let removedWalSegments = 0;
  for (const { generation, keepFromIndex } of plan.generations) {
    if (keepFromIndex === undefined) {
      await client.deleteGeneration(generation, { signal });
      removedGenerations.push(generation);
      continue;
    }
    const older = (found.get(generation) ?? []).filter(({ index }) => index < keepFromIndex);
    if (older.length > 0 && !(await isUsable({ generation, index: keepFromIndex }))) continue;
    for (const { index } of older) {
      await client.deleteSnapshot(generation, index, { signal });
      removedSnapshots += 1;
    }
    removedWalSegments += await removeWalBelow(client, generation, keepFromIndex, signal);
  }
  return { needsSnapshot: plan.needsSnapshot, removedGenerations, removedSnapshots, removedWalSegments };
}

/** The generation that had the newest snapshot at a time. */
function newestAt(generations: readonly GenerationSnapshots[], thenMs: number): string | undefined {
  let newest: SnapshotInfo | undefined;
  for (const { snapshots } of generations) {
    for (const it of snapshots) if (it.createdAtMs <= thenMs && it.createdAtMs > (newest?.createdAtMs ?? -1)) newest = it;
  }
  return newest?.generation;
}

/** The first of the `keep` snapshots that were the newest at a time; if there were not so many, the first of all. */
function countedFrom(snapshots: readonly SnapshotInfo[], keep: number, thenMs: number): SnapshotInfo | undefined {
  const then = snapshots.filter(({ createdAtMs }) => createdAtMs <= thenMs);
  return then.at(-keep) ?? snapshots[0];
}

async function removeWalBelow(client: ReplicaClient, generation: string, keepFromIndex: bigint, signal: AbortSignal | undefined): Promise<number> {
  let removed = 0;
  let positions: Pos[] = [];
  for await (const { index, offset } of client.walSegments(generation, { signal })) {
    if (index >= keepFromIndex) break;
    positions.push({ generation, index, offset });
    if (positions.length < REMOVED_AT_ONCE) continue;
    await client.deleteWalSegments(positions, { signal });
    removed += positions.length;
    positions = [];
  }
  await client.deleteWalSegments(positions, { signal });
  return removed + positions.length;
}

const REMOVED_AT_ONCE = 1000;

function checked(policy: RetentionPolicy): RetentionPolicy {
  const { retentionMs, keep = 1, graceMs = DEFAULT_GRACE_MS } = policy;
  requireWithin("retentionMs", retentionMs, 0, Number.MAX_SAFE_INTEGER);
  requireWithin("graceMs", graceMs, 0, Number.MAX_SAFE_INTEGER);
  requireWithin("keep", keep, 1, 1000);
  return policy;
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalidArgument("retention", `${name} is ${value}; it must be a whole number from ${min} to ${max}`);
}
