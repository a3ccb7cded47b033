import { hasCode, joinKey, memoryBackend, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { openStateStore, snapshotStore, type StateStore } from "@holdfast/snapshot";
import { openLog, openLogReader, type LogReader } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator, type ReplicatorOptions } from "../src/replicator.js";
import { restore, verify } from "../src/restore.js";
import { storages } from "./support/storages.js";

type Numbers = readonly number[];

/** A state store of numbers, which keeps one snapshot and trims its log to it. */
function openNumbers(storage: StorageBackend, keep = 1): Promise<StateStore<Numbers, number>> {
  return openStateStore<Numbers, number>({ storage, prefix: "numbers", initial: [], apply: (state, event) => [...state, event], snapshot: { keep }, log: { idleMarkerMs: 1 } });
}

interface Replication {
  readonly replicator: Replicator;
  readonly reader: LogReader;
}

async function replicate(storage: StorageBackend, target: ReplicaClient, options: Partial<ReplicatorOptions> = {}): Promise<Replication> {
  const reader = await openLogReader({ storage, prefix: "numbers/log", pollMs: 1 });
  const snapshots = snapshotStore({ storage, prefix: "numbers" });
  return { reader, replicator: await openReplicator({ source: reader, snapshots, target, batchMs: 5, ...options }) };
}

async function end({ replicator, reader }: Replication): Promise<void> {
  await replicator.close();
  await reader.close();
}

function nativeClient(storage: StorageBackend = memoryBackend()): ReplicaClient {
  return replicaClient({ storage, prefix: "", layout: "native" });
}

async function restored(from: ReplicaClient, target: { readonly seq?: number } = {}, to: StorageBackend = memoryBackend()): Promise<Numbers> {
  await restore({ from, to, prefix: "numbers/log", snapshots: snapshotStore({ storage: to, prefix: "numbers" }), ...target });
  const store = await openNumbers(to);
  const { state } = store;
  await store.commit(1000);
  await store.close();
  const again = await openNumbers(to);
  expect(again.state).toEqual([...state, 1000]);
  await again.close();
  return state;
}

/** Waits until everything of the store has arrived, its newest snapshot included. */
async function arrived({ replicator }: Replication, seq: number): Promise<void> {
  await replicator.waitFor(seq);
  await replicator.sync();
}

async function snapshotsIn(client: ReplicaClient, generation = ""): Promise<readonly bigint[]> {
  const indexes: bigint[] = [];
  for await (const { index } of client.snapshots(generation === "" ? ((await client.generations())[0] ?? "") : generation)) indexes.push(index);
  return indexes;
}

