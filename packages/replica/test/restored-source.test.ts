import { memoryBackend, systemClock, type StorageBackend } from "@holdfast/storage";
import { openStateStore, snapshotStore, type StateStore } from "@holdfast/snapshot";
import { openLog, openLogReader } from "@holdfast/wal";
import { expect, it } from "vitest";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { restore } from "../src/restore.js";

type Numbers = readonly number[];

function openNumbers(storage: StorageBackend): Promise<StateStore<Numbers, number>> {
  return openStateStore<Numbers, number>({ storage, prefix: "numbers", initial: [], apply: (state, event) => [...state, event], snapshot: { keep: 1 }, log: { idleMarkerMs: 1 } });
}

function newReplica(): ReplicaClient {
  return replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
}

/** Ships everything, snapshots too. */
async function ship(storage: StorageBackend, target: ReplicaClient): Promise<void> {
  const source = await openLogReader({ storage, prefix: "numbers/log" });
  const replicator = await openReplicator({ source, snapshots: snapshotStore({ storage, prefix: "numbers" }), target });
  await replicator.sync();
  await replicator.close();
  await source.close();
}

async function restored(from: ReplicaClient, to: StorageBackend): Promise<Numbers> {
  await restore({ from, to, prefix: "numbers/log", snapshots: snapshotStore({ storage: to, prefix: "numbers" }) });
  const store = await openNumbers(to);
  const { state } = store;
  await store.close();
  return state;
}

it.each([true, false])("what was restored of a state store is replicated, and restored again, without a snapshot in between (append: %s)", async (appendable) => {
  const first = memoryBackend({ appendable });
  const store = await openNumbers(first);
  for (const n of [1, 2, 3]) await store.commit(n);
  await store.snapshot();
  await store.close();
  const target = newReplica();
  await ship(first, target);
  const second = memoryBackend({ appendable });
  expect(await restored(target, second)).toEqual([1, 2, 3]);
  const next = await openNumbers(second);
  await next.commit(4);
  await next.close();
  const other = newReplica();
  await ship(second, other);
  expect(await restored(other, memoryBackend({ appendable }))).toEqual([1, 2, 3, 4]);
});

it.each([true, false])("a log is restored with the times of its commits (append: %s)", async (appendable) => {
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  await log.append(Uint8Array.of(1));
  const target = newReplica();
  const replicator = await openReplicator({ source: log, target });
  await replicator.sync();
  await replicator.close();
  const to = memoryBackend({ appendable });
  const clock = { ...systemClock, now: () => systemClock.now() + 86_400_000 };
  await restore({ from: target, to, prefix: "log", clock });
  const again = await openLog({ storage: to, prefix: "log" });
  const times = async (of: typeof log): Promise<readonly number[]> => {
    const found: number[] = [];
    for await (const { committedAtMs } of of.readBatches()) found.push(committedAtMs);
    return found;
  };
  expect(await times(again)).toEqual(await times(log));
  await again.close();
  await log.close();
});
