import { hasCode, type CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { BEGIN_BYTES, CLAIM_BYTES, type StreamCommit } from "./format/log-stream.js";
import { listIndexes, type ListedIndex } from "./log-replica.js";
import { findNewestIndex } from "./newest-index.js";
import { formatPos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";
import { StreamReader } from "./stream-reader.js";

/** Where the WAL of a generation ends. */
export interface StreamEnd {
  readonly logId: string;
  readonly index: bigint;
  /** Bytes of the stream of that index. */
  readonly bytes: bigint;
  readonly link: number;
  readonly nextSeq: number;
  /** `undefined`: none was read. */
  readonly lastCommit: StreamCommit | undefined;
}

/** What there is of a generation's WAL. */
export interface GenerationEnd {
  /** Of the newest index that has more than a claim; `undefined`: none has. */
  readonly end: StreamEnd | undefined;
  /** The lowest index that nobody has claimed, at or behind the one that was looked from. */
  readonly freeIndex: bigint;
}

/**
 * Finds the end: by listing from an index on, and by reading the last segment of the newest index that has begun.
 *
 * @param fromIndex - An index that WAL is expected at or behind, as that of the newest snapshot: where to look first.
 * @throws REPLICA_GAP: the segment that the newest index begins with is gone. REPLICA_CORRUPT. What the storage says.
 */
export async function findEnd(client: ReplicaClient, generation: string, fromIndex: bigint, options: CallOptions): Promise<GenerationEnd> {
  const newest = await findNewestIndex(client, generation, fromIndex, options);
  const freeIndex = newest === undefined ? fromIndex : newest + 1n;
  return { end: await findEndBelow(client, generation, freeIndex, options), freeIndex };
}

/** The end of the indexes below one. Looked for there first, since it is seldom far. @throws As {@link findEnd}. */
export async function findEndBelow(client: ReplicaClient, generation: string, index: bigint, options: CallOptions): Promise<StreamEnd | undefined> {
  for (let [below, step] = [index, 1n]; below > 0n; step *= 2n) {
    const fromIndex = below > step ? below - step : 0n;
    const listed = await listIndexes(client, generation, fromIndex, { ...options, belowIndex: below });
    const end = await endIn(client, generation, listed, options);
    if (end !== undefined) return end;
    below = fromIndex;
  }
  return undefined;
}

/** Of the newest of these indexes that has begun. */
async function endIn(client: ReplicaClient, generation: string, indexes: readonly ListedIndex[], options: CallOptions): Promise<StreamEnd | undefined> {
  for (const listed of indexes.toReversed()) {
    const end = await endOf(client, generation, listed, options);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Where the stream of an index ends. `undefined`: it has nothing but a claim. */
async function endOf(client: ReplicaClient, generation: string, { index, segments }: ListedIndex, { signal }: CallOptions): Promise<StreamEnd | undefined> {
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  if (first.offset !== 0n) throw startGone(generation, index);
  const { logId } = await claimOf(client, generation, index, signal);
  const reader = new StreamReader(await client.walSegmentReader(last, { signal }), { generation, index, startBytes: last.offset });
  try {
    if (last.offset === 0n) await reader.claim();
    const begin = last.offset <= BigInt(CLAIM_BYTES) ? await reader.begin() : undefined;
    let lastCommit: (StreamCommit & { readonly link: number }) | undefined;
    for (let commit = await reader.commit(begin?.link, begin?.firstSeq); commit !== undefined; commit = await reader.commit(commit.link, nextSeqOf(commit))) lastCommit = commit;
    if (lastCommit !== undefined) return { logId, index, bytes: reader.bytes, link: lastCommit.link, nextSeq: nextSeqOf(lastCommit), lastCommit };
    return begin === undefined ? undefined : { logId, index, bytes: BigInt(CLAIM_BYTES + BEGIN_BYTES), link: begin.link, nextSeq: begin.firstSeq, lastCommit: undefined };
  } finally {
    await reader.close();
  }
}

async function claimOf(client: ReplicaClient, generation: string, index: bigint, signal: AbortSignal | undefined): Promise<{ readonly logId: string }> {
  const pieces = await client.walSegmentReader({ generation, index, offset: 0n }, { signal }).catch((error: unknown) => {
    throw hasCode(error, "REPLICA_NOT_FOUND") ? startGone(generation, index, error) : error;
  });
  const reader = new StreamReader(pieces, { generation, index });
  try {
    return await reader.claim();
  } finally {
    await reader.close();
  }
}

function startGone(generation: string, index: bigint, cause?: unknown): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_GAP", `wal not found: ${position}, with which the newest WAL begins`, { operation: "openReplicator", position, cause });
}


function nextSeqOf({ firstSeq, records }: StreamCommit): number {
  return firstSeq + records.length;
}
