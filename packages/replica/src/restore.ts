import { storagePrefix, systemClock } from "@holdfast/storage";
import type { CallOptions, StorageBackend, StoragePrefix } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import type { SnapshotStore } from "@holdfast/snapshot";
import { openLog, type Log } from "@holdfast/wal";
import { invalidArgument, ReplicaError } from "./errors.js";
import type { LogBase } from "./format/log-base.js";
import { baseContent } from "./log-replica.js";
import { formatPos } from "./pos.js";
import { findLastSeq } from "./last-seq.js";
import { oneAhead } from "./read-ahead.js";
import { readTarget } from "./read-target.js";
import type { ReplicaClient } from "./replica-client.js";
import { markerKey, without } from "./restoring-marker.js";
import { asSkipped, planRestore, type RestorePlan, type RestoreTarget, type SkippedSnapshot } from "./restore-plan.js";
import type { ReadCommit } from "./stream-reader.js";

/** How far a restore is. */
export interface RestoreProgress {
  /** The last record that was restored. */
  readonly seq: number;
  readonly records: number;
  /** Bytes of the records. */
  readonly bytes: number;
  /** Snapshots that are damaged or gone. An older one, and more WAL, stood in for them: what is restored is the same. */
  readonly skipped: readonly SkippedSnapshot[];
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
 * Restores a log from a replica, exactly up to a record or a time. The log is a new one, that names the old one as its parent; its
 * commits, their times and the numbers of its records are those of the old one. Until everything is there and durable a
 * `restoring.marker` stands among its objects, by which every opening refuses it. A snapshot that is damaged is passed over as long as
 * there is an older one: see {@link RestoreProgress.skipped}.
 *
 * @throws REPLICA_TARGET_NOT_EMPTY, and nothing was changed. REPLICA_NO_GENERATION, REPLICA_NO_SNAPSHOT, REPLICA_GAP: what is
 * wanted is not there. REPLICA_CORRUPT, REPLICA_OBJECT_GONE. REPLICA_INVALID_ARGUMENT. What the storages say. `signal.reason`.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { from, to, prefix: directory, snapshots, signal } = options;
  requireParallelism(options);
  const prefix = storagePrefix(directory);
  await requireEmpty(to, prefix, options);
  let plan = await planRestore(from, options, { signal }, snapshots === undefined ? "empty" : "any");
  const marker = markerKey(to, prefix);
  await to.create(marker, new TextEncoder().encode(`${plan.generation}\n`), { signal });
  plan = await withWholeSnapshot(options, plan, async ({ base, content }) => {
    // It is of the log that begins behind it, and there is none yet.
    await snapshots?.write(base.seq, content, { version: base.contentVersion, signal });
  });
  const parent = { logId: plan.base.logId, seq: await findLastSeq(from, plan, options, { parallelism: options.parallelism, signal }) };
  const clock = new CommitClock(options.clock ?? systemClock);
  const startSeq = plan.base.seq + 1;
  const log = await openLog({ storage: without(to, marker), prefix: directory, startSeq, parent, durability: { syncEveryMs: 1000 }, clock, random: options.random, signal });
  try {
    const restored = await replay(options, plan, (commit) => append(log, clock, commit));
    if (restored.seq !== parent.seq) throw outOfOrder(plan, restored.seq);
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
  requireParallelism(options);
  const plan = await withWholeSnapshot(options, await planRestore(from, options, { signal }), ({ content }) => readToEnd(content.open()));
  return replay(options, plan, () => Promise.resolve());
}

/** Has the content of the plan's snapshot taken, if it has any. Where it shows to be damaged, the snapshot before it is planned with, as long as there is one. */
async function withWholeSnapshot(
  { from, signal, ...target }: VerifyReplicaOptions,
  first: RestorePlan,
  take: (snapshot: { readonly base: LogBase; readonly content: ReturnType<typeof baseContent> }) => Promise<void>,
): Promise<RestorePlan> {
  for (let plan = first; ; ) {
    const { generation, base } = plan;
    if (base.contentVersion === undefined) return plan;
    try {
      await take({ base, content: baseContent(from, base, { signal }) });
      return plan;
    } catch (error) {
      const skipped = asSkipped(base, error);
      if (skipped === undefined) throw error;
      plan = await planRestore(from, { ...target, generation }, { signal }, "any", [...plan.skipped, skipped]);
    }
  }
}

async function readToEnd(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

async function replay(options: VerifyReplicaOptions, plan: RestorePlan, take: (commit: ReadCommit) => Promise<void>): Promise<Restored> {
  const { from, parallelism, onProgress, signal } = options;
  const { generation, base, skipped } = plan;
  const snapshotSeq = base.contentVersion === undefined ? undefined : base.seq;
  let restored: Restored = { generation, firstSeq: base.seq + 1, snapshotSeq, seq: base.seq, records: 0, bytes: 0, committedAtMs: undefined, skipped };
  for await (const commit of oneAhead(readTarget(from, plan, options, { parallelism, signal }))) {
    await take(commit);
    const { firstSeq, committedAtMs, records } = commit;
    const bytes = records.reduce((sum, { length }) => sum + length, restored.bytes);
    restored = { ...restored, seq: firstSeq + records.length - 1, records: restored.records + records.length, bytes, committedAtMs };
    onProgress?.(restored);
  }
  return restored;
}

function requireParallelism({ parallelism = 1 }: VerifyReplicaOptions): void {
  if (!(Number.isSafeInteger(parallelism) && parallelism >= 1)) throw invalidArgument("restore", "parallelism must be at least one");
}

/** One commit of the old log is one of the new one, at the same time. */
async function append(log: Log, clock: CommitClock, { firstSeq, committedAtMs, records }: ReadCommit): Promise<void> {
  clock.committedAtMs = committedAtMs;
  await log.appendBatch(records, { expectedSeq: firstSeq });
}

/** Shows the time of the commit that is restored; before the first one none, since on object storage the claim of a log is as old as its opening, and no commit older than that. */
class CommitClock implements Clock {
  readonly #clock: Clock;
  committedAtMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.committedAtMs;
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

function outOfOrder({ generation, base: { index } }: RestorePlan, seq: number): ReplicaError {
  const position = formatPos({ generation, index, offset: 0n });
  return new ReplicaError("REPLICA_CORRUPT", `the WAL behind ${position}: the times of its commits are not in order at record ${seq}`, { operation: "restore", position });
}
