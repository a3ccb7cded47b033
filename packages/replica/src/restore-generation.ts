import { hasCode, type CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { findLatestGeneration, walTimeBounds, type LatestGeneration, type SkippedGeneration } from "./find.js";
import { formatPos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";

/**
 * The generation that is restored if none is named: the latest one. Never an older one in place of one that has lost its snapshots: it
 * would be an older state.
 *
 * @throws REPLICA_NO_GENERATION. REPLICA_NO_SNAPSHOT: there is WAL of a later generation, and no snapshot. What the storage says.
 */
export async function requireLatestGeneration(client: ReplicaClient, options: CallOptions): Promise<string> {
  try {
    const latest = await findLatestGeneration(client, options);
    for (const skipped of latest.skipped) if (await mayBeLater(client, latest, skipped, options)) throw unusable(skipped);
    return latest.generation;
  } catch (error) {
    // There are some, and none has a snapshot: that says more, and which one.
    if (hasCode(error, "REPLICA_NO_GENERATION") && error instanceof Error && error.cause instanceof Error) throw error.cause;
    throw error;
  }
}

/** Not if it holds nothing: it was removed. */
async function mayBeLater(client: ReplicaClient, latest: LatestGeneration, { generation, error, isLater }: SkippedGeneration, options: CallOptions): Promise<boolean> {
  if (!hasCode(error, "REPLICA_NO_SNAPSHOT")) return true;
  try {
    const wal = await walTimeBounds(client, generation, options);
    return isLater || wal.maxMs >= latest.bounds.maxMs;
  } catch (reason) {
    if (hasCode(reason, "REPLICA_NO_WAL_SEGMENT")) return false;
    throw reason;
  }
}

function unusable({ generation, error }: SkippedGeneration): Error {
  if (!hasCode(error, "REPLICA_NO_SNAPSHOT") && error instanceof Error) return error;
  const message = `generation ${generation} is the latest one, and has WAL and no snapshot; name the generation that is to be restored`;
  return new ReplicaError("REPLICA_NO_SNAPSHOT", message, { operation: "restore", position: formatPos({ generation, index: 0n, offset: 0n }), cause: error });
}
