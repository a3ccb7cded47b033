import { joinKey, memoryBackend, StorageError, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import type { ReplicaLayoutName } from "../src/layouts.js";
import { detectLayout } from "../src/generations.js";
import { replicaClient, type ReplicaClient } from "../src/replica-client.js";
import { isEqual, joined, pieces } from "./support/pieces.js";
import { storages, type TestStorage } from "./support/storages.js";

const GENERATION = "0123456789abcdef";
const layouts: readonly ReplicaLayoutName[] = ["litestream-v0.3", "litestream-v0.4", "native"];

/** Distinguishable bytes. */
function bytes(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 8)) & 0xff);
}

function at(index: bigint, offset: bigint, generation = GENERATION): { readonly generation: string; readonly index: bigint; readonly offset: bigint } {
  return { generation, index, offset };
}

async function all<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe.each(storages)("a replica on %s", (place, open) => {
  // Threads do not know virtual time: there no block may be so large that it is packed in one.
  const largeBytes = place.startsWith("a simulated") ? 60_000 : (4 << 20) + 100;

  async function using(layout: ReplicaLayoutName, work: (client: ReplicaClient, storage: StorageBackend) => Promise<void>): Promise<void> {
    const place: TestStorage = await open();
    const client = replicaClient({ storage: place.storage, prefix: "backup", layout });
    try {
      await place.run(work(client, place.storage));
    } finally {
      await place.close();
    }
  }

  it.each(layouts)("keeps snapshots and WAL segments (%s)", (layout) =>
    using(layout, async (client, storage) => {
      expect(await client.generations()).toEqual([]);
      expect(await detectLayout({ storage, prefix: "backup" })).toBeUndefined();
      expect(await all(client.snapshots(GENERATION))).toEqual([]);
      expect(await all(client.walSegments(GENERATION))).toEqual([]);

      const large = bytes(largeBytes, 3);
      expect(await client.writeSnapshot(GENERATION, 1000n, { open: () => pieces(large, 30_000) })).toMatchObject({ index: 1000n, outcome: "created", rawSize: large.length });
      expect(await client.writeSnapshot(GENERATION, 20n, bytes(3))).toMatchObject({ outcome: "created", rawSize: 3 });
      for (const pos of [at(2n, 0n), at(0x10n, 0x100n), at(0x10n, 9n), at(0n, 0n, "fedcba9876543210")]) await client.writeWalSegment(pos, bytes(50));

      expect(await detectLayout({ storage, prefix: "backup" })).toBe(layout);
      expect(await client.generations()).toEqual([GENERATION, "fedcba9876543210"]);
      const snapshots = await all(client.snapshots(GENERATION));
      expect(snapshots.map(({ index }) => index)).toEqual([20n, 1000n]);
      expect(snapshots.every(({ size, createdAtMs }) => size > 0 && Number.isFinite(createdAtMs))).toBe(true);
      const places = async (fromIndex: bigint): Promise<unknown> => (await all(client.walSegments(GENERATION, { fromIndex }))).map(({ index, offset }) => [index, offset]);
      expect(await places(0n)).toEqual([[2n, 0n], [0x10n, 9n], [0x10n, 0x100n]]);
      expect(await places(3n)).toEqual([[0x10n, 9n], [0x10n, 0x100n]]);
      expect(await places(0x11n)).toEqual([]);
      expect(isEqual(await joined(await client.snapshotReader(GENERATION, 1000n)), large)).toBe(true);
      expect(await joined(await client.walSegmentReader(at(0x10n, 9n)))).toEqual(bytes(50));

      await expect(client.snapshotReader(GENERATION, 1n)).rejects.toMatchObject({ code: "REPLICA_NOT_FOUND" });
      await expect(client.walSegmentReader(at(9n, 9n))).rejects.toMatchObject({ code: "REPLICA_NOT_FOUND", position: `${GENERATION}/0000000000000009:0000000000000009` });
      await client.deleteSnapshot(GENERATION, 1n);
      await client.deleteSnapshot(GENERATION, 1000n);
      await client.deleteWalSegments([at(2n, 0n), at(77n, 0n)]);
      expect((await all(client.snapshots(GENERATION))).length).toBe(1);
      await client.deleteGeneration(GENERATION);
      await client.deleteGeneration(GENERATION);
      expect(await client.generations()).toEqual(["fedcba9876543210"]);
    }),
  );

  it.each(layouts)("replaces nothing (%s)", (layout) =>
    using(layout, async (client) => {
      const content = bytes(60_000, 7);
      const pos = at(3n, 0n);
      expect((await client.writeWalSegment(pos, content.subarray(0, 50_000))).outcome).toBe("created");
      expect(await client.writeWalSegment(pos, content.subarray(0, 50_000))).toMatchObject({ outcome: "found", rawSize: 50_000 });
      expect(await client.writeWalSegment(pos, { open: () => pieces(content, 1000) })).toMatchObject({ outcome: "adopted", rawSize: 50_000 });
      const conflict = { code: "REPLICA_CONFLICT", outcome: "not_applied" };
      await expect(client.writeWalSegment(pos, content.subarray(0, 49_999))).rejects.toMatchObject({ ...conflict, offset: 49_999 });
      const other = content.slice();
      other[12_345]! ^= 1;
      await expect(client.writeWalSegment(pos, other)).rejects.toMatchObject({ ...conflict, offset: 12_345 });
      expect(isEqual(await joined(await client.walSegmentReader(pos)), content.subarray(0, 50_000))).toBe(true);

      await client.writeSnapshot(GENERATION, 1n, content.subarray(0, 10));
      expect((await client.writeSnapshot(GENERATION, 1n, content.subarray(0, 10))).outcome).toBe("found");
      await expect(client.writeSnapshot(GENERATION, 1n, content)).rejects.toMatchObject(conflict);
      await expect(client.writeSnapshot(GENERATION, 1n, content.subarray(0, 9))).rejects.toMatchObject(conflict);
    }),
  );

  it("adopts nothing that is damaged", () =>
    using("native", async (client, storage) => {
      const { key } = (await (async () => {
        await client.writeWalSegment(at(0n, 0n), bytes(1000));
        return all(storage.list(storagePrefix("backup")));
      })())[0]!;
      const stored = await storage.read(key);
      stored![100]! ^= 4;
      await storage.replace(key, stored!);
      await expect(client.writeWalSegment(at(0n, 0n), bytes(1000))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
      await expect(joined(await client.walSegmentReader(at(0n, 0n)))).rejects.toMatchObject({ code: "REPLICA_CORRUPT", key });
    }),
  );

  it("leaves nothing of content that fails, and says why in its words", () =>
    using("litestream-v0.4", async (client) => {
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes(100);
        throw new RangeError("no more");
      };
      await expect(client.writeWalSegment(at(0n, 0n), { open: failing })).rejects.toThrow(new RangeError("no more"));
      expect(await client.generations()).toEqual([]);
    }),
  );
});

