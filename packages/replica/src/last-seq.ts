import type { CallOptions } from "@holdfast/storage";
import type { WalSegmentInfo } from "./infos.js";
import { readTarget } from "./read-target.js";
import type { ReplicaClient } from "./replica-client.js";
import type { RestorePlan, RestoreTarget } from "./restore-plan.js";
import { segmentCommits } from "./segment-commits.js";
import { isLoss } from "./wal-chain.js";

/**
 * The last record of what is wanted, found without reading all that is before it: for a time by halving the segments, since the times of
 * commits never go back.
 *
 * @throws As {@link readTarget}.
 */
export async function findLastSeq(
  client: ReplicaClient,
  plan: RestorePlan,
  target: RestoreTarget,
  options: CallOptions & { readonly parallelism?: number | undefined },
): Promise<number> {
  if (target.seq !== undefined) return target.seq;
  const segments = plan.indexes.flatMap(({ listed, bytes }) => listed.segments.filter(({ offset }) => bytes === undefined || offset < bytes));
  const { timeMs = Infinity } = target;
  try {
    const at = timeMs === Infinity ? segments.length - 1 : await lastSegmentAt(client, segments, timeMs, options);
    return Math.max(plan.base.seq, await lastSeqIn(client, segments.slice(at, at + 1), timeMs, options));
  } catch (error) {
    if (timeMs === Infinity || !isLoss(error)) throw error;
  }
  // What is damaged may lie behind what is wanted: then only reading up to it tells.
  let lastSeq = plan.base.seq;
  for await (const { firstSeq, records } of readTarget(client, plan, target, options)) lastSeq = firstSeq + records.length - 1;
  return lastSeq;
}

/** The last of the segments that begins at a time or before; −1: none does. */
async function lastSegmentAt(client: ReplicaClient, segments: readonly WalSegmentInfo[], timeMs: number, options: CallOptions): Promise<number> {
  let [found, behind] = [-1, segments.length];
  while (behind - found > 1) {
    const middle = (found + behind) >> 1;
    // One with nothing but a claim begins with the next one.
    const beginMs = (await firstTimeIn(client, segments.slice(middle, middle + 1), options)) ?? (await firstTimeIn(client, segments.slice(middle + 1, middle + 2), options));
    if (beginMs !== undefined && beginMs <= timeMs) found = middle;
    else behind = middle;
  }
  return found;
}

async function firstTimeIn(client: ReplicaClient, segments: readonly WalSegmentInfo[], options: CallOptions): Promise<number | undefined> {
  for (const segment of segments) for await (const { committedAtMs } of segmentCommits(client, segment, options)) return committedAtMs;
  return undefined;
}

async function lastSeqIn(client: ReplicaClient, segments: readonly WalSegmentInfo[], timeMs: number, options: CallOptions): Promise<number> {
  let lastSeq = 0;
  for (const segment of segments) {
    for await (const { firstSeq, committedAtMs, records } of segmentCommits(client, segment, options)) {
      if (committedAtMs > timeMs) break;
      lastSeq = firstSeq + records.length - 1;
    }
  }
  return lastSeq;
}