describe("a state store that is replicated", () => {
  it("opens from what was restored, at every place from its snapshots on", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const store = await openNumbers(storage);
    const replication = await replicate(storage, client);
    const all: number[] = [];
    for (let n = 1; n <= 12; n++) {
      await store.commit(n);
      all.push(n);
      await arrived(replication, n);
      if (n % 4 === 0) await store.snapshot();
      await replication.replicator.sync();
    }
    await replication.replicator.sync();
    expect(replication.replicator.status()).toMatchObject({ seq: 12, snapshotSeq: 12, failures: 0 });
    // The empty one of the beginning, and one behind each snapshot of the store.
    expect(await snapshotsIn(client)).toEqual([0n, 1n, 2n, 3n]);
    for (let seq = 0; seq <= 12; seq++) expect(await restored(client, { seq })).toEqual(all.slice(0, seq));
    expect(await restored(client)).toEqual(all);
    expect(await verify({ from: client })).toMatchObject({ snapshotSeq: 12, firstSeq: 13, seq: 12, records: 0 });
    // Without a place for snapshots it is the whole log.
    const to = memoryBackend();
    expect(await restore({ from: client, to, prefix: "log" })).toMatchObject({ snapshotSeq: undefined, firstSeq: 1, seq: 12, records: 12 });
    await end(replication);
    await store.close();
  });

  it("has its snapshots there also when more was written before they came, and after another replicator took over", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const store = await openNumbers(storage, 5);
    const first = await replicate(storage, client, { indexBytes: 1024, snapshotMs: 86_400_000 });
    for (let n = 1; n <= 40; n++) {
      await store.commit(n);
      if (n % 10 === 0) await store.snapshot();
      await first.replicator.waitFor(n);
    }
    // The newest one is of record 40; then more is written, and only then it is looked for.
    for (let n = 41; n <= 45; n++) await store.commit(n);
    await arrived(first, 45);
    expect(first.replicator.status().snapshotSeq).toBe(40);
    await end(first);
    const second = await replicate(storage, client);
    for (let n = 46; n <= 50; n++) await store.commit(n);
    await arrived(second, 50);
    expect(second.replicator.status()).toMatchObject({ seq: 50, snapshotSeq: 40, generation: first.replicator.status().generation });
    await store.snapshot();
    await second.replicator.sync();
    expect(second.replicator.status().snapshotSeq).toBe(50);
    await end(second);
    await store.close();
    const all = Array.from({ length: 50 }, (_, at) => at + 1);
    for (const seq of [0, 39, 40, 41, 44, 45, 46, 49, 50]) expect(await restored(client, { seq })).toEqual(all.slice(0, seq));
    expect(await verify({ from: client, seq: 44 })).toMatchObject({ snapshotSeq: 40, firstSeq: 41, records: 4 });
  });

  it("passes over a snapshot that has no place, and has one for the next", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const store = await openNumbers(storage, 5);
    const replication = await replicate(storage, client, { snapshotMs: 86_400_000 });
    await replication.replicator.sync();
    for (let n = 1; n <= 5; n++) {
      await store.commit(n);
      if (n === 3) await store.snapshot();
    }
    await replication.replicator.waitFor(5);
    await replication.replicator.sync();
    expect(replication.replicator.status().snapshotSeq).toBe(0);
    expect(await restored(client)).toEqual([1, 2, 3, 4, 5]);
    await store.commit(6);
    await store.snapshot();
    await arrived(replication, 6);
    expect(replication.replicator.status().snapshotSeq).toBe(6);
    expect(await restored(client, { seq: 4 })).toEqual([1, 2, 3, 4]);
    expect(await restored(client)).toEqual([1, 2, 3, 4, 5, 6]);
    await end(replication);
    await store.close();
  });

  it("begins a generation with a snapshot, where the log was trimmed", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const store = await openNumbers(storage);
    for (let n = 1; n <= 5; n++) await store.commit(n);
    await store.snapshot();
    await store.commit(6);
    const replication = await replicate(storage, client);
    await arrived(replication, 6);
    expect(await restored(client)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await restored(client, { seq: 5 })).toEqual([1, 2, 3, 4, 5]);
    await expect(restored(client, { seq: 4 })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
    await expect(restore({ from: client, to: memoryBackend(), prefix: "log" })).rejects.toThrow("give `snapshots`");
    await end(replication);
    await store.close();
  });

  it("passes over a snapshot that is damaged, and tells of it", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const store = await openNumbers(storage, 5);
    const replication = await replicate(storage, client);
    await store.commit(1);
    const entry = await store.snapshot();
    const key = entry?.key ?? joinKey(storagePrefix(""), "none");
    const bytes = (await storage.read(key)) ?? new Uint8Array();
    await storage.replace(key, bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte)));
    const errors: unknown[] = [];
    const watch = setInterval(() => errors.push(replication.replicator.status().lastError), 1);
    await arrived(replication, 1);
    clearInterval(watch);
    expect(errors.some((error) => hasCode(error, "SNAPSHOT_CORRUPT"))).toBe(true);
    expect(replication.replicator.status()).toMatchObject({ snapshotSeq: 0, failures: 0, lastError: undefined });
    await store.commit(2);
    await store.snapshot();
    await arrived(replication, 2);
    expect(replication.replicator.status().snapshotSeq).toBe(2);
    expect(await restored(client)).toEqual([1, 2]);
    await end(replication);
    await store.close();
  });

  it("leaves alone the snapshots of another log", async () => {
    const storage = memoryBackend();
    const client = nativeClient();
    const log = await openLog({ storage, prefix: "numbers/log", idleMarkerMs: 1 });
    await log.append(new Uint8Array(1));
    await snapshotStore({ storage, prefix: "numbers" }).write(1, new Uint8Array(1), { logId: "ab".repeat(16) });
    const replication = await replicate(storage, client);
    await arrived(replication, 1);
    expect(replication.replicator.status()).toMatchObject({ seq: 1, snapshotSeq: 0 });
    await end(replication);
    await log.close();
  });
});

