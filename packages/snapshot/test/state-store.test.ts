import { storageKey, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { virtualClock } from "@holdfast/storage-sim";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { delegate, storages } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { openStateStore, snapshotStore, type StateStore, type StateStoreOptions } from "../src/index.js";

interface Ledger {
  readonly total: number;
  readonly names: readonly string[];
}
interface Entry {
  readonly name: string;
  readonly amount: number;
}

const ledger: Pick<StateStoreOptions<Ledger, Entry>, "initial" | "apply" | "prefix"> = {
  prefix: "ledger",
  initial: { total: 0, names: [] },
  apply: ({ total, names }, { name, amount }) => {
    if (total + amount < 0) throw new RangeError("overdrawn");
    return { total: total + amount, names: [...names, name] };
  },
};

describe.each(storages)("a state store on %s", (_, fresh) => {

  it("keeps what was committed, in order", async () => {
    const storage = await fresh();
    const store = await openStateStore({ ...ledger, storage });
    expect([store.seq, store.state]).toEqual([0, ledger.initial]);
    expect(await Promise.all([store.commit({ name: "a", amount: 1 }), store.commit({ name: "b", amount: 2 })])).toEqual([1, 2]);
    expect(await store.commitBatch([{ name: "c", amount: 3 }, { name: "d", amount: 4 }])).toEqual({ first: 3, last: 4 });
    expect(await store.update(({ total }) => ({ name: "e", amount: total }))).toBe(5);
    expect(await store.update(() => undefined)).toBeUndefined();
    expect([store.seq, store.state]).toEqual([5, { total: 20, names: ["a", "b", "c", "d", "e"] }]);
    await store.close();
    await using again = await openStateStore({ ...ledger, storage });
    expect([again.seq, again.state]).toEqual([5, { total: 20, names: ["a", "b", "c", "d", "e"] }]);
    expect(again.health).toMatchObject({ replayedFrom: 0, replayedEvents: 5, snapshotsSkipped: [], lastError: undefined });
  });

  it("writes nothing of what the reducer refuses, and goes on", async () => {
    await using store = await openStateStore({ ...ledger, storage: await fresh() });
    await store.commit({ name: "a", amount: 1 });
    const calls = [store.commit({ name: "b", amount: 1 }), store.commit({ name: "c", amount: -9 }), store.commit({ name: "d", amount: 1 })];
    const results = await Promise.allSettled(calls);
    expect(results.map((it) => (it.status === "fulfilled" ? it.value : (it.reason as { code: string }).code))).toEqual([2, "STATE_EVENT_REJECTED", 3]);
    await expect(store.commitBatch([{ name: "e", amount: 5 }, { name: "f", amount: -99 }])).rejects.toMatchObject({
      code: "STATE_EVENT_REJECTED",
      outcome: "not_applied",
      cause: new RangeError("overdrawn"),
    });
    expect(store.state).toEqual({ total: 3, names: ["a", "b", "d"] });
  });

  it("shows durable state only, and gives the pending one to update", async () => {
    await using store = await openStateStore({ ...ledger, storage: await fresh() });
    const committing = store.commit({ name: "a", amount: 7 });
    expect([store.seq, store.state.total]).toEqual([0, 0]);
    const updating = store.update(({ total }) => ({ name: "b", amount: total }));
    expect(await Promise.all([committing, updating])).toEqual([1, 2]);
    expect(store.state.total).toBe(14);
  });

  it("applies what a replay will read, and not what it was given", async () => {
    const storage = await fresh();
    const options = { storage, prefix: "x", initial: "", apply: (_: string, event: unknown) => JSON.stringify(typeof (event as { at: unknown }).at) };
    const store = await openStateStore<string, unknown>(options);
    await store.commit({ at: new Date(0) });
    const before = store.state;
    await store.close();
    await using again = await openStateStore<string, unknown>(options);
    expect([before, again.state]).toEqual(['"string"', '"string"']);
  });

  it("opens from a snapshot, trims the log below the oldest that is kept, and removes older ones", async () => {
    const storage = await fresh();
    const store = await openStateStore({ ...ledger, storage, snapshot: { keep: 2 } });
    const taken = [];
    for (let round = 0; round < 4; round++) {
      for (let index = 0; index < 5; index++) await store.commit({ name: `${round}.${index}`, amount: 1 });
      taken.push((await store.snapshot())?.seq);
    }
    expect(taken).toEqual([5, 10, 15, 20]);
    expect((await store.snapshot())?.seq).toBe(20);
    await store.commit({ name: "last", amount: 1 });
    const { state } = store;
    await store.close();
    expect((await entriesOf(storage)).map(({ seq }) => seq)).toEqual([15, 20]);
    await using again = await openStateStore({ ...ledger, storage });
    expect(again.health).toMatchObject({ replayedFrom: 20, replayedEvents: 1 });
    expect(again.state).toEqual(state);
  });

  it("falls back to the snapshot before, which has its events behind it", async () => {
    const storage = await fresh();
    const state = await withSnapshots(storage, [5, 10, 15]);
    await spoil(storage, 15);
    const found: unknown[] = [];
    const listen = (event: unknown): void => void found.push(event);
    subscribe("holdfast:snapshot:unreadable", listen);
    await using again = await openStateStore({ ...ledger, storage });
    unsubscribe("holdfast:snapshot:unreadable", listen);
    expect(again.state).toEqual(state);
    expect(again.health.replayedFrom).toBe(10);
    expect(again.health.snapshotsSkipped).toMatchObject([{ snapshot: { seq: 15 }, error: { code: "SNAPSHOT_CORRUPT" } }]);
    expect(found).toMatchObject([{ snapshot: { seq: 15 } }]);
    // And what is unreadable neither counts nor goes.
    await again.commit({ name: "x", amount: 1 });
    await again.snapshot();
    expect((await entriesOf(storage)).map(({ seq }) => seq)).toEqual([10, 15, 16]);
  });

  it("refuses to open when no readable snapshot has its events behind it", async () => {
    const storage = await fresh();
    await withSnapshots(storage, [5, 10, 15]);
    await spoil(storage, 15);
    await spoil(storage, 10);
    await expect(openStateStore({ ...ledger, storage })).rejects.toMatchObject({ code: "SNAPSHOT_GAP", cause: { code: "SNAPSHOT_CORRUPT" } });
    await expect(openStateStore({ ...ledger, storage })).rejects.toMatchObject({ code: "SNAPSHOT_GAP" });
  });

  it("goes on behind a snapshot whose log is gone, and refuses if a newer one cannot be read", async () => {
    const storage = await fresh();
    const state = await withSnapshots(storage, [5, 10]);
    await removeLog(storage);
    await using store = await openStateStore({ ...ledger, storage });
    expect([store.seq, store.state]).toEqual([10, state]);
    expect(await store.commit({ name: "n", amount: 1 })).toBe(11);
    await store.close();
    const again = await openStateStore({ ...ledger, storage });
    expect(again.seq).toBe(11);
    await again.close();
    await removeLog(storage);
    await spoil(storage, 10);
    await expect(openStateStore({ ...ledger, storage })).rejects.toMatchObject({ code: "SNAPSHOT_GAP" });
  });

  it("begins with a state that was put there as a snapshot of nothing, and removes it like any other", async () => {
    const storage = await fresh();
    const snapshots = snapshotStore({ storage, prefix: "ledger" });
    await snapshots.write(0, new TextEncoder().encode('{"total":7,"names":["before"]}'), { version: 1 });
    const open = (): Promise<StateStore<Ledger, Entry>> => openStateStore({ ...ledger, storage, snapshot: { keep: 2 } });
    const first = await open();
    expect([first.seq, first.state, first.health.replayedFrom]).toEqual([0, { total: 7, names: ["before"] }, 0]);
    await first.commit({ name: "a", amount: 1 });
    await first.close();
    const kept: (readonly number[])[] = [];
    for (let round = 0; round < 3; round++) {
      const store = await open();
      expect(store.state.total).toBe(8 + round);
      await store.commit({ name: "b", amount: 1 });
      await store.snapshot();
      kept.push((await entriesOf(storage)).map(({ seq }) => seq));
      await store.close();
    }
    expect(kept).toEqual([[0, 2], [2, 3], [3, 4]]);
  });

  it("refuses a log that ends before a snapshot", async () => {
    const storage = await fresh();
    await withSnapshots(storage, [5]);
    await snapshotStore({ storage, prefix: "ledger" }).write(9, new TextEncoder().encode("{}"));
    await expect(openStateStore({ ...ledger, storage })).rejects.toMatchObject({ code: "SNAPSHOT_AHEAD_OF_LOG", seq: 9 });
  });

  it("refuses a snapshot of another log", async () => {
    const storage = await fresh();
    await withSnapshots(storage, [5]);
    await snapshotStore({ storage, prefix: "ledger" }).write(5, new TextEncoder().encode('{"total":-1,"names":[]}'), { logId: "ab".repeat(16) });
    await expect(openStateStore({ ...ledger, storage })).rejects.toMatchObject({ code: "SNAPSHOT_OF_ANOTHER_LOG" });
  });

  it("makes snapshots by itself, by bytes and by time, and a failing one stops no commit", async () => {
    const storage = await fresh();
    const clock = virtualClock();
    const store = await openStateStore({ ...ledger, storage, clock, snapshot: { everyBytes: 1024, everyMs: 60_000 } });
    await store.commit({ name: "x".repeat(2000), amount: 1 });
    // Made, and what it made superfluous is gone: only then does the time count again.
    await settled(() => Promise.resolve(store.health.lastSnapshot?.seq === 1));
    await store.commit({ name: "y", amount: 1 });
    await clock.advance(59_999);
    expect((await entriesOf(storage)).map(({ seq }) => seq)).toEqual([1]);
    await clock.advance(1);
    await settled(async () => (await entriesOf(storage)).length === 2);
    await store.close();

    const failing: StorageBackend = { ...delegate(storage), create: (key, ...rest) => (key.endsWith(".snap") ? Promise.reject(new Error("no")) : storage.create(key, ...rest)) };
    const problems: unknown[] = [];
    const listen = (event: unknown): void => void problems.push(event);
    subscribe("holdfast:state:problem", listen);
    const again = await openStateStore({ ...ledger, storage: failing, clock, snapshot: { everyBytes: 1024 } });
    await again.commit({ name: "z".repeat(2000), amount: 1 });
    await settled(async () => problems.length === 1);
    unsubscribe("holdfast:state:problem", listen);
    expect(again.health.lastError?.operation).toBe("snapshot");
    expect(await again.commit({ name: "w", amount: 1 })).toBe(4);
    await expect(again.snapshot()).rejects.toThrow();
    await again.close();
  });

  it("migrates events and states of older versions, and refuses newer ones", async () => {
    const storage = await fresh();
    const first = await openStateStore<number, number>({ storage, prefix: "v", initial: 0, apply: (state, event) => state + event });
    await first.commit(5);
    await first.snapshot();
    await first.commit(7);
    await first.close();
    const second = { storage, prefix: "v", initial: { sum: 0 }, version: 2, apply: (state: { sum: number }, { add }: { add: number }) => ({ sum: state.sum + add }) };
    await expect(openStateStore(second)).rejects.toMatchObject({ code: "STATE_UNSUPPORTED_VERSION" });
    const migrateState = (state: unknown): { sum: number } => ({ sum: state as number });
    await expect(openStateStore({ ...second, migrateState })).rejects.toMatchObject({ code: "STATE_UNSUPPORTED_VERSION", seq: 2 });
    const migrations = { migrateState, migrate: (event: unknown, from: number) => ({ add: (event as number) * from }) };
    const store = await openStateStore({ ...second, ...migrations });
    expect(store.state).toEqual({ sum: 12 });
    await store.commit({ add: 1 });
    await store.snapshot();
    await store.close();
    await expect(openStateStore<number, number>({ storage, prefix: "v", initial: 0, apply: (state, event) => state + event })).rejects.toMatchObject({
      code: "STATE_UNSUPPORTED_VERSION",
    });
  });

  it("tells how far a replay is", async () => {
    const storage = await fresh();
    await withSnapshots(storage, [5], 3);
    const steps: unknown[] = [];
    await using store = await openStateStore({ ...ledger, storage, onProgress: (progress) => void steps.push(progress) });
    expect(steps).toEqual([6, 7, 8].map((seq) => ({ fromSeq: 5, seq, toSeq: 8 })));
    expect(store.seq).toBe(8);
  });

  it("finds reducers that change what they are given, in development", async () => {
    const apply = (state: { list: number[] }, event: number): { list: number[] } => {
      state.list.push(event);
      return state;
    };
    await using store = await openStateStore({ storage: await fresh(), prefix: "m", initial: { list: [] as number[] }, apply, development: true });
    await expect(store.commit(1)).rejects.toMatchObject({ code: "STATE_EVENT_REJECTED", cause: expect.any(TypeError) as unknown });
  });

  it("refuses commits from within the reducer, answers that are no state, and events without a text", async () => {
    let answer: (state: number) => unknown = (state) => state + 1;
    const inner: Promise<unknown>[] = [];
    const store: StateStore<number, unknown> = await openStateStore<number, unknown>({ storage: await fresh(), prefix: "m", initial: 0, apply: (state) => answer(state) as number });
    answer = (state) => {
      answer = (it) => it + 1;
      inner.push(store.commit(1));
      return state + 1;
    };
    await expect(store.commit(1)).rejects.toMatchObject({ code: "STATE_CONFLICT", outcome: "not_applied" });
    expect(await Promise.all(inner)).toEqual([1]);
    for (const bad of [() => undefined, () => Promise.reject(new Error("late"))]) {
      answer = bad;
      await expect(store.commit(1)).rejects.toMatchObject({ code: "STATE_EVENT_REJECTED" });
    }
    await expect(store.commit(10n)).rejects.toMatchObject({ code: "STATE_CODEC_FAILED", outcome: "not_applied" });
    await expect(store.commitBatch([])).rejects.toMatchObject({ code: "SNAPSHOT_INVALID_ARGUMENT" });
    expect(store.state).toBe(1);
    await store.close();
    await expect(store.commit(1)).rejects.toMatchObject({ code: "STATE_CLOSED" });
    await expect(store.snapshot()).rejects.toMatchObject({ code: "STATE_CLOSED" });
  });

  it("drops what was built on a commit that was not written, and goes on", async () => {
    await using store = await openStateStore({ ...ledger, storage: await fresh(), log: { maxCommitBytes: 4096 } });
    const results = await Promise.allSettled([
      store.commit({ name: "a", amount: 1 }),
      store.commit({ name: "b".repeat(9000), amount: 10 }),
      store.commit({ name: "c", amount: 100 }),
    ]);
    expect(results.map((it) => (it.status === "fulfilled" ? it.value : (it.reason as { code: string }).code))).toEqual([1, "WAL_TOO_LARGE", "STATE_CONFLICT"]);
    expect(await store.commit({ name: "d", amount: 1000 })).toBe(2);
    expect(store.state).toEqual({ total: 1001, names: ["a", "d"] });
  });
});

async function withSnapshots(storage: StorageBackend, seqs: readonly number[], more = 0): Promise<Ledger> {
  const store = await openStateStore({ ...ledger, storage });
  for (const seq of seqs) {
    while (store.seq < seq) await store.commit({ name: String(store.seq), amount: 1 });
    await store.snapshot();
  }
  for (let index = 0; index < more; index++) await store.commit({ name: "more", amount: 1 });
  const { state } = store;
  await store.close();
  return state;
}

async function entriesOf(storage: StorageBackend): Promise<readonly { readonly seq: number; readonly key: string }[]> {
  const found = [];
  for await (const entry of snapshotStore({ storage, prefix: "ledger" }).list()) found.push(entry);
  return found;
}

async function spoil(storage: StorageBackend, seq: number): Promise<void> {
  const entry = (await entriesOf(storage)).find((it) => it.seq === seq)!;
  const bytes = (await storage.read(storageKey(entry.key)))!;
  bytes[bytes.length - 1]! ^= 1;
  await storage.replace(storageKey(entry.key), bytes);
}

async function removeLog(storage: StorageBackend): Promise<void> {
  const keys = [];
  for await (const { key } of storage.list(storagePrefix("ledger/log"))) keys.push(key);
  await storage.remove(keys);
}

/** Waits until it is so, by turns of the event loop. */
async function settled(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 10_000; turn++) {
    if (await isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it never became so");
}
