import type { CallOptions } from "@holdfast/storage";
import type { Pos } from "../../src/pos.js";
import type { ReplicaClient } from "../../src/replica-client.js";

/** The same client, with something done before each WAL segment that it writes. `run` is told the signal of the write, too. */
export function before(client: ReplicaClient, run: (pos: Pos, options: CallOptions) => Promise<void>): ReplicaClient {
  return {
    layout: client.layout,
    register: client.register,
    generations: (options) => client.generations(options),
    deleteGeneration: (generation, options) => client.deleteGeneration(generation, options),
    snapshots: (generation, options) => client.snapshots(generation, options),
    writeSnapshot: (generation, index, content, options) => client.writeSnapshot(generation, index, content, options),
    snapshotReader: (generation, index, options) => client.snapshotReader(generation, index, options),
    deleteSnapshot: (generation, index, options) => client.deleteSnapshot(generation, index, options),
    walSegments: (generation, options) => client.walSegments(generation, options),
    walSegmentIterator: (generation, options) => client.walSegmentIterator(generation, options),
    follow: (generation, options) => client.follow(generation, options),
    writeWalSegment: async (pos, content, options) => {
      await run(pos, options ?? {});
      return client.writeWalSegment(pos, content, options);
    },
    walSegmentReader: (pos, options) => client.walSegmentReader(pos, options),
    deleteWalSegments: (positions, options) => client.deleteWalSegments(positions, options),
  };
}
