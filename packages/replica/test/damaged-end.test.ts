import { memoryBackend, StorageError, storagePrefix, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { openLog, type Log } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import type { ReplicaLayoutName } from "../src/layouts.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator } from "../src/replicator.js";
import { verify } from "../src/restore.js";

const RECORDS = 6;

async function objectsOf(storage: StorageBackend): Promise<ReadonlyMap<StorageKey, Uint8Array>> {
  const objects = new Map<StorageKey, Uint8Array>();
  for await (const { key } of storage.list(storagePrefix(""))) objects.set(key, (await storage.read(key)) ?? new Uint8Array());
  return objects;
}

function open(source: Log, target: ReplicaClient): Promise<Replicator> {
  return openReplicator({ source, target, batchMs: 60_000, indexBytes: 1024 });
}

/** Opens a replicator, ships everything, and answers how it was. */
async function ship(log: Log, target: ReplicaClient): Promise<ReturnType<Replicator["status"]>> {
  const replicator = await open(log, target);
  await replicator.sync();
  const status = replicator.status();
  await replicator.close();
  return status;
}

/** A log whose records, a segment each, fill several indexes of a generation. */
async function replicated(layout: ReplicaLayoutName): Promise<{ readonly log: Log; readonly there: StorageBackend; readonly client: ReplicaClient; readonly generation: string; readonly wal: readonly StorageKey[] }> {
  // Without a register the order of generations is that of their times.
  let timeMs = 0;
  const there = memoryBackend({ clock: { now: () => (timeMs += 1000), monotonic: () => 0, setTimer: () => () => undefined } });
  const client = replicaClient({ storage: there, prefix: "", layout });
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  const replicator = await open(log, client);
  for (let seq = 1; seq <= RECORDS; seq++) {
    await log.append(new Uint8Array(400).fill(seq));
    await replicator.sync();
  }
  const { generation = "" } = replicator.status();
  await replicator.close();
  const wal = [...(await objectsOf(there)).keys()].filter((key) => key.includes("/wal/"));
  expect(wal.length).toBeGreaterThan(4);
  return { log, there, client, generation, wal };
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 0x10 : byte));
}

const HARMS: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ["flipped at its beginning", (bytes) => flipped(bytes, 2)],
  ["flipped in the middle", (bytes) => flipped(bytes, bytes.length >> 1)],
  ["flipped at its end", (bytes) => flipped(bytes, bytes.length - 6)],
  ["cut", (bytes) => bytes.slice(0, bytes.length >> 1)],
  ["empty", () => new Uint8Array()],
];

describe.each(["native", "litestream-v0.4"] as const)("a generation whose end is damaged (%s)", (layout) => {
  it.each(HARMS)("is followed by a new one, and stays as it is: %s", async (_, harm) => {
    const { log, there, client, generation, wal } = await replicated(layout);
    const [last] = wal.slice(-1);
    await there.replace(last!, harm((await there.read(last!)) ?? new Uint8Array()));
    const before = await objectsOf(there);
    await log.append(new Uint8Array(400).fill(RECORDS + 1));

    const status = await ship(log, client);
    expect(status.generation).not.toBe(generation);
    expect(status).toMatchObject({ state: "running", failures: 0, lastError: undefined, seq: RECORDS + 1 });
    expect(status.damage).toMatchObject({ code: "REPLICA_CORRUPT", key: last, offset: expect.any(Number) as number });
    expect(await verify({ from: client })).toMatchObject({ generation: status.generation, firstSeq: 1, records: RECORDS + 1 });

    // Of the one before nothing is removed or changed: what could be restored of it still can.
    const after = await objectsOf(there);
    for (const [key, bytes] of before) expect(after.get(key), key).toEqual(bytes);
    expect((await verify({ from: client, generation, seq: RECORDS - 2 })).records).toBe(RECORDS - 2);
    await expect(verify({ from: client, generation })).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key: last });

    // The next replicator goes on in the new one, with nothing to tell.
    await log.append(new Uint8Array(1));
    expect(await ship(log, client)).toMatchObject({ generation: status.generation, damage: undefined, seq: RECORDS + 2 });
    await log.close();
  });

  it("is followed by a new one where the beginning of its newest WAL is gone", async () => {
    const { log, there, client, generation, wal } = await replicated(layout);
    // Of the index of another life: its claim, with its record behind it.
    await log.append(new Uint8Array(1));
    await ship(log, client);
    const [claim, ...behind] = [...(await objectsOf(there)).keys()].filter((key) => key.includes("/wal/") && !wal.includes(key));
    expect(behind).toHaveLength(1);
    await there.remove([claim!]);
    await log.append(new Uint8Array(1));
    const status = await ship(log, client);
    expect(status.generation).not.toBe(generation);
    expect(status.damage).toMatchObject({ code: "REPLICA_GAP", position: expect.stringContaining(generation) as string });
    expect(await verify({ from: client })).toMatchObject({ generation: status.generation, records: RECORDS + 2 });
    await log.close();
  });
});

