import { hasCode, type CallOptions, type HoldfastError } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { ReplicaError } from "./errors.js";
import { newGenerationName } from "./generation-name.js";
import type { GenerationRegister } from "./generation-register.js";
import type { SnapshotInfo } from "./infos.js";
import { encodeLogBase, type LogBase } from "./format/log-base.js";
import { CLAIM_BYTES, encodeClaim, type StreamClaim } from "./format/log-stream.js";
import { openBase } from "./log-replica.js";
import { findNewestIndex } from "./newest-index.js";
import { snapshotsFrom, writeLogSnapshot, type SnapshotSource } from "./log-snapshots.js";
import type { ReplicaClient } from "./replica-client.js";
import type { ReplicationSource } from "./replicator.js";
import { findEnd, findEndBelow, type StreamEnd } from "./stream-end.js";
import { StreamWriter } from "./stream-writer.js";
import { isLoss } from "./wal-chain.js";

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
  /** What is damaged, if for that a new generation was begun: REPLICA_CORRUPT or REPLICA_GAP. */
  readonly damage: HoldfastError | undefined;
}

/**
 * Takes over the newest generation of the source's log, where the source still has what follows its end; else, and where it is damaged so that
 * it cannot be gone on with, begins a new one. Of several who begin at the same time one begins it, and the others take it over.
 *
 * @throws What the storage and the source say.
 */
export async function beginStream(options: BeginStreamOptions): Promise<BegunStream> {
  const { client, random } = options;
  const newest = await newestGeneration(options);
  const taken = newest.generation === undefined ? newest : await goOn(options, newest.generation);
  if (taken.writer !== undefined) return taken;
  const { damage } = taken;
  const generation = newGenerationName(random);
  const base = (await beginWithSnapshot(options, generation)) ?? (await beginEmpty(options, generation));
  if (client.register !== undefined && (await register(options, client.register, generation, newest.lastNumber)) !== generation) {
    // Somebody else has begun one meanwhile. Nobody knows of this one.
    await client.deleteGeneration(generation, { signal: options.signal });
    return beginStream(options);
  }
  const begun = await takeOver(options, { base, newestIndex: 0n });
  return begun === undefined ? beginStream(options) : { ...begun, damage };
}

/** Why a generation cannot be gone on with; `undefined`: the source does not go on where it ends, or there is none. */
interface Departed {
  readonly writer?: undefined;
  readonly damage: HoldfastError | undefined;
}

/** Takes a generation over, if that can be done. */
async function goOn(options: BeginStreamOptions, generation: string): Promise<BegunStream | Departed> {
  for (let isSecond = false; ; isSecond = true) {
    try {
      const found = await findBase(options.client, generation, options);
      if ("base" in found) return (await takeOver(options, found)) ?? { damage: undefined };
      if (found.damage === undefined) return found;
      throw found.damage;
    } catch (error) {
      if (!isDamage(error)) throw error;
      // What came over wrongly, or was removed while it was looked at, is as it should be when it is looked at again.
      if (!isSecond) continue;
      await supersede(options, generation);
      return { damage: error };
    }
  }
}

/** Whether an error says what will be so the next time, too. */
function isDamage(error: unknown): error is HoldfastError {
  return hasCode(error, "REPLICA_CORRUPT") || hasCode(error, "REPLICA_GAP");
}

/** Whoever may still write to a generation finds a claim behind its own, and stops. */
async function supersede({ client, logId, random, signal }: BeginStreamOptions, generation: string): Promise<void> {
  const newest = await findNewestIndex(client, generation, 0n, { signal });
  await claimIndex(client, newClaim(generation, logId, random), newest === undefined ? 0n : newest + 1n, signal);
}

/** What the WAL of a generation stands on. */
interface FoundBase {
  readonly base: LogBase;
  /** Of its newest snapshot, readable or not. */
  readonly newestIndex: bigint;
}