it.each(storages)("restores snapshot and log to %s", async (_, open) => {
  const storage = memoryBackend();
  const client = nativeClient();
  const store = await openNumbers(storage);
  const replication = await replicate(storage, client);
  for (let n = 1; n <= 3; n++) await store.commit(n);
  await arrived(replication, 3);
  await store.snapshot();
  await replication.replicator.sync();
  await store.commit(4);
  await arrived(replication, 4);
  await end(replication);
  await store.close();
  const place = await open();
  expect(await place.run(restored(client, {}, place.storage))).toEqual([1, 2, 3, 4]);
  const again = restored(client, {}, place.storage);
  await expect(place.run(again)).rejects.toMatchObject({ code: "REPLICA_TARGET_NOT_EMPTY" });
  await place.close();
});

it.each(storages)("a store that was restored on %s is replicated with the snapshot that it begins with", async (_, open) => {
  const storage = memoryBackend();
  const client = nativeClient();
  const store = await openNumbers(storage);
  const replication = await replicate(storage, client);
  for (const n of [1, 2, 3]) await store.commit(n);
  await arrived(replication, 3);
  await store.snapshot();
  await replication.replicator.sync();
  await end(replication);
  await store.close();
  const place = await open();
  const work = async (): Promise<void> => {
    const to = place.storage;
    await restore({ from: client, to, prefix: "numbers/log", snapshots: snapshotStore({ storage: to, prefix: "numbers" }) });
    const other = await openNumbers(to);
    await other.commit(4);
    const second = nativeClient();
    const again = await replicate(to, second, { clock: place.clock });
    await arrived(again, 4);
    await end(again);
    await other.close();
    expect(await restored(second)).toEqual([1, 2, 3, 4]);
    expect(await verify({ from: second })).toMatchObject({ snapshotSeq: 3, records: 1 });
  };
  await place.run(work());
  await place.close();
});

it.each(["damaged", "unreadable from its beginning"])("goes on where the newest snapshot in the replica is %s, and ships another when there is one", async (how) => {
  const storage = memoryBackend();
  const there = memoryBackend();
  const client = nativeClient(there);
  const store = await openNumbers(storage);
  const first = await replicate(storage, client);
  for (const n of [1, 2]) await store.commit(n);
  await arrived(first, 2);
  await store.snapshot();
  await first.replicator.sync();
  const { generation = "" } = first.replicator.status();
  await end(first);
  const indexes = await snapshotsIn(client, generation);
  const key = joinKey(storagePrefix("generations"), `${generation}/snapshots/${String(indexes.at(-1)).padStart(20, "0")}.snapshot.lz4`);
  const whole = (await there.read(key)) ?? new Uint8Array();
  await there.replace(key, how === "damaged" ? whole.map((byte, at) => (at === whole.length - 8 ? byte ^ 1 : byte)) : whole.fill(0, 0, 60));
  const second = await replicate(storage, client);
  await store.commit(3);
  await arrived(second, 3);
  expect(second.replicator.status().generation).toBe(generation);
  expect(await verify({ from: client })).toMatchObject({ seq: 3, skipped: [{ error: { key } }] });
  await store.snapshot();
  await second.replicator.sync();
  expect(await verify({ from: client })).toMatchObject({ seq: 3, snapshotSeq: 3, skipped: [] });
  await end(second);
  await store.close();
  expect(await restored(client)).toEqual([1, 2, 3]);
});

it("says which object is damaged when the content of a snapshot is", async () => {
  const storage = memoryBackend();
  const there = memoryBackend();
  const client = nativeClient(there);
  const store = await openNumbers(storage);
  const replication = await replicate(storage, client);
  await store.commit(1);
  await arrived(replication, 1);
  await store.snapshot();
  await replication.replicator.sync();
  await end(replication);
  await store.close();
  const [generation = ""] = await client.generations();
  const key = joinKey(storagePrefix("generations"), `${generation}/snapshots/${"1".padStart(20, "0")}.snapshot.lz4`);
  const whole = (await there.read(key)) ?? new Uint8Array();
  expect(whole.length).toBeGreaterThan(100);
  for (let at = 0; at < whole.length; at++) {
    await there.replace(key, whole.map((byte, index) => (index === at ? byte ^ 1 : byte)));
    const skipped = [{ generation, index: 1n, error: { code: "REPLICA_CORRUPT", key, offset: expect.any(Number) as number } }];
    expect(await verify({ from: client })).toMatchObject({ seq: 1, records: 1, snapshotSeq: undefined, skipped });
  }
  await client.deleteSnapshot(generation, 0n);
  await expect(verify({ from: client })).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
});
