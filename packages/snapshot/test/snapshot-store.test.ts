import { memoryBackend, type StorageBackend } from "@holdfast/storage";
import { virtualClock } from "@holdfast/storage-sim";
import { storages } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { snapshotStore, type OpenSnapshot, type SnapshotEntry, type SnapshotStore } from "../src/index.js";

describe.each(storages)("snapshots on %s", (_, open) => {
  it("gives back what was written, of any length", async () => {
    await using storage = await open();
    const snapshots = snapshotStore({ storage, prefix: "a" });
    for (const [seq, length] of [0, 1, 262_143, 262_144, 262_145, 1_000_000].entries()) {
      const content = filled(length);
      const entry = await snapshots.write(seq, content, { logId: "0123456789abcdef".repeat(2), version: 7 });
      const found = await snapshots.at(seq);
      expect(found?.info).toMatchObject({ ...entry, logId: "0123456789abcdef".repeat(2), version: 7 });
      expect(Buffer.compare(await allOf(found), content)).toBe(0);
    }
    expect((await listed(snapshots)).map(({ seq, number }) => [seq, number])).toEqual([0, 1, 2, 3, 4, 5].map((seq) => [seq, seq + 1]));
    expect(await snapshots.at(9)).toBeUndefined();
  });

  it("never gives a name twice, and answers the newest of a sequence number", async () => {
    await using storage = await open();
    const snapshots = snapshotStore({ storage, prefix: "a" });
    await snapshots.write(5, filled(10));
    await snapshots.write(5, filled(20));
    await snapshots.write(4, filled(30));
    expect((await listed(snapshots)).map(({ seq, number }) => [seq, number])).toEqual([[4, 3], [5, 1], [5, 2]]);
    expect((await allOf(await snapshots.at(5))).length).toBe(20);
    const { kept, removed } = await snapshots.retain({ keep: 1 });
    expect([kept.map(({ number }) => number), removed.map(({ number }) => number)]).toEqual([[2], [1, 3]]);
    await snapshots.write(6, filled(1));
    expect((await listed(snapshots)).map(({ number }) => number)).toEqual([2, 3]);
  });

  it("writes a source in bounded memory, and tells what it throws", async () => {
    await using storage = await open();
    const snapshots = snapshotStore({ storage, prefix: "a" });
    let open_ = 0;
    const pieces = (async function* () {
      for (let index = 0; index < 40; index++) {
        open_ += 1;
        yield filled(50_000 + index);
      }
    })();
    await snapshots.write(1, { open: () => pieces });
    expect(open_).toBe(40);
    expect((await allOf(await snapshots.at(1))).length).toBe(40 * 50_000 + 780);
    const broken = new Error("no more");
    await expect(
      snapshots.write(2, {
        open: async function* () {
          yield filled(300_000);
          throw broken;
        },
      }),
    ).rejects.toBe(broken);
    expect((await listed(snapshots)).map(({ seq }) => seq)).toEqual([1]);
  });

  it("falls back to the one before, and leaves what it cannot read", async () => {
    await using storage = await open();
    const snapshots = snapshotStore({ storage, prefix: "a" });
    for (const seq of [1, 2, 3, 4]) await snapshots.write(seq, filled(seq * 100_000));
    const entries = await listed(snapshots);
    await damage(storage, entries[3], 200_000);
    await damage(storage, entries[2], 3);
    const found = await snapshots.newest(async (snapshot) => (await allOf(snapshot)).length);
    expect(found.found).toMatchObject({ value: 200_000, info: { seq: 2 } });
    expect(found.skipped.map(({ snapshot, error }) => [snapshot.seq, (error as { code: string }).code])).toEqual([[4, "SNAPSHOT_CORRUPT"], [3, "SNAPSHOT_CORRUPT"]]);
    const { kept, removed, skipped } = await snapshotStore({ storage, prefix: "a" }).retain({ keep: 1 });
    expect([kept, removed, skipped].map((all) => all.map((it) => ("snapshot" in it ? it.snapshot.seq : it.seq)))).toEqual([[2], [1], [4, 3]]);
    expect((await listed(snapshots)).map(({ seq }) => seq)).toEqual([2, 3, 4]);
  });
});

it("takes a clock as it is: with fractions, and before 1970", async () => {
  const clock = virtualClock({ startMs: 1234.75 });
  const snapshots = snapshotStore({ storage: memoryBackend(), prefix: "a", clock });
  await snapshots.write(1, filled(1));
  clock.step(-9999);
  await snapshots.write(2, filled(1));
  expect([(await snapshots.at(1))?.info.createdAtMs, (await snapshots.at(2))?.info.createdAtMs]).toEqual([1234, 0]);
});

it("refuses arguments that are none", async () => {
  const snapshots = snapshotStore({ storage: memoryBackend(), prefix: "a" });
  for (const call of [
    () => snapshots.write(-1, filled(1)),
    () => snapshots.write(1.5, filled(1)),
    () => snapshots.write(1, filled(1), { version: 2 ** 32 }),
    () => snapshots.write(1, filled(1), { logId: "0".repeat(32) }),
    () => snapshots.write(1, filled(1), { logId: "x" }),
    () => snapshots.retain({ keep: 0 }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: "SNAPSHOT_INVALID_ARGUMENT", outcome: "not_applied" });
  }
  expect(() => snapshotStore({ storage: memoryBackend(), prefix: "../x" })).toThrow(expect.objectContaining({ code: "STORAGE_INVALID_KEY" }));
});

function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

async function allOf(snapshot: OpenSnapshot | undefined): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of snapshot?.body ?? []) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function listed(snapshots: SnapshotStore): Promise<readonly SnapshotEntry[]> {
  const entries: SnapshotEntry[] = [];
  for await (const entry of snapshots.list()) entries.push(entry);
  return entries;
}

async function damage(storage: StorageBackend, entry: SnapshotEntry | undefined, offset: number): Promise<void> {
  const bytes = entry === undefined ? undefined : await storage.read(entry.key);
  if (entry === undefined || bytes === undefined) throw new Error("there is nothing to damage");
  bytes[offset]! ^= 1;
  await storage.replace(entry.key, bytes);
}
