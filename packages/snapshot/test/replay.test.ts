import type { StorageBackend } from "@holdfast/storage";
// What is built, since threads cannot load TypeScript.
import { jsonState, openStateStore, snapshotStore, type StateDefinition, type StateStore } from "@holdfast/snapshot";
import { storages } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";

const module = new URL("./support/tally.js", import.meta.url);

type Tally = Readonly<Record<string, number>>;
interface Word {
  readonly word: string;
}

const { definition, older } = (await import(module.href)) as { definition: StateDefinition<Tally, Word>; older: StateDefinition<Tally, string> };

/** States are not encoded in this thread. */
const codec = {
  state: {
    ...jsonState<Tally>(),
    encode: () => {
      throw new Error("encoded here");
    },
  },
};

const open = (storage: StorageBackend, name?: string): Promise<StateStore<Tally, Word>> =>
  openStateStore({ ...definition, codec, storage, prefix: "tally", snapshot: { replay: { module, ...(name === undefined ? {} : { name }) } } });

describe.each(storages)("on %s, snapshots that a worker builds", (_, fresh) => {
  it("hold the same state, from nothing, from the one before, and over an older version", async () => {
    const storage = await fresh();
    const first = await openStateStore({ ...older, storage, prefix: "tally" });
    await first.commit("old");
    await first.snapshot();
    await first.commit("old");
    await first.close();
    const store = await open(storage);
    const seqs = [];
    for (let round = 0; round < 3; round++) {
      await store.commitBatch([{ word: "a" }, { word: `b${round}` }, { word: "a" }]);
      seqs.push((await store.snapshot())?.seq);
    }
    expect(seqs).toEqual([5, 8, 11]);
    const { state } = store;
    expect(state).toEqual({ old: 2, a: 6, b0: 1, b1: 1, b2: 1 });
    await store.close();
    await using again = await open(storage);
    expect(again.state).toEqual(state);
    expect(again.health).toMatchObject({ replayedFrom: 11, replayedEvents: 0 });
  });

  it("are of the state when they were begun, whatever is committed meanwhile", async () => {
    const storage = await fresh();
    await using store = await open(storage);
    await store.commit({ word: "a" });
    const taking = store.snapshot();
    for (let count = 0; count < 20; count++) await store.commit({ word: "b" });
    expect((await taking)?.seq).toBe(1);
    const found = await snapshotStore({ storage, prefix: "tally" }).newest(async ({ body }) => jsonState<Tally>().decode(body));
    expect(found.found?.value).toEqual({ a: 1 });
  });
});

describe.each(storages.slice(0, 2))("on %s, snapshots", (_, fresh) => {
  it.each([
    ["refusing", /not this one/],
    ["ending", /exit code 3/],
    ["nothing", /no state definition/],
    ["absent", /no state definition/],
    ["older", /of version 1/],
  ])("that cannot be built (%s) stop no commit", async (name, reason) => {
    await using store = await open(await fresh(), name);
    await store.commit({ word: "a" });
    await expect(store.snapshot()).rejects.toMatchObject({ code: "SNAPSHOT_WORKER_FAILED", message: expect.stringMatching(reason) as unknown });
    expect(await store.commit({ word: "a" })).toBe(2);
    expect(store.health.lastError).toMatchObject({ operation: "snapshot", error: { code: "SNAPSHOT_WORKER_FAILED" } });
  });
});
