import type { CallOptions } from "@holdfast/storage";
import { CLAIM_BYTES } from "./format/log-stream.js";
import type { WalSegmentInfo } from "./infos.js";
import { StreamReader, type ReadCommit } from "./stream-reader.js";
import type { WalSource } from "./wal-downloader.js";

/** The commits of one segment, read without those before it. @throws As the client. REPLICA_CORRUPT. */
export async function* segmentCommits(client: WalSource, segment: WalSegmentInfo, { signal }: CallOptions): AsyncGenerator<ReadCommit, void, undefined> {
  const { generation, index, offset } = segment;
  const reader = new StreamReader(await client.walSegmentReader(segment, { signal }), { generation, index, startBytes: offset });
  try {
    if (offset === 0n) await reader.claim();
    const begin = offset <= BigInt(CLAIM_BYTES) ? await reader.begin() : undefined;
    let [link, nextSeq] = [begin?.link, begin?.firstSeq];
    for (let commit = await reader.commit(link, nextSeq); commit !== undefined; commit = await reader.commit(link, nextSeq)) {
      yield commit;
      [link, nextSeq] = [commit.link, commit.firstSeq + commit.records.length];
    }
  } finally {
    await reader.close();
  }
}
