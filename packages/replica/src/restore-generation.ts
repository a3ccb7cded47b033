import { hasCode, type CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { findLatestGeneration, walTimeBounds, type LatestGeneration, type SkippedGeneration } from "./find.js";
import { formatPos } from "./pos.js";
import { registeredGenerations } from "./registered-generations.js";
import type { ReplicaClient } from "./replica-client.js";

/**
 * The generation that is restored if none is named: the latest one. Never an older one in place of one that has lost its snapshots: it
 * would be an older state.
 *
 * @throws REPLICA_NO_GENERATION. REPLICA_NO_SNAPSHOT: there is WAL of a later generation, and no snapshot. REPLICA_CORRUPT: the register is
 * damaged. What the storage says.
 */
export async function requireLatestGeneration(client: ReplicaClient, options: CallOptions): Promise<string> {
  const { latest, without } = await registeredGenerations(client, options);
  // Without anything it was removed.
  for (const generation of without) if (await hasWal(client, generation, options)) throw unusable(generation);
  return latest ?? requireYoungest(client, options);
}

/** By the storage's clock. */
async function requireYoungest(client: ReplicaClient, options: CallOptions): Promise<string> {
  try {
    const latest = await findLatestGeneration(client, options);
    for (const skipped of latest.skipped) await requireOlder(client, latest, skipped, options);
    return latest.generation;
  } catch (error) {
    // There are some, and none has a snapshot: that says more, and which one.
    if (hasCode(error, "REPLICA_NO_GENERATION") && error instanceof Error && error.cause instanceof Error) throw error.cause;
    throw error;
  }
}

async function requireOlder(client: ReplicaClient, { bounds }: LatestGeneration, { generation, error }: SkippedGeneration, options: CallOptions): Promise<void> {
  if (error instanceof Error && !hasCode(error, "REPLICA_NO_SNAPSHOT")) throw error;
  if (!(await hasWal(client, generation, options))) return;
  const wal = await walTimeBounds(client, generation, options);
  if (wal.maxMs >= bounds.maxMs) throw unusable(generation, error);
}

async function hasWal(client: ReplicaClient, generation: string, { signal }: CallOptions): Promise<boolean> {
  for await (const { index } of client.walSegments(generation, { signal })) return index >= 0n;
  return false;
}

function unusable(generation: string, cause?: unknown): ReplicaError {
  const message = `generation ${generation} is the latest one, and has WAL and no snapshot; name the generation that is to be restored`;
  return new ReplicaError("REPLICA_NO_SNAPSHOT", message, { operation: "restore", position: formatPos({ generation, index: 0n, offset: 0n }), cause });
}
