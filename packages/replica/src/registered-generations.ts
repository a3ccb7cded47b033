import type { CallOptions } from "@holdfast/storage";
import type { ReplicaClient } from "./replica-client.js";

/** What the register says of the order of generations. */
export interface RegisteredGenerations {
  /** The one that was begun last of those that have a snapshot; `undefined`: none of the register has. */
  readonly latest: string | undefined;
  /** Those that were begun later and have none: removed, or broken. The newest first. */
  readonly without: readonly string[];
}

/** Reads the register from its end, as far as it takes. @throws REPLICA_CORRUPT: it cannot be told which one is the latest. What the storage says. */
export async function registeredGenerations(client: ReplicaClient, options: CallOptions = {}): Promise<RegisteredGenerations> {
  const { register } = client;
  const without: string[] = [];
  for (const number of (await register?.numbers(options) ?? []).toReversed()) {
    const entry = await register?.read(number, options);
    if (entry === undefined) continue;
    for await (const { generation } of client.snapshots(entry.generation, options)) return { latest: generation, without };
    without.push(entry.generation);
  }
  return { latest: undefined, without };
}
