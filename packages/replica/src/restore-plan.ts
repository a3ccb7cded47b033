import { hasCode, type CallOptions, type HoldfastError } from "@holdfast/storage";
import { invalidArgument, ReplicaError } from "./errors.js";
import type { LogBase } from "./format/log-base.js";
import { openBase } from "./log-replica.js";
import { formatPos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";
import { requireLatestGeneration } from "./restore-generation.js";
import { chainFrom, isLoss, NO_WAL, type PlannedIndex } from "./wal-chain.js";

/** Which state of a log is wanted. Default: the last. */
export interface RestoreTarget {
  /** Of one generation. Default: the one that was begun last; where no order was noted, the one that was written to last. */
  readonly generation?: string | undefined;
  /** Up to this record, inclusive. */
  readonly seq?: number | undefined;
  /** Up to the last commit at this time or before, Unix milliseconds by the clock of the log's writer. Not with `seq`. */
  readonly timeMs?: number | undefined;
}

/** A snapshot that could not be used. An older one, and more WAL, stood in for it: what is restored is the same. */
export interface SkippedSnapshot {
  readonly generation: string;
  readonly index: bigint;
  /** What it is of; `undefined`: its beginning cannot be read. Less than that is never taken for all there is. */
  readonly seq: number | undefined;
  /** REPLICA_CORRUPT, with `key` and `offset` where the object itself is damaged, or REPLICA_OBJECT_GONE. */
  readonly error: HoldfastError;
}

/** What has to be read for a state. */
export interface RestorePlan {
  readonly generation: string;
  readonly base: LogBase;
  /** Each follows the one before it. */
  readonly indexes: readonly PlannedIndex[];
  /** Why it is not known what comes behind the indexes: to be thrown when what is wanted was not reached with them. `undefined`: nothing does. */
  readonly broken: Error | undefined;
  /** Newer snapshots that could not be used. */
  readonly skipped: readonly SkippedSnapshot[];
}

/** Where a restore may begin: at `any` snapshot, or at one that is the beginning of a log and `empty`. */
export type WantedBase = "any" | "empty";

/**
 * Finds the newest snapshot that is not behind what is wanted and reads as one, and the WAL from there on.
 *
 * @param skipped - What was found to be of no use when it was read whole. Only snapshots before the last one are looked at.
 * @throws REPLICA_NO_GENERATION, REPLICA_NO_SNAPSHOT: there is none, or what is wanted is older. REPLICA_GAP, REPLICA_CORRUPT,
 * REPLICA_OBJECT_GONE: there is no way to what is wanted; for a record or time that may show only when it is read.
 */
export async function planRestore(
  client: ReplicaClient,
  target: RestoreTarget,
  options: CallOptions,
  wanted: WantedBase = "any",
  skipped: readonly SkippedSnapshot[] = [],
): Promise<RestorePlan> {
  if (target.seq !== undefined && target.timeMs !== undefined) throw invalidArgument("restore", "seq and timeMs exclude each other");
  if (target.generation !== undefined) return planIn(client, target.generation, { target, wanted, skipped }, options);
  const generation = await requireLatestGeneration(client, options);
  try {
    return await planIn(client, generation, { target, wanted, skipped }, options);
  } catch (error) {
    // Of those who begin one at the same time all but one take back what they began: whoever looks then may have taken that for the latest.
    if (!(hasCode(error, "REPLICA_NO_SNAPSHOT") || hasCode(error, "REPLICA_OBJECT_GONE")) || (await requireLatestGeneration(client, options)) === generation) throw error;
    return planRestore(client, target, options, wanted, skipped);
  }
}

/** What is looked for in a generation. */
interface Search {
  readonly target: RestoreTarget;
  readonly wanted: WantedBase;
  readonly skipped: readonly SkippedSnapshot[];
}

async function planIn(client: ReplicaClient, generation: string, search: Search, options: CallOptions): Promise<RestorePlan> {
  const { target } = search;
  const found = await newestBase(client, generation, search, options);
  const { indexes, broken } = found.base.seq === target.seq ? NO_WAL : await chainFrom(client, generation, found.base, options);
  // Retention takes a snapshot before the WAL behind it: as long as it is there, what was listed is all there was.
  if (indexes.length === 0 || broken !== undefined) await requireThere(client, found.base, options);
  if (broken !== undefined && target.seq === undefined && target.timeMs === undefined) throw broken;
  return { generation, ...found, indexes, broken };
}

/** The error of a snapshot as a reason to pass over it; `undefined` if it is none. */
export function asSkipped({ generation, index, seq }: Pick<LogBase, "generation" | "index"> & { readonly seq?: number }, error: unknown): SkippedSnapshot | undefined {
  if (!isLoss(error)) return undefined;
  return { generation, index, seq, error: hasCode(error, "REPLICA_NOT_FOUND") ? gone(generation, index, error) : error };
}

async function newestBase(
  client: ReplicaClient,
  generation: string,
  { target: { seq = Infinity, timeMs = Infinity }, wanted, skipped: before }: Search,
  options: CallOptions,
): Promise<Pick<RestorePlan, "base" | "skipped">> {
  const indexes: bigint[] = [];
  const skipped = [...before];
  const below = before.at(-1)?.index;
  let hasContent = false;
  for await (const { index } of client.snapshots(generation, options)) indexes.push(index);
  for (const index of indexes.toReversed()) {
    if (below !== undefined && index >= below) continue;
    const base = await readBase(client, generation, index, options);
    if ("error" in base) skipped.push(base);
    else if (wanted === "empty" && base.contentVersion !== undefined) hasContent = true;
    else if (base.seq <= seq && base.committedAtMs <= timeMs) return { base, skipped };
  }
  throw skipped[0]?.error ?? noBase(generation, indexes.length, hasContent);
}

async function readBase(client: ReplicaClient, generation: string, index: bigint, options: CallOptions): Promise<LogBase | SkippedSnapshot> {
  try {
    const { base, content } = await openBase(client, generation, index, options);
    await content.close();
    return base;
  } catch (error) {
    const skipped = asSkipped({ generation, index }, error);
    if (skipped === undefined) throw error;
    return skipped;
  }
}

async function requireThere(client: ReplicaClient, { generation, index }: LogBase, options: CallOptions): Promise<void> {
  try {
    // Never started, and so nothing is held.
    await client.snapshotReader(generation, index, options);
  } catch (error) {
    throw hasCode(error, "REPLICA_NOT_FOUND") ? gone(generation, index, error) : error;
  }
}

function gone(generation: string, index: bigint, cause: HoldfastError): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_OBJECT_GONE", `the snapshot ${position} was removed while it was to be read`, { operation: "restore", key: cause.key, position, cause });
}

function noBase(generation: string, snapshots: number, hasContent: boolean): ReplicaError {
  const message =
    snapshots === 0
      ? `no snapshots available in ${generation}`
      : `what is wanted is older than the first snapshot of ${generation}${hasContent ? " without content; give `snapshots`, where the content is to go" : ""}`;
  return new ReplicaError("REPLICA_NO_SNAPSHOT", message, { operation: "restore", position: formatPos({ generation, index: 0n, offset: 0n }) });
}
