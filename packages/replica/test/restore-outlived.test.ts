import { memoryBackend, systemClock, type StorageBackend } from "@holdfast/storage";
import { openStateStore, snapshotStore } from "@holdfast/snapshot";
import { openLog, openLogReader } from "@holdfast/wal";
import { delegate } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { encodeLogBase } from "../src/format/log-base.js";
import type { GenerationRegister } from "../src/generation-register.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { restore, verify } from "../src/restore.js";
import { enforceRetention } from "../src/retention.js";
import { before } from "./support/before.js";

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

it("of a generation that is taken back while it looks, since another one was begun at the same time, restores that one", async () => {
  const there = memoryBackend();
  const client = replicaClient({ storage: there, prefix: "", layout: "native" });
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  await log.append(new Uint8Array(9));
  const replicator = await openReplicator({ source: log, target: client });
  await replicator.sync();
  await replicator.close();
  const { generation = "" } = replicator.status();
  const register = client.register!;

  // The register has nothing yet, and the other one's snapshot is the newest; both have changed when the snapshot is looked for.
  const other = "0123456789abcdef";
  await client.writeSnapshot(other, 0n, encodeLogBase({ logId: log.logId!, generation: other, index: 0n, seq: 0, committedAtMs: 0, contentVersion: undefined }));
  let looks = 0;
  const from: ReplicaClient = {
    ...before(client, () => Promise.resolve()),
    register: { ...bound(register), numbers: (options) => (looks === 0 ? Promise.resolve([]) : register.numbers(options)) },
    async *snapshots(name, options) {
      if (name === other && ++looks === 2) await client.deleteGeneration(other);
      yield* client.snapshots(name, options);
    },
  };
  expect(await verify({ from })).toMatchObject({ generation, records: 1 });
  expect(looks).toBe(2);
  // One that was asked for by its name has no substitute.
  await expect(verify({ from, generation: other })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
  await log.close();
});

function bound(register: GenerationRegister): GenerationRegister {
  return { numbers: (options) => register.numbers(options), read: (number, options) => register.read(number, options), add: (entry, options) => register.add(entry, options) };
}
