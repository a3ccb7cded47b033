import { systemClock, systemRandom } from "@holdfast/storage";
import type { Clock, RandomSource } from "@holdfast/storage/ports";
import { invalidArgument } from "./errors.js";
import type { SnapshotSource } from "./log-snapshots.js";
import type { ReplicaClient } from "./replica-client.js";
import { planRetention, type RetentionPolicy } from "./retention.js";
import type { ReplicationSource, ReplicatorOptions } from "./replicator.js";

/** What a replicator keeps of a replica, and how often it looks. */
export interface ReplicatorRetention extends RetentionPolicy {
  readonly everyMs?: number | undefined;
}

/** The options of a replicator, defaults filled in and bounds checked. */
export interface ReplicatorSettings {
  readonly source: ReplicationSource;
  readonly target: ReplicaClient;
  readonly snapshots: SnapshotSource | undefined;
  readonly snapshotMs: number;
  readonly retention: (RetentionPolicy & { readonly everyMs: number }) | undefined;
  readonly batchBytes: number;
  readonly batchMs: number;
  readonly indexBytes: number;
  readonly retry: { readonly minMs: number; readonly maxMs: number };
  readonly clock: Clock;
  readonly random: RandomSource;
}

/** @throws REPLICA_INVALID_ARGUMENT for an option out of its bounds. */
export function replicatorSettings(options: ReplicatorOptions): ReplicatorSettings {
  const { source, target, snapshots, snapshotMs = 60_000, retention, batchBytes = 1 << 20, batchMs = 1000, indexBytes = 64 << 20, retry = { minMs: 100, maxMs: 30_000 } } = options;
  requireWithin("batchBytes", batchBytes, 1 << 10, 64 << 20);
  requireWithin("batchMs", batchMs, 1, 3_600_000);
  requireWithin("snapshotMs", snapshotMs, 1, 86_400_000);
  requireWithin("indexBytes", indexBytes, 1 << 10, 1 << 30);
  requireWithin("retry.minMs", retry.minMs, 1, 3_600_000);
  requireWithin("retry.maxMs", retry.maxMs, retry.minMs, 86_400_000);
  const everyMs = retention?.everyMs ?? 3_600_000;
  requireWithin("retention.everyMs", everyMs, 1000, 86_400_000);
  // A plan for nothing checks the policy.
  if (retention !== undefined) planRetention([], retention, undefined, 0);
  const { clock = systemClock, random = systemRandom } = options;
  return { source, target, snapshots, snapshotMs, retention: retention && { ...retention, everyMs }, batchBytes, batchMs, indexBytes, retry, clock, random };
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  throw invalidArgument("openReplicator", `${name} is ${value}; it must be a whole number from ${min} to ${max}`);
}
