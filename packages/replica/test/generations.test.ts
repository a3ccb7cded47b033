import { memoryBackend, StorageError, storageKey, storagePrefix, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { openLog, type Log } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import { findEnd } from "../src/stream-end.js";
import { findLatestGeneration, findMaxWalIndex } from "../src/find.js";
import { encodeBegin, encodeClaim } from "../src/format/log-stream.js";
import type { ReplicaLayoutName } from "../src/layouts.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator, type ReplicationSource } from "../src/replicator.js";
import { verify } from "../src/restore.js";

const LOG_ID = "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf";
const FIRST = storageKey("replica/register/00000000000000000001.generation");

function clientOf(storage: StorageBackend, layout: ReplicaLayoutName = "native"): ReplicaClient {
  return replicaClient({ storage, prefix: "replica", layout });
}

async function logOf(records: number): Promise<Log> {
  const log = await openLog({ storage: memoryBackend(), prefix: "log" });
  for (let seq = 1; seq <= records; seq++) await log.append(new Uint8Array(100).fill(seq));
  return log;
}

async function ship(log: Log, target: ReplicaClient, indexBytes?: number): Promise<string> {
  const replicator = await openReplicator({ source: log, target, batchMs: 60_000, indexBytes });
  await replicator.sync();
  const { generation = "" } = replicator.status();
  await replicator.close();
  return generation;
}

async function keysOf(storage: StorageBackend): Promise<readonly StorageKey[]> {
  const keys: StorageKey[] = [];
  for await (const { key } of storage.list(storagePrefix(""))) keys.push(key);
  return keys;
}

describe("an entry of the register", () => {
  // Put together from the table of FORMAT.md by another program.
  const ENTRY = `${Buffer.from("HFREPREG").toString("hex")}0100000000000000 0200000000000000 0123456789abcdef ${LOG_ID} bb04795b`.replaceAll(" ", "");
  const key = storageKey("replica/register/00000000000000000002.generation");
  const entry = { number: 2n, generation: "0123456789abcdef", logId: LOG_ID };

  it("is written and read as it always was", async () => {
    const storage = memoryBackend();
    expect(await clientOf(storage).register?.add(entry)).toEqual(entry);
    expect(Buffer.from((await storage.read(key)) ?? []).toString("hex")).toBe(ENTRY);
    expect(await clientOf(storage).register?.numbers()).toEqual([2n]);
    expect(await clientOf(storage).register?.read(2n)).toEqual(entry);
    expect(await clientOf(storage).register?.read(1n)).toBeUndefined();
  });

  it("is of who came first", async () => {
    const register = clientOf(memoryBackend()).register;
    expect(await register?.add(entry)).toEqual(entry);
    expect(await register?.add({ ...entry, generation: "ffffffffffffffff" })).toEqual(entry);
  });

  it.each(["done", "not done"])("is there when a create without an answer was %s", async (fate) => {
    const inner = memoryBackend();
    let lost = 2;
    const storage: StorageBackend = Object.assign(Object.create(inner) as StorageBackend, {
      list: inner.list.bind(inner),
      read: inner.read.bind(inner),
      create: async (...[at, body, options]: Parameters<StorageBackend["create"]>) => {
        lost -= 1;
        if (lost < 0) return inner.create(at, body, options);
        if (fate === "done") await inner.create(at, body, options);
        throw new StorageError("STORAGE_WRITE_FAILED", "no answer", { operation: "create", outcome: "unknown" });
      },
    });
    expect(await clientOf(storage).register?.add(entry)).toEqual(entry);
    expect(await clientOf(inner).register?.read(2n)).toEqual(entry);
  });

  it("is refused whichever byte is flipped, cut or of another number", async () => {
    const storage = memoryBackend();
    const whole = new Uint8Array(Buffer.from(ENTRY, "hex"));
    const harms = [...Array.from(whole, (_, at) => whole.map((byte, index) => (index === at ? byte ^ 4 : byte))), new Uint8Array(), whole.slice(0, 51), new Uint8Array([...whole, 0])];
    for (const bytes of harms) {
      await storage.replace(key, bytes);
      await expect(clientOf(storage).register?.read(2n)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
    }
    await storage.replace(storageKey("replica/register/00000000000000000003.generation"), whole);
    await expect(clientOf(storage).register?.read(3n)).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
  });

  it("of a newer version is not taken for damage", async () => {
    const storage = memoryBackend();
    await storage.create(key, new Uint8Array(Buffer.from(ENTRY.replace("52454701", "52454702").slice(0, -8) + "374dd538", "hex")));
    await expect(clientOf(storage).register?.read(2n)).rejects.toMatchObject({ code: "REPLICA_UNSUPPORTED_VERSION", key });
  });

  it("is none in the layouts of litestream", () => {
    expect(clientOf(memoryBackend(), "litestream-v0.3").register).toBeUndefined();
    expect(clientOf(memoryBackend(), "litestream-v0.4").register).toBeUndefined();
  });
});

describe("the latest generation", () => {
  it.each([
    ["native", "newer"],
    ["litestream-v0.4", "older"],
  ] as const)("is in the layout %s the %s one, where the storage's clock has gone back", async (layout, which) => {
    let timeMs = 2_000_000;
    const storage = memoryBackend({ clock: { now: () => timeMs, monotonic: () => 0, setTimer: () => () => undefined } });
    const client = clientOf(storage, layout);
    const [first, second] = [await logOf(3), await logOf(2)];
    const older = await ship(first, client);
    timeMs = 1_000_000;
    const newer = await ship(second, client);
    expect((await findLatestGeneration(client)).generation).toBe(which === "newer" ? newer : older);
    expect((await verify({ from: client })).records).toBe(which === "newer" ? 2 : 3);
    // Each log goes on in its own.
    for (const [log, generation] of [[first, older], [second, newer]] as const) {
      await log.append(new Uint8Array(1));
      expect(await ship(log, client)).toBe(generation);
      await log.close();
    }
  });

  it("is noted where it was begun before there was a register", async () => {
    const storage = memoryBackend();
    const client = clientOf(storage);
    const log = await logOf(2);
    const generation = await ship(log, client);
    await storage.remove([FIRST]);
    expect((await verify({ from: client })).records).toBe(2);
    await log.append(new Uint8Array(1));
    expect(await ship(log, client)).toBe(generation);
    expect(await client.register?.read(1n)).toEqual({ number: 1n, generation, logId: log.logId });
    expect((await verify({ from: client })).records).toBe(3);
    await log.close();
  });

  it("is not guessed where the newest entry is damaged, and the next one comes behind it", async () => {
    const storage = memoryBackend();
    const client = clientOf(storage);
    const log = await logOf(2);
    const generation = await ship(log, client);
    await storage.replace(FIRST, new Uint8Array(52));
    await expect(verify({ from: client })).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key: FIRST, offset: 0 });
    expect((await verify({ from: client, generation })).records).toBe(2);
    await log.append(new Uint8Array(1));
    const next = await ship(log, client);
    expect(next).not.toBe(generation);
    expect(await client.register?.numbers()).toEqual([1n, 2n]);
    expect(await verify({ from: client })).toMatchObject({ generation: next, records: 3 });
    await log.close();
  });
});

