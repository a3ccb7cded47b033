import { hasCode, memoryBackend } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRuntimeReader, openRuntimeStore, type RuntimeEvent, type RuntimeQueries, type RuntimeReader, type RuntimeReaderOptions } from "../src/index.js";
import { schemas, type OwnEvents, type OwnMessage } from "./support/history.js";
import { observe } from "./support/model.js";

const AGENT = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } } as const;

/** A reader, as soon as the first record shows: in files some milliseconds later. */
async function openReader(options: RuntimeReaderOptions<OwnEvents, OwnMessage>): Promise<RuntimeReader<OwnEvents, OwnMessage>> {
  for (;;) {
    try {
      return await openRuntimeReader(options);
    } catch (error) {
      if (!hasCode(error, "RUNTIME_MISSING")) throw error;
      expect(error.retryable).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** So many events that follow one another from the first on, and then no more. */
async function follow(source: RuntimeQueries<OwnEvents, OwnMessage>, count: number): Promise<readonly RuntimeEvent<OwnEvents>[]> {
  const found: RuntimeEvent<OwnEvents>[] = [];
  for await (const event of source.followEvents()) {
    found.push(event);
    if (found.length === count) break;
  }
  return found;
}

describe.each([
  ["memory", true],
  ["memory without append", false],
])("a reader on %s", (_, appendable) => {
  it("follows a writer through checkpoints, and shows what it shows", async () => {
    const storage = memoryBackend({ appendable });
    const store = await openRuntimeStore({ storage, runtimeId: "agents", schemas, pageBytes: 4096 });
    const reader = await openReader({ storage, runtimeId: "agents", schemas, pollMs: 1 });
    const following = follow(reader, 203);
    const { workerRef } = await store.createWorker(AGENT);
    for (let turn = 0; turn < 200; turn++) {
      await store.sendInput(workerRef, { role: "user", content: `turn ${turn}`, payload: { tokens: turn } });
      if (turn % 50 === 0) await store.checkpoint();
    }
    await store.appendEvent({ kind: "tool_called", payload: { tool: "ls" } });
    const events = await following;
    expect(events.map(({ id }) => id)).toEqual(Array.from({ length: 203 }, (_unused, index) => BigInt(index + 1)));
    expect(events.at(-1)).toMatchObject({ kind: "tool_called", payload: { tool: "ls" } });
    expect(await observe(reader)).toEqual(await observe(store));
    expect(reader.failure).toBeUndefined();
    await store.close();
    await reader.close();
  });

  it("goes on with a query whose pages were replaced", async () => {
    const storage = memoryBackend({ appendable });
    const store = await openRuntimeStore({ storage, runtimeId: "agents", schemas, pageBytes: 4096 });
    const { workerRef } = await store.createWorker(AGENT);
    await store.checkpoint();
    const reader = await openRuntimeReader({ storage, runtimeId: "agents", schemas, pollMs: 60_000 });
    for (let turn = 0; turn < 20; turn++) {
      await store.sendInput(workerRef, { role: "user", content: `turn ${turn}` });
      await store.checkpoint();
    }
    // It did not look yet, and the pages that it knows are gone.
    expect(await observe(reader)).toEqual(await observe(store));
    await store.close();
    await reader.close();
  });
});

it("refuses what is not there", async () => {
  const reader = openRuntimeReader({ storage: memoryBackend(), runtimeId: "agents" });
  await expect(reader).rejects.toMatchObject({ code: "RUNTIME_MISSING" });
});

it("follows a writer in a directory until it is closed", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-runtime-"));
  try {
    await using storage = await fsBackend({ root });
    await using store = await openRuntimeStore({ storage, runtimeId: "agents", schemas });
    await using reader = await openReader({ storage, runtimeId: "agents", schemas, pollMs: 5 });
    const following = follow(reader, Infinity);
    const { workerRef } = await store.createWorker(AGENT);
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.sendInput(workerRef, { role: "user", content: `turn ${index}` })));
    expect((await follow(reader, 52)).at(-1)?.id).toBe(52n);
    await reader.close();
    expect(await following).toHaveLength(52);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