/** Of its newest snapshot that can be read; else what is damaged of the newest. */
async function findBase(client: ReplicaClient, generation: string, { signal }: CallOptions): Promise<FoundBase | Departed> {
  const indexes: bigint[] = [];
  let damage: HoldfastError | undefined;
  for await (const { index } of client.snapshots(generation, { signal })) indexes.push(index);
  const newestIndex = indexes.at(-1) ?? 0n;
  for (const index of indexes.toReversed()) {
    try {
      const { base, content } = await openBase(client, generation, index, { signal });
      await content.close();
      return { base, newestIndex };
    } catch (error) {
      // Another one is shipped when the source has a newer one than the next that can be read.
      if (!isLoss(error)) throw error;
      if (isDamage(error)) damage ??= error;
    }
  }
  return { damage };
}

/** The newest generation of the log, and the highest number in the register. */
interface NewestGeneration extends Departed {
  readonly generation: string | undefined;
  readonly lastNumber: bigint;
}

async function newestGeneration(options: BeginStreamOptions): Promise<NewestGeneration> {
  const { client, logId, signal } = options;
  if (client.register === undefined) return { generation: (await youngestGeneration(options, new Set()))?.generation, lastNumber: 0n, damage: undefined };
  const others = new Set<string>();
  const numbers = await client.register.numbers({ signal });
  const lastNumber = numbers.at(-1) ?? 0n;
  try {
    for (const number of numbers.toReversed()) {
      const entry = await client.register.read(number, { signal });
      if (entry?.logId === logId) return { generation: entry.generation, lastNumber, damage: undefined };
      if (entry !== undefined) others.add(entry.generation);
    }
  } catch (error) {
    // What is damaged may be the entry of a generation of this log: only a new one is certainly behind it.
    if (isDamage(error)) return { generation: undefined, lastNumber, damage: error };
    throw error;
  }
  // One that was begun before there was a register, or by somebody who was interrupted before it was noted.
  const unregistered = await youngestGeneration(options, others);
  if (unregistered === undefined) return { generation: undefined, lastNumber, damage: undefined };
  await register(options, client.register, unregistered.generation, lastNumber);
  return newestGeneration(options);
}

/** Notes a generation. @returns The first generation of this log that is noted behind a number: this one, or that of somebody who was faster. */
async function register({ logId, signal }: BeginStreamOptions, generations: GenerationRegister, generation: string, lastNumber: bigint): Promise<string> {
  for (let number = lastNumber + 1n; ; number += 1n) {
    const entry = await generations.add({ number, generation, logId }, { signal });
    if (entry.logId === logId) return entry.generation;
  }
}

/** Of this log, by the time of its newest snapshot. */
async function youngestGeneration({ client, logId, signal }: BeginStreamOptions, others: ReadonlySet<string>): Promise<LogBase | undefined> {
  let youngest: { readonly base: LogBase; readonly createdAtMs: number } | undefined;
  for (const generation of await client.generations({ signal })) {
    if (others.has(generation)) continue;
    const snapshots: SnapshotInfo[] = [];
    for await (const snapshot of client.snapshots(generation, { signal })) snapshots.push(snapshot);
    const createdAtMs = snapshots.at(-1)?.createdAtMs;
    if (createdAtMs === undefined || createdAtMs < (youngest?.createdAtMs ?? 0)) continue;
    const found = await findBase(client, generation, { signal });
    if ("base" in found && found.base.logId === logId) youngest = { base: found.base, createdAtMs };
  }
  return youngest?.base;
}

