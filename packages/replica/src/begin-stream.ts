import { hasCode, type CallOptions } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { ReplicaError } from "./errors.js";
import { newGenerationName } from "./generation-name.js";
import type { SnapshotInfo } from "./infos.js";
import { encodeLogBase } from "./format/log-base.js";
import { CLAIM_BYTES, encodeClaim } from "./format/log-stream.js";
import { openBase } from "./log-replica.js";
import type { ReplicaClient } from "./replica-client.js";
import type { ReplicationSource } from "./replicator.js";
import { findEnd, findEndBelow, type StreamEnd } from "./stream-end.js";
import { StreamWriter } from "./stream-writer.js";

/** What {@link beginStream} needs. */
export interface BeginStreamOptions extends CallOptions {
  readonly client: ReplicaClient;
  readonly source: ReplicationSource;
  readonly logId: string;
  readonly random: RandomSource;
  readonly indexBytes: number;
}

/** What was begun. */
export interface BegunStream {
  readonly writer: StreamWriter;
  /** The last record of the replica, if the source does not show it yet: before anything is shipped it has to be compared. */
  readonly uncompared: { readonly seq: number; readonly value: Uint8Array } | undefined;
}

/**
 * Takes over the newest generation of the source's log, where the source still has what follows its end; else begins a new one.
 *
 * @throws What the storage and the source say. REPLICA_CORRUPT: the newest generation is damaged at its end.
 */
export async function beginStream(options: BeginStreamOptions): Promise<BegunStream> {
  const generation = await newestGeneration(options);
  return (generation === undefined ? undefined : await takeOver(options, generation)) ?? (await beginGeneration(options));
}

/** The generation of this log whose newest snapshot is the youngest. */
async function newestGeneration({ client, logId, signal }: BeginStreamOptions): Promise<string | undefined> {
  let newest: { readonly generation: string; readonly createdAtMs: number } | undefined;
  for (const generation of await client.generations({ signal })) {
    const snapshots: SnapshotInfo[] = [];
    for await (const snapshot of client.snapshots(generation, { signal })) snapshots.push(snapshot);
    for (const { index, createdAtMs } of snapshots.slice(-1)) {
      if (createdAtMs < (newest?.createdAtMs ?? 0)) continue;
      const { base, content } = await openBase(client, generation, index, { signal });
      await content.close();
      if (base.logId === logId) newest = { generation, createdAtMs };
    }
  }
  return newest?.generation;
}

/** `undefined`: the source does not go on where the generation ends. */
async function takeOver(options: BeginStreamOptions, generation: string): Promise<BegunStream | undefined> {
  const { client, source, random, indexBytes, logId, signal } = options;
  const { end, freeIndex } = await findEnd(client, generation, { signal });
  // A generation without a record is as good as none, and not worth to be gone on with.
  if (end?.logId !== logId || (await compare(source, end, signal)) === "different") return undefined;
  const claim = { logId, writerId: toHex(random.bytes(16)), generation };
  const index = await claimIndex(client, claim, freeIndex, signal);
  // Only now nothing more is added that counts: who had the index before looks for this claim before it tells of a write.
  const settled = await findEndBelow(client, generation, index, { signal });
  const comparison = settled?.logId === logId ? await compare(source, settled, signal) : "different";
  if (settled === undefined || comparison === "different") return undefined;
  const last = settled.lastCommit?.records.at(-1);
  return {
    writer: new StreamWriter({ client, claim, claimed: { index, bytes: CLAIM_BYTES }, end: settled, firstSeq: settled.nextSeq, indexBytes }),
    uncompared: comparison === "unseen" && last !== undefined ? { seq: settled.nextSeq - 1, value: last } : undefined,
  };
}

/** Whether the source has what comes behind an end, and what came before it is the same. `unseen`: it does not show so much yet. */
async function compare(source: ReplicationSource, { nextSeq, lastCommit }: StreamEnd, signal: AbortSignal | undefined): Promise<"same" | "different" | "unseen"> {
  if (source.firstSeq > nextSeq) return "different";
  const last = lastCommit?.records.at(-1);
  // Trimmed up to there: there is nothing left to compare.
  if (last === undefined || source.firstSeq === nextSeq) return "same";
  const record = await source.get(nextSeq - 1, { signal });
  if (record === undefined) return "unseen";
  return Buffer.compare(record.value, last) === 0 ? "same" : "different";
}

async function beginGeneration({ client, source, random, indexBytes, logId, signal }: BeginStreamOptions): Promise<BegunStream> {
  const generation = newGenerationName(random);
  const firstSeq = source.firstSeq;
  const claim = { logId, writerId: toHex(random.bytes(16)), generation };
  // Of what was trimmed it is not known when it was committed: before the first commit that is left.
  const committedAtMs = firstSeq === 1 ? 0 : await firstCommitTime(source, signal);
  await client.writeSnapshot(generation, 0n, encodeLogBase({ logId, generation, index: 0n, seq: firstSeq - 1, committedAtMs, contentVersion: undefined }), { signal });
  const index = await claimIndex(client, claim, 0n, signal);
  return { writer: new StreamWriter({ client, claim, claimed: { index, bytes: CLAIM_BYTES }, end: undefined, firstSeq, indexBytes }), uncompared: undefined };
}

async function firstCommitTime(source: ReplicationSource, signal: AbortSignal | undefined): Promise<number> {
  for await (const { committedAtMs } of source.readBatches({ limit: 1, signal })) return committedAtMs;
  return 0;
}

/** Makes the first segment of an index that nobody has, from this one on. */
async function claimIndex(
  client: ReplicaClient,
  claim: { readonly logId: string; readonly writerId: string; readonly generation: string },
  from: bigint,
  signal: AbortSignal | undefined,
): Promise<bigint> {
  for (let index = from; index < from + MAX_CLAIMS; index += 1n) {
    try {
      const { outcome } = await client.writeWalSegment({ generation: claim.generation, index, offset: 0n }, encodeClaim({ ...claim, index }), { signal });
      if (outcome !== "adopted") return index;
    } catch (error) {
      if (!hasCode(error, "REPLICA_CONFLICT")) throw error;
    }
  }
  throw new ReplicaError("REPLICA_FENCED", `other replicators take over ${claim.generation} again and again`, { operation: "openReplicator" });
}

const MAX_CLAIMS = 16n;

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
