import { memoryBackend, storageKey, storagePrefix, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { openStateStore, snapshotStore } from "@holdfast/snapshot";
import { openLog, openLogReader } from "@holdfast/wal";
import { beforeAll, describe, expect, it } from "vitest";
import type { ReplicaLayoutName } from "../src/layouts.js";
import { readTarget } from "../src/read-target.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { openReplicator } from "../src/replicator.js";
import { planRestore, type SkippedSnapshot } from "../src/restore-plan.js";
import { restore, verify } from "../src/restore.js";
import { storages } from "./support/storages.js";

type Objects = ReadonlyMap<StorageKey, Uint8Array>;

async function objectsOf(storage: StorageBackend): Promise<Objects> {
  const objects = new Map<StorageKey, Uint8Array>();
  for await (const { key } of storage.list(storagePrefix(""))) objects.set(key, (await storage.read(key)) ?? new Uint8Array());
  return objects;
}

async function clientOf(objects: Objects, layout: ReplicaLayoutName = "native"): Promise<ReplicaClient> {
  const storage = memoryBackend();
  for (const [key, bytes] of objects) await storage.create(key, bytes);
  return replicaClient({ storage, prefix: "", layout });
}

function harmed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 0x10 : byte));
}

describe.each([
  { layout: "native", places: [undefined, 15, 9], step: 1 },
  { layout: "litestream-v0.4", places: [9], step: 3 },
] as const)("where snapshots are damaged ($layout)", ({ layout, places, step }) => {
  const COMMITS = 16;
  const EVERY = 4;
  let objects: Objects;
  let snapshots: readonly StorageKey[];

  /** A state store whose every fourth state is a snapshot, replicated: snapshots of 0, 4, 8, 12 and 16 records. */
  beforeAll(async () => {
    const source = memoryBackend();
    const there = memoryBackend();
    const store = await openStateStore<readonly number[], number>({ storage: source, prefix: "numbers", initial: [], apply: (state, event) => [...state, event], snapshot: { keep: 1 }, log: { idleMarkerMs: 1 } });
    const reader = await openLogReader({ storage: source, prefix: "numbers/log", pollMs: 1 });
    const replicator = await openReplicator({
      source: reader,
      snapshots: snapshotStore({ storage: source, prefix: "numbers" }),
      target: replicaClient({ storage: there, prefix: "", layout }),
      batchMs: 2,
    });
    for (let n = 1; n <= COMMITS; n++) {
      await store.commit(n);
      await replicator.waitFor(n);
      if (n % EVERY === 0) await store.snapshot();
      await replicator.sync();
    }
    await replicator.close();
    await reader.close();
    await store.close();
    objects = await objectsOf(there);
    snapshots = [...objects.keys()].filter((key) => key.includes("/snapshots/"));
    expect(snapshots).toHaveLength(1 + COMMITS / EVERY);
  });

  /** Restores up to a record, or the last, and answers what a store makes of it, and what was passed over. */
  async function restored(damaged: Objects, seq: number | undefined): Promise<{ readonly numbers: readonly number[]; readonly skipped: readonly SkippedSnapshot[] }> {
    const to = memoryBackend();
    const from = await clientOf(damaged, layout);
    const { skipped } = await restore({ from, to, prefix: "numbers/log", snapshots: snapshotStore({ storage: to, prefix: "numbers" }), seq });
    expect((await verify({ from, seq })).skipped.map(({ index }) => index)).toEqual(skipped.map(({ index }) => index));
    const store = await openStateStore<readonly number[], number>({ storage: to, prefix: "numbers", initial: [], apply: (state, event) => [...state, event] });
    const numbers = store.state;
    await store.close();
    return { numbers, skipped };
  }

  it.each(places)("the newest whole one is taken, and the others are told of: up to %s", async (seq) => {
    const last = seq ?? COMMITS;
    const usable = snapshots.filter((_, at) => at * EVERY <= last);
    for (let damage = 0; damage < 2 ** usable.length; damage++) {
      const isHarmed = (at: number): boolean => ((damage >> at) & 1) === 1;
      const damaged = new Map(objects);
      // At its end, where it shows only when everything before it was read.
      usable.forEach((key, at) => isHarmed(at) && damaged.set(key, harmed(damaged.get(key)!, damaged.get(key)!.length - 6)));
      const newest = usable.findLastIndex((_, at) => !isHarmed(at));
      if (newest < 0) {
        await expect(restored(damaged, seq)).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key: usable.at(-1), offset: expect.any(Number) as number });
        continue;
      }
      const { numbers, skipped } = await restored(damaged, seq);
      expect(numbers).toEqual(Array.from({ length: last }, (_, at) => at + 1));
      const told = usable.slice(newest + 1).toReversed();
      expect(skipped.map(({ error }) => error)).toMatchObject(told.map((key) => ({ code: "REPLICA_CORRUPT", key, offset: expect.any(Number) as number })));
    }
  });

  it("whichever byte is flipped, wherever it is cut, empty or another's", async () => {
    const key = snapshots.at(-1)!;
    const whole = objects.get(key)!;
    const harms = [
      ...Array.from(whole.filter((__, at) => at % step === 0), (_, at) => harmed(whole, at * step)),
      ...Array.from({ length: 12 }, (_, at) => whole.slice(0, Math.floor((whole.length * at) / 12))),
      objects.get(snapshots[2]!)!,
    ];
    for (const [at, bytes] of harms.entries()) {
      const from = await clientOf(new Map(objects).set(key, bytes), layout);
      const { seq, snapshotSeq, skipped } = await verify({ from });
      expect({ seq, snapshotSeq, codes: skipped.map(({ error }) => error.code) }, `harm ${at}`).toEqual({ seq: COMMITS, snapshotSeq: COMMITS - EVERY, codes: ["REPLICA_CORRUPT"] });
    }
  });

  it("one that is removed while it is read is told of, and one that was removed before is not missed", async () => {
    const key = snapshots.at(-1)!;
    const without = new Map(objects);
    without.delete(key);
    expect(await verify({ from: await clientOf(without, layout) })).toMatchObject({ seq: COMMITS, snapshotSeq: COMMITS - EVERY, skipped: [] });
    const from = await clientOf(objects, layout);
    const first = from.snapshots.bind(from);
    // Listed, and gone when it is asked for.
    const racing: ReplicaClient = Object.assign(Object.create(from) as ReplicaClient, methodsOf(from), {
      async *snapshots(generation: string) {
        const infos = [];
        for await (const info of first(generation)) infos.push(info);
        await from.deleteSnapshot(generation, infos.at(-1)!.index);
        yield* infos;
      },
    });
    const [generation = ""] = await from.generations();
    expect(await verify({ from: racing, generation })).toMatchObject({ seq: COMMITS, snapshotSeq: COMMITS - EVERY, skipped: [{ error: { code: "REPLICA_OBJECT_GONE", key } }] });
  });

  it("tells of it while it restores, too", async () => {
    const key = snapshots[3]!;
    const told: unknown[] = [];
    const from = await clientOf(new Map(objects).set(key, new Uint8Array()), layout);
    await verify({ from, seq: 14, onProgress: ({ skipped }) => told.push(skipped.map(({ error }) => error.key)) });
    expect(told).toHaveLength(6);
    expect(told).toEqual(told.map(() => [key]));
  });
});