/** `undefined`: the source does not go on where the generation ends. */
async function takeOver(options: BeginStreamOptions, { base, newestIndex }: FoundBase): Promise<BegunStream | undefined> {
  const { client, source, random, indexBytes, logId, signal } = options;
  const { generation } = base;
  const found = await findEnd(client, generation, newestIndex, { signal });
  if ((await compare(source, found.end ?? base, signal)) === "different") return undefined;
  const claim = newClaim(generation, logId, random);
  const index = await claimIndex(client, claim, found.freeIndex, signal);
  // Only now nothing more is added that counts: who had the index before looks for this claim before it tells of a write.
  const end = await findEndBelow(client, generation, index, { signal });
  const comparison = await compare(source, end ?? base, signal);
  if (comparison === "different" || (end !== undefined && end.logId !== logId)) return undefined;
  const last = end?.lastCommit?.records.at(-1);
  const firstSeq = end?.nextSeq ?? base.seq + 1;
  return {
    writer: new StreamWriter({ client, claim, claimed: { index, bytes: CLAIM_BYTES }, end, firstSeq, hasSnapshot: index === newestIndex, indexBytes }),
    snapshotSeq: base.seq,
    uncompared: comparison === "unseen" && last !== undefined ? { seq: firstSeq - 1, value: last } : undefined,
    damage: undefined,
  };
}

function newClaim(generation: string, logId: string, random: RandomSource): Omit<StreamClaim, "index"> {
  return { logId, writerId: toHex(random.bytes(16)), generation };
}

/** Whether the source has what comes behind an end, and what came before it is the same. `unseen`: it does not show so much yet. */
async function compare(source: ReplicationSource, end: StreamEnd | LogBase, signal: AbortSignal | undefined): Promise<"same" | "different" | "unseen"> {
  const { nextSeq, lastCommit } = "lastCommit" in end ? end : { nextSeq: end.seq + 1, lastCommit: undefined };
  if (source.firstSeq > nextSeq) return "different";
  const last = lastCommit?.records.at(-1);
  // Trimmed up to there: there is nothing left to compare.
  if (last === undefined || source.firstSeq === nextSeq) return "same";
  try {
    const record = await source.get(nextSeq - 1, { signal });
    if (record === undefined) return "unseen";
    return Buffer.compare(record.value, last) === 0 ? "same" : "different";
  } catch (error) {
    // Trimmed since the source last looked, and now it knows.
    if (!hasCode(error, "WAL_TRIMMED") || source.firstSeq < nextSeq) throw error;
    return compare(source, end, signal);
  }
}

/** Of a log that does not tell everything itself: the oldest snapshot that it goes on behind. `undefined`: it tells everything, or there is none. */
async function beginWithSnapshot({ client, source, snapshots, logId, signal }: BeginStreamOptions, generation: string): Promise<LogBase | undefined> {
  if (snapshots === undefined) return undefined;
  const { firstSeq } = source;
  for (const entry of await snapshotsFrom(snapshots, firstSeq - 1, { signal })) {
    if (firstSeq === 1 && entry.seq > 0) return undefined;
    try {
      const base = await writeLogSnapshot({ client, source, snapshots, entry, generation, index: 0n, logId, signal });
      if (base !== undefined) return base;
    } catch (error) {
      // One that is damaged is nothing to begin with; what is wrong with it is told by its own store.
      if (!hasCode(error, "SNAPSHOT_CORRUPT")) throw error;
    }
  }
  return undefined;
}

async function beginEmpty({ client, source, logId, signal }: BeginStreamOptions, generation: string): Promise<LogBase> {
  const seq = source.firstSeq - 1;
  // Of what was trimmed it is not known when it was committed: before the first commit that is left.
  const committedAtMs = seq === 0 ? 0 : await firstCommitTime(source, signal);
  const base = { logId, generation, index: 0n, seq, committedAtMs, contentVersion: undefined };
  await client.writeSnapshot(generation, 0n, encodeLogBase(base), { signal });
  return base;
}

async function firstCommitTime(source: ReplicationSource, signal: AbortSignal | undefined): Promise<number> {
  for await (const { committedAtMs } of source.readBatches({ limit: 1, signal })) return committedAtMs;
  return 0;
}

/** Makes the first segment of an index that nobody has, from this one on. */
async function claimIndex(
  client: ReplicaClient,
  claim: Omit<StreamClaim, "index">,
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