describe("the end of a generation", () => {
  it("is found with few lists among many segments", async () => {
    const inner = memoryBackend();
    let lists = 0;
    let listed = 0;
    const storage: StorageBackend = Object.assign(Object.create(inner) as StorageBackend, {
      read: inner.read.bind(inner),
      stream: inner.stream.bind(inner),
      stat: inner.stat.bind(inner),
      create: inner.create.bind(inner),
      async *list(...[prefix, options]: Parameters<StorageBackend["list"]>) {
        lists += 1;
        for await (const entry of inner.list(prefix, options)) {
          listed += 1;
          yield entry;
        }
      },
    });
    const client = clientOf(storage);
    const generation = "0123456789abcdef";
    // Only the newest one is read.
    for (let index = 0; index < 1299; index++) await inner.create(storageKey(`replica/generations/${generation}/wal/${String(index).padStart(20, "0")}/${"0".repeat(20)}.wal.lz4`), new Uint8Array(1));
    const claim = encodeClaim({ logId: LOG_ID, writerId: LOG_ID, generation, index: 1299n });
    const begin = encodeBegin({ after: { index: 1298n, bytes: 1n, link: 0 }, firstSeq: 8 });
    await client.writeWalSegment({ generation, index: 1299n, offset: 0n }, Buffer.concat([claim, begin.bytes]));
    [lists, listed] = [0, 0];
    const { end, freeIndex } = await findEnd(client, generation, 0n, {});
    expect(end).toMatchObject({ index: 1299n, nextSeq: 8 });
    expect(freeIndex).toBe(1300n);
    expect(lists).toBeLessThan(25);
    expect(listed).toBeLessThan(1100);
    expect(await findMaxWalIndex(client, generation)).toBe(1299n);
    expect(lists).toBeLessThan(50);
    // From the newest index it is two lists of what there is.
    [lists, listed] = [0, 0];
    await findEnd(client, generation, 1299n, {});
    expect([lists, listed]).toEqual([2, 2]);
  });

  it("is looked for below indexes that were claimed and left", async () => {
    const storage = memoryBackend();
    const client = clientOf(storage);
    const log = await logOf(2);
    const generation = await ship(log, client);
    // Of nine replicators each makes its claim and dies.
    for (let life = 0; life < 9; life++) {
      const replicator = await openReplicator({ source: log, target: client, batchMs: 60_000 });
      await replicator.close();
    }
    expect(await findEnd(client, generation, 0n, {})).toMatchObject({ end: { index: 0n, nextSeq: 3 }, freeIndex: 10n });
    expect(await findEnd(client, generation, 8n, {})).toMatchObject({ end: { index: 0n, nextSeq: 3 }, freeIndex: 10n });
    expect(await findEnd(client, generation, 40n, {})).toMatchObject({ end: { index: 0n, nextSeq: 3 }, freeIndex: 40n });
    await log.append(new Uint8Array(1));
    expect(await ship(log, client)).toBe(generation);
    expect((await verify({ from: client })).records).toBe(3);
    await log.close();
  });

  it.each(["gone", "damaged"])("says where it is when the object that the newest index begins with is %s", async (how) => {
    const storage = memoryBackend();
    const client = clientOf(storage);
    const log = await logOf(1);
    const replicator = await openReplicator({ source: log, target: client, batchMs: 60_000 });
    for (let count = 0; count < 3; count++) {
      await log.append(new Uint8Array(100));
      await replicator.sync();
    }
    await replicator.close();
    const { generation = "" } = replicator.status();
    const key = (await keysOf(storage)).find((it) => it.includes("/wal/"))!;
    if (how === "gone") await storage.remove([key]);
    else await storage.replace(key, ((await storage.read(key)) ?? new Uint8Array()).map((byte, at) => (at === 70 ? byte ^ 1 : byte)));
    const refusal = how === "gone" ? { code: "REPLICA_GAP", position: `${generation}/${"0".repeat(16)}:${"0".repeat(16)}` } : { code: "REPLICA_CORRUPT", key };
    await expect(verify({ from: client })).rejects.toMatchObject(refusal);
    await expect(findEnd(client, generation, 0n, {})).rejects.toMatchObject(refusal);
    const next = await openReplicator({ source: log, target: client });
    expect(next.status().damage).toMatchObject(refusal);
    await next.close();
    await log.close();
  });

  it.each([4, 5])("is gone on from, or not, as the log tells when it is trimmed to %i while the two are compared", async (firstSeq) => {
    const client = clientOf(memoryBackend());
    const log = await logOf(3);
    const generation = await ship(log, client);
    for (const seq of [4, 5]) await log.append(new Uint8Array(1).fill(seq));
    await log.trim(firstSeq);
    // As a reader knows it, that has not looked since; opening asks for the first record, and comparing for the last one that is there.
    let [known, asked] = [1, 0];
    const source: ReplicationSource = {
      get firstSeq() {
        return known;
      },
      logId: log.logId,
      async get(...args) {
        asked += 1;
        if (asked === 1) return undefined;
        known = firstSeq;
        return log.get(...args);
      },
      readBatches: (range) => log.readBatches(range),
    };
    const replicator = await openReplicator({ source, target: client, batchMs: 60_000 });
    await replicator.sync();
    await replicator.close();
    // Behind record 3 nothing is missing if the log begins with record 4.
    expect(replicator.status().generation === generation).toBe(firstSeq === 4);
    expect(await verify({ from: client })).toMatchObject({ generation: replicator.status().generation, firstSeq: firstSeq === 4 ? 1 : 5, seq: 5 });
    await log.close();
  });
});