it.each(storages)("a damaged snapshot and a break in the WAL on %s", async (_, open) => {
  const place = await open();
  const work = async (): Promise<void> => {
    const { storage, clock } = place;
    const target = replicaClient({ storage, prefix: "copy", layout: "native", clock });
    const source = memoryBackend();
    const store = await openStateStore<readonly number[], number>({ storage: source, prefix: "numbers", initial: [], apply: (state, event) => [...state, event], snapshot: { keep: 1 }, log: { idleMarkerMs: 1 } });
    const reader = await openLogReader({ storage: source, prefix: "numbers/log", pollMs: 1 });
    const replicator = await openReplicator({ source: reader, snapshots: snapshotStore({ storage: source, prefix: "numbers" }), target, clock, batchMs: 60_000 });
    for (let n = 1; n <= 6; n++) {
      await store.commit(n);
      if (n % 2 === 0) await store.snapshot();
      await reader.get(n);
      await replicator.sync();
    }
    await replicator.close();
    await reader.close();
    await store.close();
    const [generation = ""] = await target.generations();
    const indexes: bigint[] = [];
    for await (const { index } of target.snapshots(generation)) indexes.push(index);
    const key = storageKey(`copy/generations/${generation}/snapshots/${String(indexes.at(-1)).padStart(20, "0")}.snapshot.lz4`);
    const whole = (await storage.read(key)) ?? new Uint8Array();
    await storage.replace(key, harmed(whole, whole.length - 5));
    const numbers = snapshotStore({ storage, prefix: "numbers", clock });
    const answer = await restore({ from: target, to: storage, prefix: "numbers/log", snapshots: numbers, clock });
    expect(answer).toMatchObject({ seq: 6, snapshotSeq: 4, records: 2, skipped: [{ generation, index: indexes.at(-1), error: { code: "REPLICA_CORRUPT", key } }] });
    const again = await openStateStore<readonly number[], number>({ storage, prefix: "numbers", initial: [], apply: (state, event) => [...state, event] });
    expect(again.state).toEqual([1, 2, 3, 4, 5, 6]);
    await again.close();
    await target.deleteWalSegments([{ generation, index: indexes.at(-2) ?? 0n, offset: 0n }]);
    await expect(verify({ from: target })).rejects.toMatchObject({ code: "REPLICA_GAP", position: expect.stringContaining(generation) as string });
    expect(await verify({ from: target, seq: 4 })).toMatchObject({ seq: 4 });
  };
  await place.run(work());
  await place.close();
});

