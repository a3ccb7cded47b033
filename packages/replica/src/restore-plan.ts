import type { CallOptions } from "@holdfast/storage";
import { invalidArgument, ReplicaError } from "./errors.js";
import { findLatestGeneration } from "./find.js";
import type { LogBase } from "./format/log-base.js";
import { formatPos } from "./pos.js";
import { listIndexes, openBase, readOpening, type IndexOpening, type ListedIndex } from "./log-replica.js";
import type { ReplicaClient } from "./replica-client.js";

/** Which state of a log is wanted. Default: the last. */
export interface RestoreTarget {
  /** Of one generation. Default: the one that was written to last. */
  readonly generation?: string | undefined;
  /** Up to this record, inclusive. */
  readonly seq?: number | undefined;
  /** Up to the last commit at this time or before, Unix milliseconds by the clock of the log's writer. Not with `seq`. */
  readonly timeMs?: number | undefined;
}

/** A part of the WAL that is to be read. */
export interface PlannedIndex {
  readonly listed: ListedIndex;
  readonly opening: IndexOpening;
  /** Bytes of its stream that count; `undefined`: all. */
  readonly bytes: bigint | undefined;
}

/** What has to be read for a state. */
export interface RestorePlan {
  readonly generation: string;
  readonly base: LogBase;
  /** Each follows the one before it. */
  readonly indexes: readonly PlannedIndex[];
}

/** Where a restore may begin: at `any` snapshot, or at one that is the beginning of a log and `empty`. */
export type WantedBase = "any" | "empty";

/**
 * Finds the newest snapshot that is not behind what is wanted, and the WAL from there on.
 *
 * @throws REPLICA_NO_GENERATION, REPLICA_NO_SNAPSHOT: there is none, or what is wanted is older. REPLICA_GAP, REPLICA_CORRUPT, REPLICA_OBJECT_GONE.
 */
export async function planRestore(client: ReplicaClient, target: RestoreTarget, options: CallOptions, wanted: WantedBase = "any"): Promise<RestorePlan> {
  if (target.seq !== undefined && target.timeMs !== undefined) throw invalidArgument("restore", "seq and timeMs exclude each other");
  const generation = target.generation ?? (await findLatestGeneration(client, options)).generation;
  const base = await newestBase(client, generation, target, wanted, options);
  return { generation, base, indexes: await chainFrom(client, generation, base, options) };
}

async function newestBase(
  client: ReplicaClient,
  generation: string,
  { seq = Infinity, timeMs = Infinity }: RestoreTarget,
  wanted: WantedBase,
  options: CallOptions,
): Promise<LogBase> {
  const indexes: bigint[] = [];
  let hasContent = false;
  for await (const { index } of client.snapshots(generation, options)) indexes.push(index);
  for (const index of indexes.toReversed()) {
    const { base, content } = await openBase(client, generation, index, options);
    await content.close();
    if (wanted === "empty" && base.contentVersion !== undefined) hasContent = true;
    else if (base.seq <= seq && base.committedAtMs <= timeMs) return base;
  }
  const message =
    indexes.length === 0
      ? `no snapshots available in ${generation}`
      : `what is wanted is older than the first snapshot of ${generation}${hasContent ? " without content; give `snapshots`, where the content is to go" : ""}`;
  throw new ReplicaError("REPLICA_NO_SNAPSHOT", message, { operation: "restore" });
}

/** The indexes that count, from that of the base on: the newest one that has begun says which one it follows, and how much of that counts. */
async function chainFrom(client: ReplicaClient, generation: string, base: LogBase, options: CallOptions): Promise<readonly PlannedIndex[]> {
  const listed = await listIndexes(client, generation, base.index, options);
  const chain: PlannedIndex[] = [];
  /** What the index behind says of the one that is looked for. */
  let wanted: { readonly index: bigint; readonly bytes: bigint } | undefined;
  for (const each of listed.toReversed()) {
    if (wanted !== undefined && each.index > wanted.index) continue;
    if (wanted !== undefined && each.index < wanted.index) break;
    const opening = await readOpening(client, generation, each, options);
    if (opening.claim.logId !== base.logId) throw wrong(generation, each.index, "it is of another log");
    // It was claimed, and whoever claimed it wrote nothing.
    if (opening.begin === undefined) continue;
    chain.unshift({ listed: each, opening, bytes: wanted?.bytes });
    if (each.index === base.index) return startingAt(base, chain, generation);
    wanted = opening.begin.after;
    if (wanted === undefined) break;
  }
  const first = chain[0];
  // Nothing was written behind the base, or not yet.
  if (first === undefined) return [];
  // The index of a base may have been claimed and left.
  if (wanted === undefined || wanted.index < base.index) return startingAt(base, chain, generation);
  const position = formatPos({ generation, index: wanted.index, offset: 0n });
  throw new ReplicaError("REPLICA_GAP", `wal not found: ${position}, which the WAL behind it goes on from`, { operation: "restore", position });
}

function startingAt(base: LogBase, chain: readonly PlannedIndex[], generation: string): readonly PlannedIndex[] {
  const first = chain[0]?.opening.begin?.firstSeq;
  // A snapshot with content may come when more than what is in it was written: its index begins before it.
  if (first === base.seq + 1 || (base.contentVersion !== undefined && first !== undefined && first <= base.seq)) return chain;
  throw wrong(generation, chain[0]?.listed.index ?? base.index, `it begins with record ${first ?? 0}, and the snapshot ends with ${base.seq}`);
}

function wrong(generation: string, index: bigint, what: string): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_CORRUPT", `the WAL at ${position}: ${what}`, { operation: "restore", position });
}
