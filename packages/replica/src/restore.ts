import { storagePrefix, systemClock } from "@holdfast/storage";
import type { CallOptions, StorageBackend, StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { SnapshotStore } from "@holdfast/snapshot";
import { openLog, type Log } from "@holdfast/wal";
import { invalidArgument, ReplicaError } from "./errors.js";
import { baseContent } from "./log-replica.js";
import { formatPos } from "./pos.js";
import { readCommits } from "./read-commits.js";
import type { ReplicaClient } from "./replica-client.js";
import { markerKey, without } from "./restoring-marker.js";
import { planRestore, type RestorePlan, type RestoreTarget } from "./restore-plan.js";
import type { ReadCommit } from "./stream-reader.js";

/** How far a restore is. */
export interface RestoreProgress {
  /** The last record that was restored. */
  readonly seq: number;
  readonly records: number;
  /** Bytes of the records. */
  readonly bytes: number;
}

/** Options of {@link verify}. */
export interface VerifyReplicaOptions extends RestoreTarget, CallOptions {
  readonly from: ReplicaClient;
  /** Segments that are downloaded at once: from 1. Default 8. */
  readonly parallelism?: number | undefined;
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

/** Options of {@link restore}. */
export interface RestoreOptions extends VerifyReplicaOptions {
  /** Where the log is to live. */
  readonly to: StorageBackend;
  /** Its own directory, in which there must be nothing. */
  readonly prefix: string;
  /**
   * Where the content of a snapshot is to go, and there must be none; for a state store `snapshotStore` with its prefix, and `log` below that
   * is the log's. Then the newest snapshot and the log behind it are restored. Default: the whole log, which then has to be in the replica.
   */
  readonly snapshots?: Pick<SnapshotStore, "list" | "write"> | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomSource | undefined;
}

/** What was restored. */
export interface Restored extends RestoreProgress {
  readonly generation: string;
  /** Sequence number of the first record that is there; one more than `seq` if there is none. */
  readonly firstSeq: number;
  /** What the snapshot before the log is of; `undefined`: the log stands alone. */
  readonly snapshotSeq: number | undefined;
  /** When the last commit was made; `undefined` if there is none. */
  readonly committedAtMs: number | undefined;
}

/**
 * Restores a log from a replica, exactly up to a record or a time. The log is a new one; its commits, their times and the numbers of
 * its records are those of the old one. Until everything is there and durable a `restoring.marker` stands among its objects, by which
 * every opening refuses it.
 *
 * @throws REPLICA_TARGET_NOT_EMPTY, and nothing was changed. REPLICA_NO_GENERATION, REPLICA_NO_SNAPSHOT, REPLICA_GAP: what is
 * wanted is not there. REPLICA_CORRUPT, REPLICA_OBJECT_GONE. REPLICA_INVALID_ARGUMENT. What the storages say. `signal.reason`.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { from, to, prefix: directory, snapshots, signal } = options;
  const prefix = storagePrefix(directory);
  await requireEmpty(to, prefix, options);
  const plan = await planRestore(from, options, { signal }, snapshots === undefined ? "empty" : "any");
  const marker = markerKey(to, prefix);
  await to.create(marker, new TextEncoder().encode(`${plan.generation}\n`), { signal });
  const clock = new CommitClock(options.clock ?? systemClock);
  const log = await openLog({ storage: without(to, marker), prefix: directory, startSeq: plan.base.seq + 1, durability: { syncEveryMs: 1000 }, clock, random: options.random, signal });
  try {
    const { base } = plan;
    if (base.contentVersion !== undefined) await snapshots?.write(base.seq, baseContent(from, base, { signal }), { logId: log.logId, version: base.contentVersion, signal });
    const restored = await replay(options, plan, (commit) => append(log, clock, commit));
    await log.sync();
    await log.close();
    await to.remove([marker], { signal });
    return restored;
  } catch (error) {
    // What was restored so far stays, with its marker: nobody opens it, and nothing is removed that might be looked at.
    await log.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Does what a restore does, without writing anything: everything is read and checked.
 *
 * @throws As {@link restore}.
 */
export async function verify(options: VerifyReplicaOptions): Promise<Restored> {
  const { from, signal } = options;
  const plan = await planRestore(from, options, { signal });
  if (plan.base.contentVersion !== undefined) await readToEnd(baseContent(from, plan.base, { signal }).open());
  return replay(options, plan, () => Promise.resolve());
}

async function readToEnd(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

async function replay(options: VerifyReplicaOptions, plan: RestorePlan, take: (commit: ReadCommit) => Promise<void>): Promise<Restored> {
  const { from, parallelism = 8, onProgress, signal, seq: lastSeq = Infinity, timeMs = Infinity } = options;
  if (!(Number.isSafeInteger(parallelism) && parallelism >= 1)) throw invalidArgument("restore", "parallelism must be at least one");
  const { generation, base } = plan;
  let restored: Restored = { generation, firstSeq: base.seq + 1, snapshotSeq: base.contentVersion === undefined ? undefined : base.seq, seq: base.seq, records: 0, bytes: 0, committedAtMs: undefined };
  if (base.seq < lastSeq) {
    for await (const commit of readCommits(from, plan, { parallelism, signal })) {
      if (commit.committedAtMs > timeMs) break;
      const records = commit.records.slice(0, lastSeq - commit.firstSeq + 1);
      await take({ ...commit, records });
      const bytes = records.reduce((sum, { length }) => sum + length, restored.bytes);
      restored = { ...restored, seq: commit.firstSeq + records.length - 1, records: restored.records + records.length, bytes, committedAtMs: commit.committedAtMs };
      onProgress?.(restored);
      if (restored.seq >= lastSeq) break;
    }
  }
  if (lastSeq !== Infinity && restored.seq < lastSeq) throw notThere(plan, restored.seq, lastSeq);
  return restored;
}

/** One commit of the old log is one of the new one, at the same time. */
async function append(log: Log, clock: CommitClock, { firstSeq, committedAtMs, records }: ReadCommit): Promise<void> {
  clock.committedAtMs = committedAtMs;
  await log.appendBatch(records, { expectedSeq: firstSeq });
}

/** Shows the time of the commit that is restored. */
class CommitClock implements Clock {
  readonly #clock: Clock;
  committedAtMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.committedAtMs ?? this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): () => void {
    return this.#clock.setTimer(callback, delayMs, options);
  }
}

async function requireEmpty(to: StorageBackend, prefix: StoragePrefix, { snapshots, signal }: RestoreOptions): Promise<void> {
  for await (const { key } of to.list(prefix, { limit: 1, signal })) throw notEmpty(key);
  if (snapshots !== undefined) for await (const { key } of snapshots.list({ signal })) throw notEmpty(key);
}

function notEmpty(key: string): ReplicaError {
  return new ReplicaError("REPLICA_TARGET_NOT_EMPTY", `restore: there is something at the target: ${key}`, { operation: "restore", key, outcome: "not_applied" });
}

function notThere({ generation, indexes }: RestorePlan, lastSeq: number, wantedSeq: number): ReplicaError {
  const index = indexes.at(-1)?.listed.index ?? 0n;
  const message = `generation ${generation} ends with record ${lastSeq}; ${wantedSeq} is not there`;
  return new ReplicaError("REPLICA_GAP", message, { operation: "restore", position: formatPos({ generation, index, offset: 0n }) });
}
