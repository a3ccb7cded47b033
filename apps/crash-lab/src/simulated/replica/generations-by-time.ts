import type { ReplicaClient } from "@holdfast/replica";

/** Generations with a snapshot, and when the newest one of each was made. */
export async function generationsByTime(client: ReplicaClient): Promise<ReadonlyMap<string, number>> {
  const times = new Map<string, number>();
  for (const generation of await client.generations()) for await (const { createdAtMs } of client.snapshots(generation)) times.set(generation, createdAtMs);
  return times;
}
