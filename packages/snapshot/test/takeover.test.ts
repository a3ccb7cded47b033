import { memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { expect, it } from "vitest";
import { openStateStore, snapshotStore, type StateStore } from "../src/index.js";

/* On object storage a store is taken over while its writer still runs. */

const newPlace = (): (() => StorageBackend) => {
  const disk = memoryDisk();
  return () => memoryBackend({ disk, appendable: false });
};

const open = (storage: StorageBackend, keep: number): Promise<StateStore<readonly number[], number>> =>
  openStateStore<readonly number[], number>({ storage, prefix: "s", initial: [], apply: (state, event) => [...state, event], snapshot: { keep }, log: { packObjects: 2 } });

it("a writer that was superseded commits nothing more, and its snapshots harm nobody", async () => {
  const storage = newPlace();
  const before = await open(storage(), 2);
  for (const event of [1, 2, 3]) await before.commit(event);
  const after = await open(storage(), 2);
  await after.commit(4);
  await after.snapshot();
  expect((await before.snapshot())?.seq).toBe(3);
  await expect(before.commit(99)).rejects.toMatchObject({ code: "WAL_FENCED" });
  await expect(before.commit(99)).rejects.toMatchObject({ code: "WAL_FENCED", outcome: "not_applied" });
  expect(before.state).toEqual([1, 2, 3]);
  for (const event of [5, 6]) {
    await after.commit(event);
    await after.snapshot();
  }
  await before.close();
  await after.close();
  await using last = await open(storage(), 2);
  expect([last.state, last.health.replayedFrom, last.health.snapshotsSkipped]).toEqual([[1, 2, 3, 4, 5, 6], 6, []]);
});

it("a store that is opened while the writer before replaces its snapshots looks again", async () => {
  const storage = newPlace();
  const before = await open(storage(), 1);
  for (const event of [1, 2, 3]) await before.commit(event);
  await before.snapshot();
  for (const event of [4, 5]) await before.commit(event);
  const plain = storage();
  let meddled = 0;
  const meddling: StorageBackend = {
    ...plain,
    name: plain.name,
    appendable: undefined,
    stream: (...args) => plain.stream(...args),
    stat: (...args) => plain.stat(...args),
    create: (...args) => plain.create(...args),
    replace: (...args) => plain.replace(...args),
    list: (...args) => plain.list(...args),
    remove: (...args) => plain.remove(...args),
    close: () => plain.close(),
    [Symbol.asyncDispose]: () => plain.close(),
    async read(key, options) {
      if (key.endsWith(".snap") && meddled === 0) {
        meddled += 1;
        await before.snapshot();
      }
      return plain.read(key, options);
    },
  };
  await using after = await open(meddling, 1);
  expect([after.state, after.health.replayedFrom, meddled]).toEqual([[1, 2, 3, 4, 5], 5, 1]);
  const left = [];
  for await (const { seq } of snapshotStore({ storage: plain, prefix: "s" }).list()) left.push(seq);
  expect(left).toEqual([5]);
  await before.close();
});