it("sorts the WAL of litestream 0.3 beyond 4 GiB", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "litestream-v0.3" });
  const offsets = [0x1_0000_0000n, 0xffff_ff00n, 0n, 0x20_0000_0000n];
  for (const offset of offsets) await client.writeWalSegment(at(0n, offset), bytes(1));
  await client.writeWalSegment(at(1n, 0n), bytes(1));
  expect((await all(client.walSegments(GENERATION))).map(({ index, offset }) => [index, offset])).toEqual([
    [0n, 0n], [0n, 0xffff_ff00n], [0n, 0x1_0000_0000n], [0n, 0x20_0000_0000n], [1n, 0n],
  ]);
});

it("passes over what is not its own", async () => {
  const storage = memoryBackend();
  const client = replicaClient({ storage, prefix: "", layout: "native" });
  for (const name of ["readme.txt", "0123456789abcdef-x/a.b", "0123456789abcdef0/a.b", "zz/y.x", `${GENERATION}/snapshots/12.snapshot.lz4`, `${GENERATION}/wal/0.lz4`]) {
    await storage.create(joinKey(storagePrefix("generations"), name), bytes(1));
  }
  await client.writeSnapshot("fedcba9876543210", 0n, bytes(2));
  expect(await client.generations()).toEqual([GENERATION, "fedcba9876543210"]);
  expect(await all(client.snapshots(GENERATION))).toEqual([]);
  expect(await all(client.walSegments(GENERATION))).toEqual([]);
});

it("resolves a write whose answer was lost", async () => {
  const inner = memoryBackend();
  let calls = 0;
  const storage: StorageBackend = {
    ...delegate(inner),
    create: async (key, body, options) => {
      calls += 1;
      if (calls > 1) return inner.create(key, body, options);
      await inner.create(key, body, options);
      throw new StorageError("STORAGE_WRITE_FAILED", "the answer was lost", { operation: "create", outcome: "unknown" });
    },
  };
  const client = replicaClient({ storage, prefix: "", layout: "litestream-v0.4" });
  expect((await client.writeWalSegment(at(0n, 0n), bytes(5))).outcome).toBe("found");
  expect(calls).toBe(2);
});

it("gives up a write that stays unknown", async () => {
  const storage: StorageBackend = {
    ...delegate(memoryBackend()),
    create: () => Promise.reject(new StorageError("STORAGE_WRITE_FAILED", "no answer", { operation: "create", outcome: "unknown" })),
  };
  const client = replicaClient({ storage, prefix: "", layout: "native" });
  await expect(client.writeSnapshot(GENERATION, 0n, bytes(5))).rejects.toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "unknown" });
});

it.each(["", "x", "0123456789ABCDEF", "../0123456789abcdef", "0123456789abcdef0"])("takes %j for no generation", async (generation) => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "litestream-v0.4" });
  const refused = { code: "REPLICA_INVALID_ARGUMENT" };
  await expect(client.deleteGeneration(generation)).rejects.toMatchObject(refused);
  await expect(all(client.snapshots(generation))).rejects.toMatchObject(refused);
  await expect(all(client.walSegments(generation))).rejects.toMatchObject(refused);
  await expect(client.writeSnapshot(generation, 0n, bytes(1))).rejects.toMatchObject(refused);
  await expect(client.walSegmentReader(at(0n, 0n, generation))).rejects.toMatchObject(refused);
  await expect(client.deleteWalSegments([at(0n, 0n, generation)])).rejects.toMatchObject(refused);
});

it("accepts no more content than the caller does", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  await client.writeSnapshot(GENERATION, 0n, new Uint8Array(1 << 20));
  await expect(joined(await client.snapshotReader(GENERATION, 0n, { maxBytes: (1 << 20) - 1 }))).rejects.toMatchObject({ code: "REPLICA_TOO_LARGE" });
  expect((await joined(await client.snapshotReader(GENERATION, 0n, { maxBytes: 1 << 20 }))).length).toBe(1 << 20);
});
