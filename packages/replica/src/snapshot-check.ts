import { hasCode, type CallOptions } from "@holdfast/storage";
import { openBase } from "./log-replica.js";
import type { ReplicaClient } from "./replica-client.js";

/** Whether a snapshot of a log is whole, by reading it to its end. @throws What the storage says. REPLICA_UNSUPPORTED_VERSION. */
export async function isWholeSnapshot(client: ReplicaClient, { generation, index }: { readonly generation: string; readonly index: bigint }, { signal }: CallOptions): Promise<boolean> {
  try {
    const { content } = await openBase(client, generation, index, { signal });
    try {
      while (!(await content.isAtEnd())) await content.skip(1 << 20);
      return true;
    } finally {
      await content.close();
    }
  } catch (error) {
    if (hasCode(error, "REPLICA_CORRUPT") || hasCode(error, "REPLICA_NOT_FOUND")) return false;
    throw error;
  }
}
