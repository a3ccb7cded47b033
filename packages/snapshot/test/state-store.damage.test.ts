import { HoldfastError, storageKey, type StorageBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, parsePlan, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { storages } from "@holdfast/test-worlds";
import { afterAll, describe, expect, it } from "vitest";
import { openStateStore, snapshotStore, type SnapshotEntry, type StateStore, type StateStoreOptions } from "../src/index.js";

const root = await mkdtemp(join(tmpdir(), "holdfast-damage-"));
afterAll(() => rm(root, { recursive: true, force: true }));

const sum: Omit<StateStoreOptions<number, number>, "storage"> = { prefix: "sum", initial: 0, apply: (state, event) => state * 2 + event };

/** Two snapshots, of 3 and of 6, and two events behind them. */
async function filled(storage: StorageBackend, keep = 2): Promise<number> {
  await using store = await openStateStore({ ...sum, storage, snapshot: { keep } });
  for (let event = 1; event <= 8; event++) {
    await store.commit(event);
    if (event === 3 || event === 6) await store.snapshot();
  }
  return store.state;
}

async function entriesOf(storage: StorageBackend): Promise<readonly SnapshotEntry[]> {
  const entries = [];
  for await (const entry of snapshotStore({ storage, prefix: "sum" }).list()) entries.push(entry);
  return entries;
}

describe.each(storages)("a state store on %s, whose snapshots are harmed", (_, fresh) => {
  it("shows the same state, for every bit of the newest one and wherever it is cut", async () => {
    const storage = await fresh();
    const state = await filled(storage);
    const newest = (await entriesOf(storage)).at(-1)!;
    const bytes = (await storage.read(newest.key))!;
    const harmed: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at++) {
      harmed.push(bytes.slice(0, at));
      // Two bits of each byte here; the format's own test has them all.
      for (const bit of [at & 7, (at * 3 + 1) & 7]) harmed.push(bytes.with(at, bytes[at]! ^ (1 << bit)));
    }
    for (const [index, damage] of harmed.entries()) {
      await storage.replace(newest.key, damage);
      const store = await openStateStore({ ...sum, storage });
      expect({ index, state: store.state, from: store.health.replayedFrom }).toEqual({ index, state, from: 3 });
      expect(store.health.snapshotsSkipped).toMatchObject([{ snapshot: { seq: 6 }, error: { code: "SNAPSHOT_CORRUPT", key: newest.key } }]);
      await store.close();
      expect(await storage.read(newest.key)).toEqual(damage);
    }
  });

  it("refuses to show any, if the log alone does not make it", async () => {
    const storage = await fresh();
    await filled(storage, 1);
    const [only] = await entriesOf(storage);
    await storage.replace(only!.key, new Uint8Array(50));
    await expect(openStateStore({ ...sum, storage })).rejects.toMatchObject({ code: "SNAPSHOT_GAP", key: only!.key, cause: { code: "SNAPSHOT_CORRUPT", offset: 0 } });
    expect((await entriesOf(storage)).map(({ key }) => key)).toEqual([only!.key]);
  });

  it("does not open over a snapshot of a newer format, or one under another's name", async () => {
    const storage = await fresh();
    await filled(storage);
    const [older, newest] = await entriesOf(storage);
    const bytes = (await storage.read(older!.key))!;
    await storage.replace(newest!.key, bytes);
    await using store = await openStateStore({ ...sum, storage });
    expect(store.health).toMatchObject({ replayedFrom: 3, snapshotsSkipped: [{ error: { code: "SNAPSHOT_CORRUPT", offset: 0 } }] });
  });

  it("tells a codec that refuses a sound snapshot, or an event, from damage", async () => {
    const storage = await fresh();
    await filled(storage);
    const state = {
      name: "picky",
      encode: () => [new Uint8Array(1)],
      decode: () => Promise.reject(new Error("not mine")),
    };
    await expect(openStateStore({ ...sum, storage, codec: { state } })).rejects.toMatchObject({ code: "STATE_CODEC_FAILED", seq: 6 });
    const event = {
      name: "picky",
      encode: () => new Uint8Array(1),
      decode: () => {
        throw new Error("not mine");
      },
    };
    await expect(openStateStore({ ...sum, storage, codec: { event } })).rejects.toMatchObject({ code: "STATE_CODEC_FAILED", seq: 7 });
    const apply = (): number => {
      throw new Error("changed my mind");
    };
    await expect(openStateStore({ ...sum, storage, apply })).rejects.toMatchObject({ code: "STATE_REPLAY_FAILED", seq: 7 });
    const typed = (): number => {
      throw new HoldfastError("MINE", "changed my mind", { operation: "apply" });
    };
    await expect(openStateStore({ ...sum, storage, apply: typed })).rejects.toMatchObject({ code: "STATE_REPLAY_FAILED", seq: 7, cause: { code: "MINE" } });
  });

  it("takes back a codec's early stop: what it did not read is checked all the same", async () => {
    const storage = await fresh();
    const state = await filled(storage);
    const newest = (await entriesOf(storage)).at(-1)!;
    const bytes = (await storage.read(newest.key))!;
    await storage.replace(newest.key, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
    const early = {
      name: "early",
      encode: () => [],
      decode: async (pieces: AsyncIterable<Uint8Array>): Promise<number> => {
        for await (const piece of pieces) return Number(Buffer.from(piece).toString());
        return -1;
      },
    };
    await using store = await openStateStore({ ...sum, storage, codec: { state: early } });
    expect([store.state, store.health.replayedFrom]).toEqual([state, 3]);
  });
});

describe("in a directory", () => {
  it("nothing that is not a snapshot is taken for one or touched", async () => {
    const directory = join(root, "strange");
    await using storage = await fsBackend({ root: directory });
    const state = await filled(storage);
    const [older, newest] = await entriesOf(storage);
    const at = (key: string): string => join(directory, key);
    const later = dirname(at(newest!.key));
    await mkdir(join(later, "00000000000000000007-00000000000000000009.snap"));
    await storage.create(storageKey("sum/snapshot/readme.txt"), new Uint8Array(3));
    const before = (await readdir(later)).sort();
    const outcome = await openStateStore({ ...sum, storage }).then(
      async (store: StateStore<number, number>) => {
        const shown = store.state;
        await store.close();
        return shown;
      },
      (error: unknown) => (error as { code: string }).code,
    );
    expect(outcome).toBe(state);
    expect((await readdir(later)).sort()).toEqual(before);
    expect(older).toBeDefined();
  });

  it("a snapshot that is a link is refused, and nothing is read through it", async () => {
    const directory = join(root, "link");
    await using storage = await fsBackend({ root: directory });
    await filled(storage);
    const [, newest] = await entriesOf(storage);
    const path = join(directory, newest!.key);
    await rm(path);
    await symlink("/etc/hostname", path);
    await expect(openStateStore({ ...sum, storage })).rejects.toMatchObject({ code: "STORAGE_UNSAFE_PATH" });
  });
});

it("falls back where the disk cannot read a sector of the newest snapshot", async () => {
  const clock = virtualClock();
  const disk = new SimDisk({ profile: "posix", adversary: mildAdversary, clock });
  const storage = await fsBackend({ root: "/data", port: disk.port(), clock, random: seededRandom(1) });
  const state = await filled(storage);
  const newest = (await entriesOf(storage)).at(-1)!;
  for (const fault of parsePlan(`read[*${newest.key.slice(-30)}]#1=unreadable`)) disk.addFault(fault);
  await using store = await openStateStore({ ...sum, storage, clock, random: seededRandom(2) });
  expect(store.state).toBe(state);
  expect(store.health).toMatchObject({ replayedFrom: 3, snapshotsSkipped: [{ error: { code: "STORAGE_READ_FAILED" } }] });
});
