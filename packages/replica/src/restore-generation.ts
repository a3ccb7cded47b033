import type { CallOptions } from "@holdfast/storage";
import { hasCode } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { findLatestGeneration, walTimeBounds, type LatestGeneration, type SkippedGeneration } from "./find.js";
import { formatPos } from "./pos.js";
import type { ReplicaClient } from "./replica-client.js";

/**
 * The generation that is restored if none is named. Never an older one in place of one that has lost its snapshots: it would be an
 * older state.
 *
 * @throws REPLICA_NO_GENERATION. REPLICA_NO_SNAPSHOT: there is WAL of a generation that is not older, and no snapshot. What the storage says.
 */
export async function requireLatestGeneration(client: ReplicaClient, options: CallOptions): Promise<string> {
  const latest = await findLatestGeneration(client, options).catch((error: unknown) => {
    throw error instanceof ReplicaError && error.cause instanceof Error ? error.cause : error;
  });
  for (const skipped of latest.skipped) await requireOlder(client, latest, skipped, options);
  return latest.generation;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

async function requireOlder(client: ReplicaClient, latest: LatestGeneration, { generation, error }: SkippedGeneration, options: CallOptions): Promise<void> {
  if (!hasCode(error, "REPLICA_NO_SNAPSHOT")) throw toError(error);
  const wal = await walTimeBounds(client, generation, options).catch((reason: unknown) => {
    if (hasCode(reason, "REPLICA_NO_WAL_SEGMENT")) return undefined;
    throw reason;
  });
  if (wal === undefined || wal.maxMs < latest.bounds.maxMs) return;
  const message = `generation ${generation} has WAL that is not older than that of ${latest.generation}, and no snapshot; name the one that is to be restored`;
  throw new ReplicaError("REPLICA_NO_SNAPSHOT", message, { operation: "restore", position: formatPos({ generation, index: 0n, offset: 0n }), cause: error });
}
