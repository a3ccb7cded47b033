import { memoryBackend, memoryDisk, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { openRuntimeStore } from "../src/index.js";

/* On object storage a removal may arrive late, when its answer was lost: it must not find another object under the name. */

it("a name that was removed is never given to another object", async () => {
  const disk = memoryDisk();
  const created: string[] = [];
  const inner = memoryBackend({ disk, appendable: false });
  const storage: StorageBackend = {
    ...delegate(inner),
    async create(key, ...args) {
      const entry = await inner.create(key, ...args);
      created.push(key);
      return entry;
    },
  };
  for (let life = 0; life < 4; life++) {
    await using store = await openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096 });
    for (let round = 0; round < 4; round++) {
      const { workerRef } = await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
      await store.sendInput(workerRef, { role: "user", content: "x" });
      if (round === 0) await store.checkpoint();
      await store.stopWorker(workerRef);
      await store.deleteWorker(workerRef);
      await store.trimEvents(store.cursorNow().nextEventId);
      await store.checkpoint();
    }
    // Nothing is kept, so there are no pages.
    expect(store.health.pages).toBe(0);
  }
  expect(created.filter((key, index) => created.indexOf(key) !== index)).toEqual([]);
});
