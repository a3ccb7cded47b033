import type { CallOptions } from "@holdfast/storage";
import { ReplicaError } from "./errors.js";
import { formatPos } from "./pos.js";
import { bytesOf } from "./log-replica.js";
import type { ReplicaClient } from "./replica-client.js";
import type { RestorePlan } from "./restore-plan.js";
import { StreamReader, type ReadCommit } from "./stream-reader.js";
import { downloadSegments } from "./wal-downloader.js";

/**
 * The commits of a plan that are behind its base, in order. Checked from the first index on: numbers, links from commit to commit and
 * index to index, and that nothing is missing. Of a commit that a snapshot has the beginning of the rest is given.
 *
 * @throws REPLICA_GAP, REPLICA_CORRUPT, REPLICA_OBJECT_GONE. What the storage says. `signal.reason`.
 */
export async function* readCommits(
  client: ReplicaClient,
  { generation, base, indexes }: RestorePlan,
  { parallelism, signal }: CallOptions & { readonly parallelism: number },
): AsyncGenerator<ReadCommit, void, undefined> {
  let nextSeq = indexes[0]?.opening.begin?.firstSeq ?? base.seq + 1;
  /** What the index before ended with. */
  let link: number | undefined;
  for (const { listed, bytes } of indexes) {
    const { index } = listed;
    const segments = listed.segments.filter(({ offset }) => bytes === undefined || offset < bytes);
    const reader = new StreamReader(bytesOf(downloadSegments(client, segments, { generation, parallelism, signal })), { generation, index });
    try {
      await reader.claim();
      const begin = await reader.begin();
      if (begin?.firstSeq !== nextSeq || (link !== undefined && begin.after?.link !== link)) {
        throw problem("REPLICA_CORRUPT", generation, index, 0n, "it does not follow the index before it");
      }
      link = begin.link;
      while (bytes === undefined || reader.bytes < bytes) {
        const commit = await reader.commit(link, nextSeq);
        if (commit === undefined) break;
        link = commit.link;
        nextSeq = commit.firstSeq + commit.records.length;
        const known = Math.max(0, base.seq + 1 - commit.firstSeq);
        if (known < commit.records.length) yield { ...commit, firstSeq: commit.firstSeq + known, records: commit.records.slice(known) };
      }
      if (bytes !== undefined && reader.bytes !== bytes) throw problem("REPLICA_GAP", generation, index, reader.bytes, `the next index goes on from byte ${bytes.toString()}`);
      await reader.requireEnd();
    } finally {
      await reader.close();
    }
  }
}

function problem(code: "REPLICA_CORRUPT" | "REPLICA_GAP", generation: string, index: bigint, offset: bigint, what: string): ReplicaError {
  const position = formatPos({ generation, index, offset });
  return new ReplicaError(code, `the WAL at ${position}: ${what}`, { operation: "restore", position });
}
