import { memoryBackend, systemClock, type StorageBackend } from "@holdfast/storage";
import { openStateStore, snapshotStore } from "@holdfast/snapshot";
import { openLogReader } from "@holdfast/wal";
import { delegate } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { restore } from "../src/restore.js";
import { enforceRetention } from "../src/retention.js";

/** The same storage, with something done before the WAL is listed for the first time. */
function beforeWalIsListed(storage: StorageBackend, run: () => Promise<void>): StorageBackend {
  let isDone = false;
  return {
    ...delegate(storage),
    async *list(prefix, options) {
      if (prefix.endsWith("/wal/") && !isDone) {
        isDone = true;
        await run();
      }
      yield* storage.list(prefix, options);
    },
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

// Nothing behind the snapshot is left then, which is how a log looks that has nothing behind it; or something, which is how one looks that has lost WAL.
it.each([0, 1])("says that what it began with is gone, where retention was faster (records behind the newest snapshot: %i)", async (behind) => {
  const here = memoryBackend();
  let aheadMs = 0;
  const replica = memoryBackend({ clock: { ...systemClock, now: () => systemClock.now() + aheadMs } });
  const target = replicaClient({ storage: replica, prefix: "", layout: "native" });
  const store = await openStateStore<readonly number[], number>({
    storage: here,
    prefix: "numbers",
    initial: [],
    apply: (state, event) => [...state, event],
    snapshot: { keep: 1 },
    log: { idleMarkerMs: 1 },
  });
  const source = await openLogReader({ storage: here, prefix: "numbers/log", pollMs: 1 });
  await store.commit(1);
  const replicator = await openReplicator({ source, snapshots: snapshotStore({ storage: here, prefix: "numbers" }), target, batchMs: 5 });
  await replicator.waitFor(1);
  const generation = replicator.status().generation ?? "";
  const storage = beforeWalIsListed(replica, async () => {
    await store.commit(2);
    await replicator.waitFor(2);
    await store.snapshot();
    aheadMs = DAY_MS;
    await replicator.sync();
    for (let n = 0; n < behind; n++) await store.commit(3 + n);
    await replicator.waitFor(2 + behind);
    await enforceRetention(target, { retentionMs: HOUR_MS, graceMs: 0 }, { inUse: generation, nowMs: systemClock.now() + DAY_MS });
  });
  const from = replicaClient({ storage, prefix: "", layout: "native" });
  const to = memoryBackend();
  const restoring = restore({ from, to, prefix: "numbers/log", snapshots: snapshotStore({ storage: to, prefix: "numbers" }), generation });
  await expect(restoring).rejects.toMatchObject({ code: "REPLICA_OBJECT_GONE" });
  await replicator.close();
  await source.close();
  await store.close();
});
