import { isHoldfastError, type CallOptions, type HoldfastError } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import type { LogBase } from "./format/log-base.js";
import { listIndexes, readOpening, type IndexOpening, type ListedIndex } from "./log-replica.js";
import { formatPos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";

/** A part of the WAL that is to be read. */
export interface PlannedIndex {
  readonly listed: ListedIndex;
  readonly opening: IndexOpening;
  /** Bytes of its stream that count; `undefined`: all. */
  readonly bytes: bigint | undefined;
}

/** The WAL behind a snapshot. */
export interface WalChain {
  /** Each follows the one before it. */
  readonly indexes: readonly PlannedIndex[];
  /** Why it is not known what comes behind them: REPLICA_GAP, REPLICA_CORRUPT, REPLICA_OBJECT_GONE. `undefined`: nothing does. */
  readonly broken: Error | undefined;
}

/** That of a snapshot which is what is wanted itself. */
export const NO_WAL: WalChain = { indexes: [], broken: undefined };

/**
 * The indexes that count, from that of the base on: the newest one that has begun says which one it follows, and how much of that counts.
 * Where one is damaged or gone, what lies below it is found in the same way: it holds records of the log all the same, and only where
 * it ends is not known.
 *
 * @throws REPLICA_CORRUPT, if the WAL does not begin where the base ends. What the storage says.
 */
export async function chainFrom(client: ReplicaClient, generation: string, base: LogBase, options: CallOptions): Promise<WalChain> {
  let broken: Error | undefined;
  let indexes: PlannedIndex[] = [];
  /** What the index behind says of the one that is looked for. */
  let wanted: { readonly index: bigint; readonly bytes: bigint } | undefined;
  const lose = (error: Error): void => {
    broken = error;
    indexes = [];
    wanted = undefined;
  };
  for (const listed of (await listIndexes(client, generation, base.index, options)).toReversed()) {
    if (wanted !== undefined && listed.index > wanted.index) continue;
    if (wanted !== undefined && listed.index < wanted.index) lose(notFound(generation, wanted.index));
    const opening = await openingOf(client, generation, base, listed, options);
    if ("damage" in opening) lose(opening.damage);
    // Without a begin it was claimed, and whoever claimed it wrote nothing.
    if ("damage" in opening || opening.begin === undefined) continue;
    indexes.unshift({ listed, opening, bytes: wanted?.bytes });
    wanted = opening.begin.after;
    if (listed.index === base.index || wanted === undefined) break;
  }
  // The index of a base may have been claimed and left.
  const [first] = indexes;
  if (first !== undefined && first.listed.index !== base.index && wanted !== undefined && wanted.index >= base.index) lose(notFound(generation, wanted.index));
  if (indexes.length > 0) requireStart(base, indexes, generation);
  return { indexes, broken };
}

/** How an index begins, or what is wrong there. */
async function openingOf(client: ReplicaClient, generation: string, base: LogBase, listed: ListedIndex, options: CallOptions): Promise<IndexOpening | { readonly damage: Error }> {
  try {
    const opening = await readOpening(client, generation, listed, options);
    return opening.claim.logId === base.logId ? opening : { damage: wrong(generation, listed.index, "it is of another log") };
  } catch (error) {
    if (isLoss(error)) return { damage: error };
    throw error;
  }
}

/** Whether an error says that something is damaged or not there, and not that it could not be read. */
export function isLoss(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && LOSSES.has(error.code);
}

const LOSSES: ReadonlySet<string> = new Set(["REPLICA_CORRUPT", "REPLICA_GAP", "REPLICA_OBJECT_GONE", "REPLICA_NOT_FOUND"]);

function requireStart(base: LogBase, chain: readonly PlannedIndex[], generation: string): void {
  const first = chain[0]?.opening.begin?.firstSeq;
  // A snapshot with content may come when more than what is in it was written: its index begins before it.
  if (first === base.seq + 1 || (base.contentVersion !== undefined && first !== undefined && first <= base.seq)) return;
  throw wrong(generation, chain[0]?.listed.index ?? base.index, `it begins with record ${first ?? 0}, and the snapshot ends with ${base.seq}`);
}

function notFound(generation: string, index: bigint): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_GAP", `wal not found: ${position}, which the WAL behind it goes on from`, { operation: "restore", position });
}

function wrong(generation: string, index: bigint, what: string): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_CORRUPT", `the WAL at ${position}: ${what}`, { operation: "restore", position });
}