/** Of a client, bound to it, so that what is made of it reaches its private fields. */
function methodsOf(client: ReplicaClient): Pick<ReplicaClient, "generations" | "snapshotReader" | "walSegments" | "walSegmentReader"> {
  return {
    generations: (options) => client.generations(options),
    snapshotReader: (generation, index, options) => client.snapshotReader(generation, index, options),
    walSegments: (generation, options) => client.walSegments(generation, options),
    walSegmentReader: (pos, options) => client.walSegmentReader(pos, options),
  };
}

describe("where WAL is damaged or gone", () => {
  const RECORDS = 14;
  let objects: Objects;
  /** The objects of the WAL in order, and the last record that is in them and those before. */
  let wal: readonly { readonly key: StorageKey; readonly lastSeq: number }[];

  /** Over three lives of a replicator and several indexes; record n at the time n * 1000. */
  beforeAll(async () => {
    const there = memoryBackend();
    const target = replicaClient({ storage: there, prefix: "", layout: "native" });
    let timeMs = 0;
    const log = await openLog({ storage: memoryBackend(), prefix: "log", clock: { now: () => timeMs, monotonic: () => 0, setTimer: () => () => undefined } });
    const lastSeqs = new Map<StorageKey, number>();
    for (let seq = 1; seq <= RECORDS; ) {
      const replicator = await openReplicator({ source: log, target, batchMs: 60_000, indexBytes: 1024 });
      for (let count = 0; count < 5 && seq <= RECORDS; count++, seq++) {
        timeMs = seq * 1000;
        await log.append(new Uint8Array(220).fill(seq));
        await replicator.sync();
        for (const key of (await objectsOf(there)).keys()) if (key.includes("/wal/") && !lastSeqs.has(key)) lastSeqs.set(key, seq);
      }
      await replicator.close();
    }
    await log.close();
    objects = await objectsOf(there);
    // A claim has no records, and came with the first behind it.
    wal = [...lastSeqs].map(([key, lastSeq]) => ({ key, lastSeq })).sort((a, b) => (a.key < b.key ? -1 : 1));
    expect(wal.length).toBeGreaterThan(RECORDS);
    expect(new Set(wal.map(({ key }) => key.split("/")[3])).size).toBeGreaterThan(4);
  });

  async function numbersIn(damaged: Objects, target: { readonly seq?: number; readonly timeMs?: number }): Promise<readonly number[]> {
    const client = await clientOf(damaged);
    const plan = await planRestore(client, target, {});
    const numbers: number[] = [];
    for await (const { records } of readTarget(client, plan, target, {})) numbers.push(...records.map((record) => record[0] ?? 0));
    return numbers;
  }

  it.each(["gone", "damaged"] as const)("everything before a segment that is %s can be restored, and what is not says where", async (how) => {
    for (const [at, { key }] of wal.entries()) {
      const damaged = new Map(objects);
      if (how === "gone") damaged.delete(key);
      else damaged.set(key, harmed(damaged.get(key)!, 60));
      const reachable = wal[at - 1]?.lastSeq === wal[at]!.lastSeq ? wal[at - 1]!.lastSeq - 1 : (wal[at - 1]?.lastSeq ?? 0);
      for (const seq of new Set([0, reachable - 1, reachable, reachable + 1, RECORDS].filter((it) => it >= 0 && it <= RECORDS))) {
        const answer = (): Promise<readonly number[]> => numbersIn(damaged, { seq });
        const timed = (): Promise<readonly number[]> => numbersIn(damaged, { timeMs: seq * 1000 });
        const wanted = Array.from({ length: seq }, (_, index) => index + 1);
        const what = `${key} ${how}, up to ${seq}`;
        if (seq <= reachable) {
          expect(await answer(), what).toEqual(wanted);
          // That nothing was committed until then shows only by what comes next.
          if (seq < reachable) expect(await timed(), what).toEqual(wanted);
          else await timed().catch(() => undefined);
          continue;
        }
        const refusal = how === "gone" ? { code: "REPLICA_GAP", position: expect.stringMatching(/^[0-9a-f]{16}\/[0-9a-f]{16}:[0-9a-f]{16}$/) as string } : { code: "REPLICA_CORRUPT", key };
        await expect(answer(), what).rejects.toMatchObject(refusal);
        if (at < wal.length - 1) await expect(timed(), what).rejects.toMatchObject(refusal);
        else await timed().catch(() => undefined);
      }
      // The newest of all that is gone did not get here yet, for all that can be told.
      if (how === "damaged" || at < wal.length - 1) await expect(numbersIn(damaged, {}), key).rejects.toMatchObject({ code: how === "gone" ? "REPLICA_GAP" : "REPLICA_CORRUPT" });
    }
  });

  it("a log that is restored to a time names it as its end, also with damage behind it", async () => {
    for (const { key } of [undefined, ...wal].map((it) => it ?? { key: undefined })) {
      const damaged = new Map(objects);
      if (key !== undefined) damaged.set(key, harmed(damaged.get(key)!, 60));
      for (const timeMs of [0, 999, 1000, 3500, 8000]) {
        const from = await clientOf(damaged);
        const wanted = await numbersIn(damaged, { timeMs }).catch(() => undefined);
        const to = memoryBackend();
        const restoring = restore({ from, to, prefix: "log", timeMs });
        if (wanted === undefined) {
          await expect(restoring).rejects.toMatchObject({ code: "REPLICA_CORRUPT" });
          continue;
        }
        expect((await restoring).seq).toBe(wanted.length);
        const reader = await openLogReader({ storage: to, prefix: "log" });
        if (wanted.length > 0) expect(await reader.parent()).toMatchObject({ seq: wanted.length });
        await reader.close();
      }
    }
  });

  it("an older generation does not stand in for one that has lost its snapshots", async () => {
    const storage = memoryBackend();
    for (const [key, bytes] of objects) await storage.create(key, bytes);
    const client = replicaClient({ storage, prefix: "", layout: "native" });
    const [older = ""] = await client.generations();
    const log = await openLog({ storage: memoryBackend(), prefix: "log" });
    await log.append(new Uint8Array(1));
    const replicator = await openReplicator({ source: log, target: client });
    await replicator.sync();
    const { generation: newer = "" } = replicator.status();
    await replicator.close();
    await log.close();
    expect(await verify({ from: client })).toMatchObject({ generation: newer });
    await client.deleteSnapshot(newer, 0n);
    await expect(verify({ from: client })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT", position: expect.stringContaining(newer) as string });
    expect(await verify({ from: client, generation: older })).toMatchObject({ seq: RECORDS });
    // What was removed altogether is not missed.
    await client.deleteGeneration(newer);
    expect(await verify({ from: client })).toMatchObject({ generation: older, seq: RECORDS });
    await client.deleteSnapshot(older, 0n);
    await expect(verify({ from: client })).rejects.toMatchObject({ code: "REPLICA_NO_SNAPSHOT", position: expect.stringContaining(older) as string });
    await client.deleteGeneration(older);
    await expect(verify({ from: client })).rejects.toMatchObject({ code: "REPLICA_NO_GENERATION" });
  });
});

