import type { CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { formatPos } from "./pos.js";
import { readCommits } from "./read-commits.js";
import type { ReplicaClient } from "./replica-client.js";
import type { RestorePlan, RestoreTarget } from "./restore-plan.js";
import type { ReadCommit } from "./stream-reader.js";

/**
 * The commits behind a plan's snapshot, up to what is wanted and no further. Whoever has gone through them without an error has all of it.
 *
 * @throws As `readCommits`. REPLICA_GAP, REPLICA_CORRUPT, REPLICA_OBJECT_GONE: what is wanted was not reached.
 */
export async function* readTarget(
  client: ReplicaClient,
  plan: RestorePlan,
  { seq = Infinity, timeMs = Infinity }: RestoreTarget,
  { parallelism = 8, signal }: CallOptions & { readonly parallelism?: number | undefined },
): AsyncGenerator<ReadCommit, void, undefined> {
  let reached = plan.base.seq;
  if (reached >= seq) return;
  for await (const commit of readCommits(client, plan, { parallelism, signal })) {
    if (commit.committedAtMs > timeMs) return;
    const records = commit.records.slice(0, seq - commit.firstSeq + 1);
    reached = commit.firstSeq + records.length - 1;
    yield { ...commit, records };
    if (reached >= seq) return;
  }
  // Whether more was committed until then cannot be told.
  if (plan.broken !== undefined) throw plan.broken;
  // A snapshot that is damaged tells all the same what was there.
  const least = seq === Infinity ? Math.max(reached, ...plan.skipped.map((skipped) => skipped.seq ?? 0)) : seq;
  if (reached < least) throw notThere(plan, reached, least);
}

function notThere({ generation, indexes }: RestorePlan, lastSeq: number, wantedSeq: number): ReplicaError {
  const index = indexes.at(-1)?.listed.index ?? 0n;
  const message = `generation ${generation} ends with record ${lastSeq}; ${wantedSeq} is not there`;
  return new ReplicaError("REPLICA_GAP", message, { operation: "restore", position: formatPos({ generation, index, offset: 0n }) });
}