it("ends whoever still writes to the generation that it leaves", async () => {
  const { log, there, client, generation, wal } = await replicated("native");
  const first = await open(log, client);
  await there.replace(wal.at(-1)!, new Uint8Array(3));
  const second = await open(log, client);
  expect(second.status()).toMatchObject({ damage: { code: "REPLICA_CORRUPT" } });
  expect(second.status().generation).not.toBe(generation);
  await log.append(new Uint8Array(1));
  await expect(first.sync()).rejects.toMatchObject({ code: "REPLICA_FENCED" });
  await second.sync();
  await Promise.all([first.close(), second.close()]);
  await log.close();
});

it("tells of a generation whose snapshots are all damaged, and of an entry of the register", async () => {
  const { log, there, client, generation } = await replicated("native");
  const [snapshot] = [...(await objectsOf(there)).keys()].filter((key) => key.includes("/snapshots/"));
  await there.replace(snapshot!, flipped((await there.read(snapshot!)) ?? new Uint8Array(), 60));
  const second = await ship(log, client);
  expect(second.generation).not.toBe(generation);
  expect(second.damage).toMatchObject({ code: "REPLICA_CORRUPT", key: snapshot });
  const [entry] = [...(await objectsOf(there)).keys()].filter((key) => key.startsWith("register/")).slice(-1);
  await there.replace(entry!, new Uint8Array(52));
  const third = await ship(log, client);
  expect(third.generation).not.toBe(second.generation);
  expect(third.damage).toMatchObject({ code: "REPLICA_CORRUPT", key: entry });
  expect(await ship(log, client)).toMatchObject({ generation: third.generation, damage: undefined });
  expect(await verify({ from: client })).toMatchObject({ generation: third.generation, records: RECORDS });
  await log.close();
});

it("looks again before it leaves a generation: bytes may come over wrongly once", async () => {
  const { log, there, generation, wal } = await replicated("native");
  let left = 1;
  const storage: StorageBackend = Object.assign(Object.create(there) as StorageBackend, {
    list: there.list.bind(there),
    create: there.create.bind(there),
    stat: there.stat.bind(there),
    read: there.read.bind(there),
    stream: async (...[key, options]: Parameters<StorageBackend["stream"]>) => {
      const found = await there.stream(key, options);
      if (key !== wal.at(-1) || left === 0) return found;
      left -= 1;
      return (async function* () {
        await Promise.resolve();
        yield new Uint8Array(3);
      })();
    },
  });
  expect(await ship(log, replicaClient({ storage, prefix: "", layout: "native" }))).toMatchObject({ generation, damage: undefined });
  expect(left).toBe(0);
  await log.close();
});

it("passes on what is no damage, and begins nothing", async () => {
  const { log, there } = await replicated("native");
  const before = [...(await objectsOf(there)).keys()];
  const storage: StorageBackend = Object.assign(Object.create(there) as StorageBackend, {
    list: there.list.bind(there),
    read: there.read.bind(there),
    stream: () => Promise.reject(new StorageError("STORAGE_READ_FAILED", "no answer", { operation: "stream" })),
  });
  await expect(open(log, replicaClient({ storage, prefix: "", layout: "native" }))).rejects.toMatchObject({ code: "STORAGE_READ_FAILED" });
  expect([...(await objectsOf(there)).keys()]).toEqual(before);
  await log.close();
});
