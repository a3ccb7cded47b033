import { hasCode, type CallOptions } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { ReplicaError } from "./errors.js";
import { newGenerationName } from "./generation-name.js";
import type { SnapshotInfo } from "./infos.js";
import { encodeLogBase, type LogBase } from "./format/log-base.js";
import { CLAIM_BYTES, encodeClaim } from "./format/log-stream.js";
import { openBase } from "./log-replica.js";
import { snapshotsFrom, writeLogSnapshot, type SnapshotSource } from "./log-snapshots.js";
import type { ReplicaClient } from "./replica-client.js";
import type { ReplicationSource } from "./replicator.js";
import { findEnd, findEndBelow, type StreamEnd } from "./stream-end.js";
import { StreamWriter } from "./stream-writer.js";

/** What {@link beginStream} needs. */
export interface BeginStreamOptions extends CallOptions {
  readonly client: ReplicaClient;
  readonly source: ReplicationSource;
  readonly logId: string;
  readonly snapshots: SnapshotSource | undefined;
  readonly random: RandomSource;
  readonly indexBytes: number;
}

/** What was begun. */
export interface BegunStream {
  readonly writer: StreamWriter;
  /** What the newest snapshot of the generation is of. */
  readonly snapshotSeq: number;
  /** The last record of the replica, if the source does not show it yet: before anything is shipped it has to be compared. */
  readonly uncompared: { readonly seq: number; readonly value: Uint8Array } | undefined;
}

/**
 * Takes over the newest generation of the source's log, where the source still has what follows its end; else begins a new one.
 *
 * @throws What the storage and the source say. REPLICA_CORRUPT: the newest generation is damaged at its end.
 */
export async function beginStream(options: BeginStreamOptions): Promise<BegunStream> {
  const base = await newestBase(options);
  return (base === undefined ? undefined : await takeOver(options, base)) ?? (await beginGeneration(options));
}

/** The youngest of the newest snapshots of this log's generations. */
async function newestBase({ client, logId, signal }: BeginStreamOptions): Promise<LogBase | undefined> {
  let newest: { readonly base: LogBase; readonly createdAtMs: number } | undefined;
  for (const generation of await client.generations({ signal })) {
    const snapshots: SnapshotInfo[] = [];
    for await (const snapshot of client.snapshots(generation, { signal })) snapshots.push(snapshot);
    for (const { index, createdAtMs } of snapshots.slice(-1)) {
      if (createdAtMs < (newest?.createdAtMs ?? 0)) continue;
      const { base, content } = await openBase(client, generation, index, { signal });
      await content.close();
      if (base.logId === logId) newest = { base, createdAtMs };
    }
  }
  return newest?.base;
}

/** `undefined`: the source does not go on where the generation ends. */
async function takeOver(options: BeginStreamOptions, base: LogBase): Promise<BegunStream | undefined> {
  const { client, source, random, indexBytes, logId, signal } = options;
  const { generation } = base;
  const found = await findEnd(client, generation, { signal });
  if ((await compare(source, found.end ?? base, signal)) === "different") return undefined;
  const claim = { logId, writerId: toHex(random.bytes(16)), generation };
  const index = await claimIndex(client, claim, found.freeIndex > base.index ? found.freeIndex : base.index, signal);
  // Only now nothing more is added that counts: who had the index before looks for this claim before it tells of a write.
  const end = await findEndBelow(client, generation, index, { signal });
  const comparison = await compare(source, end ?? base, signal);
  if (comparison === "different" || (end !== undefined && end.logId !== logId)) return undefined;
  const last = end?.lastCommit?.records.at(-1);
  const firstSeq = end?.nextSeq ?? base.seq + 1;
  return {
    writer: new StreamWriter({ client, claim, claimed: { index, bytes: CLAIM_BYTES }, end, firstSeq, hasSnapshot: index === base.index, indexBytes }),
    snapshotSeq: base.seq,
    uncompared: comparison === "unseen" && last !== undefined ? { seq: firstSeq - 1, value: last } : undefined,
  };
}

/** Whether the source has what comes behind an end, and what came before it is the same. `unseen`: it does not show so much yet. */
async function compare(source: ReplicationSource, end: StreamEnd | LogBase, signal: AbortSignal | undefined): Promise<"same" | "different" | "unseen"> {
  const { nextSeq, lastCommit } = "lastCommit" in end ? end : { nextSeq: end.seq + 1, lastCommit: undefined };
  if (source.firstSeq > nextSeq) return "different";
  const last = lastCommit?.records.at(-1);
  // Trimmed up to there: there is nothing left to compare.
  if (last === undefined || source.firstSeq === nextSeq) return "same";
  const record = await source.get(nextSeq - 1, { signal });
  if (record === undefined) return "unseen";
  return Buffer.compare(record.value, last) === 0 ? "same" : "different";
}

async function beginGeneration(options: BeginStreamOptions): Promise<BegunStream> {
  const { client, random, indexBytes, logId, signal } = options;
  const generation = newGenerationName(random);
  const snapshotSeq = (await beginWithSnapshot(options, generation)) ?? (await beginEmpty(options, generation));
  const claim = { logId, writerId: toHex(random.bytes(16)), generation };
  const index = await claimIndex(client, claim, 0n, signal);
  const claimed = { index, bytes: CLAIM_BYTES };
  const writer = new StreamWriter({ client, claim, claimed, end: undefined, firstSeq: snapshotSeq + 1, hasSnapshot: index === 0n, indexBytes });
  return { writer, snapshotSeq, uncompared: undefined };
}

/** Of a log that does not tell everything itself: the oldest snapshot that it goes on behind. `undefined`: it tells everything, or there is none. */
async function beginWithSnapshot({ client, source, snapshots, logId, signal }: BeginStreamOptions, generation: string): Promise<number | undefined> {
  if (snapshots === undefined) return undefined;
  const { firstSeq } = source;
  for (const entry of await snapshotsFrom(snapshots, firstSeq - 1, { signal })) {
    if (firstSeq === 1 && entry.seq > 0) return undefined;
    try {
      if (await writeLogSnapshot({ client, source, snapshots, entry, generation, index: 0n, logId, signal })) return entry.seq;
    } catch (error) {
      // One that is damaged is nothing to begin with; what is wrong with it is told by its own store.
      if (!hasCode(error, "SNAPSHOT_CORRUPT")) throw error;
    }
  }
  return undefined;
}

async function beginEmpty({ client, source, logId, signal }: BeginStreamOptions, generation: string): Promise<number> {
  const seq = source.firstSeq - 1;
  // Of what was trimmed it is not known when it was committed: before the first commit that is left.
  const committedAtMs = seq === 0 ? 0 : await firstCommitTime(source, signal);
  await client.writeSnapshot(generation, 0n, encodeLogBase({ logId, generation, index: 0n, seq, committedAtMs, contentVersion: undefined }), { signal });
  return seq;
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
