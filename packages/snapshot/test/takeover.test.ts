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

it.each(Array.from({ length: 12 }, (_, index) => index + 1))("a store that is taken over in call %i of its opening is told so, and not that anything is damaged", async (call) => {
  const storage = newPlace();
  await using before = await open(storage(), 1);
  for (const event of [1, 2, 3]) await before.commit(event);
  let calls = 0;
  let other: StateStore<readonly number[], number> | undefined;
  const meddle = async (): Promise<void> => {
    calls += 1;
    if (calls !== call) return;
    other = await open(storage(), 1);
    for (const event of [4, 5, 6]) {
      await other.commit(event);
      await other.snapshot();
    }
  };
  const late = await open(meddled(storage(), meddle), 1).catch((error: unknown) => error);
  if (late instanceof Error) expect(late).toMatchObject({ code: "WAL_FENCED", outcome: "not_applied", retryable: true });
  else await (late as StateStore<readonly number[], number>).close();
  await other?.close();
  await using last = await open(storage(), 1);
  expect(last.state).toEqual(other === undefined ? [1, 2, 3] : [1, 2, 3, 4, 5, 6]);
});

/** Something happens before each call. */
function meddled(plain: StorageBackend, meddle: () => Promise<void>): StorageBackend {
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await meddle();
    return run();
  };
  return {
    name: plain.name,
    appendable: undefined,
    read: (...args) => call(() => plain.read(...args)),
    stream: (...args) => call(() => plain.stream(...args)),
    stat: (...args) => call(() => plain.stat(...args)),
    create: (...args) => call(() => plain.create(...args)),
    replace: (...args) => call(() => plain.replace(...args)),
    async *list(...args) {
      await meddle();
      yield* plain.list(...args);
    },
    remove: (...args) => call(() => plain.remove(...args)),
    close: () => plain.close(),
    [Symbol.asyncDispose]: () => plain.close(),
  };
}
