import type { CallOptions } from "@holdfast/storage";
import { BEGIN_BYTES, CLAIM_BYTES, type StreamCommit } from "./format/log-stream.js";
import { listIndexes, type ListedIndex } from "./log-replica.js";
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
  /** The lowest index that nobody has claimed. */
  readonly freeIndex: bigint;
}

/** Finds the end by one list and by reading the last segment of the newest index. @throws REPLICA_CORRUPT; what the storage says. */
export async function findEnd(client: ReplicaClient, generation: string, options: CallOptions): Promise<GenerationEnd> {
  const indexes = await listIndexes(client, generation, 0n, options);
  const freeIndex = (indexes.at(-1)?.index ?? -1n) + 1n;
  return { end: await endBefore(client, generation, indexes, freeIndex, options), freeIndex };
}

/** As {@link findEnd}, of the indexes below one. */
export async function findEndBelow(client: ReplicaClient, generation: string, index: bigint, options: CallOptions): Promise<StreamEnd | undefined> {
  return endBefore(client, generation, await listIndexes(client, generation, 0n, options), index, options);
}

async function endBefore(
  client: ReplicaClient,
  generation: string,
  indexes: readonly ListedIndex[],
  below: bigint,
  options: CallOptions,
): Promise<StreamEnd | undefined> {
  for (const listed of indexes.filter(({ index }) => index < below).toReversed()) {
    const end = await endOf(client, generation, listed, options);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Where the stream of an index ends. `undefined`: it has nothing but a claim. */
async function endOf(client: ReplicaClient, generation: string, { index, segments }: ListedIndex, { signal }: CallOptions): Promise<StreamEnd | undefined> {
  const [first, last] = [segments[0], segments.at(-1)];
  if (first === undefined || last === undefined) return undefined;
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
  const reader = new StreamReader(await client.walSegmentReader({ generation, index, offset: 0n }, { signal }), { generation, index });
  try {
    return await reader.claim();
  } finally {
    await reader.close();
  }
}

function nextSeqOf({ firstSeq, records }: StreamCommit): number {
  return firstSeq + records.length;
}
