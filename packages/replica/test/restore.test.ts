import { memoryBackend, storageKey, storagePrefix, StorageError, systemClock, type StorageBackend } from "@holdfast/storage";
import { seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { openLog, openLogReader, verifyLog, type Log } from "@holdfast/wal";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import type { Pos } from "../src/pos.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { planRestore } from "../src/restore-plan.js";
import { restore, verify } from "../src/restore.js";
import { storages } from "./support/storages.js";

const record = (text: string): Uint8Array => new TextEncoder().encode(text);

async function textsOf(log: Log): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { value } of log.read()) texts.push(new TextDecoder().decode(value));
  return texts;
}

/** A replica of commits at these times, each of one record that says when it was. */
async function replicaOf(times: readonly number[]): Promise<ReplicaClient> {
  let timeMs = 0;
  const clock = { ...systemClock, now: () => timeMs };
  const log = await openLog({ storage: memoryBackend(), prefix: "log", clock });
  for (const time of times) {
    timeMs = time;
    await log.append(record(`${time}`));
  }
  const target = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  const replicator = await openReplicator({ source: log, target });
  await replicator.sync();
  await replicator.close();
  await log.close();
  return target;
}

describe("a restore to a time", () => {
  it.each([
    [999, 0],
    [1000, 1],
    [2500, 2],
    [3000, 4],
    [9000, 5],
  ])("%i goes up to the last commit then or before", async (timeMs, count) => {
    const from = await replicaOf([1000, 2000, 3000, 3000, 4000]);
    expect((await verify({ from, timeMs })).records).toBe(count);
    const to = memoryBackend();
    expect((await restore({ from, to, prefix: "log", timeMs })).seq).toBe(count);
    const log = await openLog({ storage: to, prefix: "log" });
    expect(await textsOf(log)).toEqual(["1000", "2000", "3000", "3000", "4000"].slice(0, count));
    await log.close();
  });

  it("keeps the times of commits, so that it can be restored again", async () => {
    const to = memoryBackend();
    await restore({ from: await replicaOf([1000, 2000, 3000]), to, prefix: "log" });
    const log = await openLog({ storage: to, prefix: "log" });
    const target = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    const replicator = await openReplicator({ source: log, target });
    await replicator.sync();
    await replicator.close();
    expect((await verify({ from: target, timeMs: 2999 })).records).toBe(2);
    await log.close();
  });

  it("refuses a time before what is left of a trimmed log", async () => {
    const log = await openLog({ storage: memoryBackend(), prefix: "log" });
    for (let count = 0; count < 5; count++) await log.append(record("x"));
    await log.trim(4);
    const target = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    const replicator = await openReplicator({ source: log, target });
    await replicator.sync();
    await replicator.close();
    await log.close();
    expect(await verify({ from: target })).toMatchObject({ firstSeq: 4, seq: 5, records: 2 });
    await expect(verify({ from: target, timeMs: 1 })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
    await expect(verify({ from: target, seq: 2 })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
  });
});

describe.each(storages)("a restore that was interrupted on %s", (_, open) => {
  it("is refused by every opening", async () => {
    const place = await open();
    const { storage } = place;
    const work = async (): Promise<void> => {
      const from = await replicaOf([1, 2, 3, 4]);
      const stop = new AbortController();
      const restoring = restore({
        from,
        to: storage,
        prefix: "log",
        signal: stop.signal,
        onProgress: ({ seq }) => {
          if (seq === 2) stop.abort(new Error("enough"));
        },
      });
      await expect(restoring).rejects.toThrow("enough");
      const refused = { code: "WAL_NOT_A_LOG", key: expect.stringContaining("restoring.marker") as string };
      await expect(openLog({ storage, prefix: "log" })).rejects.toMatchObject(refused);
      await expect(openLogReader({ storage, prefix: "log" })).rejects.toMatchObject(refused);
      expect((await verifyLog({ storage, prefix: "log" })).findings).toMatchObject([refused]);
      await expect(restore({ from, to: storage, prefix: "log" })).rejects.toMatchObject({ code: "REPLICA_TARGET_NOT_EMPTY" });
    };
    await place.run(work());
    await place.close();
  });
});

describe.each(storages)("a log that was restored on %s", (_, open) => {
  it.each([{}, { seq: 3 }, { timeMs: 2500 }, { seq: 0 }])("names its parent and where it departs from it: up to %j", async (target) => {
    const place = await open();
    const { storage } = place;
    const work = async (): Promise<void> => {
      const from = await replicaOf([1000, 2000, 3000, 4000]);
      const { seq } = await restore({ from, to: storage, prefix: "log", ...target });
      const old = await planRestore(from, {}, {});
      const parent = { logId: old.base.logId, seq };
      const log = await openLog({ storage, prefix: "log" });
      if (seq > 0 || storage.appendable === undefined) expect(await log.parent()).toEqual(parent);
      expect(log.logId).not.toBe(parent.logId);
      await log.append(record("mine"));
      await log.close();
      const reader = await openLogReader({ storage, prefix: "log" });
      // Without a record there are no files, and nothing that anybody could be told of.
      if (seq > 0 || storage.appendable === undefined) expect(await reader.parent()).toEqual(parent);
      expect((await reader.get(seq + 1))?.value).toEqual(record("mine"));
      await reader.close();
    };
    await place.run(work());
    await place.close();
  });
});

it("refuses arguments that exclude each other, and a generation that is not there", async () => {
  const from = await replicaOf([1]);
  await expect(verify({ from, seq: 1, timeMs: 1 })).rejects.toMatchObject({ code: "REPLICA_INVALID_ARGUMENT" });
  await expect(verify({ from, parallelism: 0 })).rejects.toMatchObject({ code: "REPLICA_INVALID_ARGUMENT" });
  await expect(verify({ from, generation: "0000000000000000" })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT" });
  await expect(verify({ from: replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" }) })).rejects.toMatchObject({ code: "REPLICA_NO_GENERATION" });
});

describe("a replicator", () => {
  /** A storage whose writes fail while `isBroken`. */
  function breakable(inner: StorageBackend): { readonly storage: StorageBackend; isBroken: boolean; creates: number; lists: number } {
    const state = { storage: inner, isBroken: false, creates: 0, lists: 0 };
    state.storage = {
      ...delegate(inner),
      appendable: undefined,
      create: async (key, body, options) => {
        state.creates += 1;
        if (state.isBroken) throw new StorageError("STORAGE_WRITE_FAILED", "out of order", { operation: "create", outcome: "not_applied", retryable: true });
        return inner.create(key, body, options);
      },
      list: (prefix, options) => {
        state.lists += 1;
        return inner.list(prefix, options);
      },
    };
    return state;
  }

  /** Lets this much time pass, and what happens in it. */
  async function pass(clock: VirtualClock, ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) await clock.advance(Math.min(50, left));
  }

  it("tries again, less and less often, and says how it is going", async () => {
    const clock = virtualClock();
    const target = breakable(memoryBackend());
    const log = await openLog({ storage: memoryBackend(), prefix: "log", clock });
    await log.append(record("one"));
    const replicator = await openReplicator({
      source: log,
      target: replicaClient({ storage: target.storage, prefix: "", layout: "native" }),
      clock,
      random: seededRandom(1),
      batchMs: 100,
      retry: { minMs: 100, maxMs: 1000 },
    });
    await pass(clock, 200);
    expect(replicator.status()).toMatchObject({ seq: 1, failures: 0, state: "running" });
    const listsBefore = target.lists;
    target.isBroken = true;
    await log.append(record("two"));
    await pass(clock, 1000);
    const early = target.creates;
    expect(replicator.status()).toMatchObject({ seq: 1, sourceSeq: 2, state: "running", lastError: { code: "STORAGE_WRITE_FAILED" } });
    expect(replicator.status().lagBytes).toBeGreaterThan(0);
    expect(replicator.status().lagMs).toBeGreaterThanOrEqual(1000);
    await pass(clock, 10_000);
    const { failures } = replicator.status();
    expect(failures).toBeGreaterThan(8);
    // From half a second to a second between two of them.
    expect(target.creates - early).toBeGreaterThanOrEqual(9);
    expect(target.creates - early).toBeLessThanOrEqual(22);
    target.isBroken = false;
    const arrived = replicator.waitFor(2);
    await pass(clock, 1500);
    await arrived;
    expect(replicator.status()).toMatchObject({ seq: 2, failures: 0, lagBytes: 0, lagMs: 0, lastError: undefined });
    expect(target.lists).toBe(listsBefore);
    const closing = replicator.close();
    await pass(clock, 500);
    await closing;
    await log.close();
  });

  it("asks nothing of its target while nothing is written", async () => {
    const clock = virtualClock();
    const target = breakable(memoryBackend());
    const log = await openLog({ storage: memoryBackend(), prefix: "log", clock });
    await log.append(record("one"));
    const replicator = await openReplicator({ source: log, target: replicaClient({ storage: target.storage, prefix: "", layout: "native" }), clock, batchMs: 1000 });
    await pass(clock, 5000);
    const { creates, lists } = target;
    await pass(clock, 3_600_000 / 60);
    expect([target.creates, target.lists]).toEqual([creates, lists]);
    await Promise.all([replicator.close(), pass(clock, 1000)]);
    await log.close();
  });

  it("ships what is left when it is closed, and gives up after its time", async () => {
    const clock = virtualClock();
    const target = breakable(memoryBackend());
    const client = replicaClient({ storage: target.storage, prefix: "", layout: "native" });
    const log = await openLog({ storage: memoryBackend(), prefix: "log", clock });
    await log.append(record("one"));
    const first = await openReplicator({ source: log, target: client, clock, batchMs: 60_000 });
    await Promise.all([first.close(), pass(clock, 200)]);
    expect((await verify({ from: client })).records).toBe(1);
    const second = await openReplicator({ source: log, target: client, clock, batchMs: 60_000 });
    await pass(clock, 100);
    await log.append(record("two"));
    target.isBroken = true;
    const waiting = second.waitFor(2).catch((error: unknown) => error);
    await Promise.all([second.close({ flushTimeoutMs: 3000 }), pass(clock, 3500)]);
    expect(await waiting).toMatchObject({ code: "REPLICA_CLOSED" });
    expect(second.status().state).toBe("closed");
    await expect(second.waitFor(1)).rejects.toMatchObject({ code: "REPLICA_CLOSED" });
    await expect(second.sync()).rejects.toMatchObject({ code: "REPLICA_CLOSED" });
    await log.close();
  });

  it("begins a new generation for a log that was restored, and for one that went another way", async () => {
    const targetStorage = memoryBackend();
    const client = replicaClient({ storage: targetStorage, prefix: "", layout: "native" });
    const ship = async (log: Log): Promise<string | undefined> => {
      const replicator = await openReplicator({ source: log, target: client, batchMs: 1 });
      await replicator.sync();
      const { generation } = replicator.status();
      await replicator.close();
      return generation;
    };
    const log = await openLog({ storage: memoryBackend(), prefix: "log" });
    await log.append(record("one"));
    const first = await ship(log);
    const to = memoryBackend();
    await restore({ from: client, to, prefix: "log" });
    const restored = await openLog({ storage: to, prefix: "log" });
    await restored.append(record("two"));
    const second = await ship(restored);
    expect(second).not.toBe(first);
    expect((await verify({ from: client, generation: first })).records).toBe(1);
    expect((await verify({ from: client, generation: second })).records).toBe(2);
    // The old log goes on in its own generation, also when another one is newer.
    await log.append(record("other two"));
    expect(await ship(log)).toBe(first);
    await log.close();
    await restored.close();
  });

  it("goes on with a generation in which nothing was written yet", async () => {
    const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    // Of the segments only the claim arrives.
    const target: ReplicaClient = Object.assign(Object.create(client) as ReplicaClient, {
      generations: () => client.generations(),
      snapshots: (generation: string) => client.snapshots(generation),
      walSegments: (generation: string) => client.walSegments(generation),
      writeSnapshot: (generation: string, index: bigint, content: Uint8Array) => client.writeSnapshot(generation, index, content),
      writeWalSegment: (pos: Pos, content: Uint8Array) =>
        pos.offset === 0n ? client.writeWalSegment(pos, content) : Promise.reject(new StorageError("STORAGE_WRITE_FAILED", "no room", { operation: "create", outcome: "not_applied" })),
    });
    const log = await openLog({ storage: memoryBackend(), prefix: "log" });
    await log.append(record("one"));
    const first = await openReplicator({ source: log, target, batchMs: 60_000, retry: { minMs: 60_000, maxMs: 60_000 } });
    await first.close({ flushTimeoutMs: 0 });
    expect(await verify({ from: client })).toMatchObject({ records: 0 });
    const second = await openReplicator({ source: log, target: client, batchMs: 60_000 });
    await second.sync();
    await second.close();
    expect(await client.generations()).toEqual([first.status().generation]);
    expect(await verify({ from: client })).toMatchObject({ firstSeq: 1, records: 1 });
    await log.close();
  });

  it("waits for a log that is not there yet", async () => {
    const storage = memoryBackend();
    const reader = await openLogReader({ storage, prefix: "log", pollMs: 1 });
    const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    const replicator = await openReplicator({ source: reader, target: client, batchMs: 2 });
    await replicator.sync();
    expect(replicator.status()).toMatchObject({ generation: undefined, seq: undefined });
    const log = await openLog({ storage, prefix: "log", idleMarkerMs: 1 });
    await log.append(record("one"));
    await replicator.waitFor(1);
    await replicator.close();
    await log.close();
    expect((await verify({ from: client })).records).toBe(1);
  });

  it.each([{ batchBytes: 1 }, { batchMs: 0 }, { indexBytes: 10 }, { retry: { minMs: 10, maxMs: 5 } }])("refuses %j", async (options) => {
    const log = await openLog({ storage: memoryBackend(), prefix: "log" });
    const target = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
    await expect(openReplicator({ source: log, target, ...options })).rejects.toMatchObject({ code: "REPLICA_INVALID_ARGUMENT" });
    await log.close();
  });
});

it("writes nothing where something is", async () => {
  const to = memoryBackend();
  await to.create(storageKey("log/readme.txt"), new Uint8Array(1));
  await expect(restore({ from: await replicaOf([1]), to, prefix: "log" })).rejects.toMatchObject({ code: "REPLICA_TARGET_NOT_EMPTY", key: "log/readme.txt" });
  const keys: string[] = [];
  for await (const { key } of to.list(storagePrefix(""))) keys.push(key);
  expect(keys).toEqual(["log/readme.txt"]);
});
