import { hasCode, memoryBackend, storageKey, storagePrefix, systemClock, type StorageBackend } from "@holdfast/storage";
import { describe, expect, expectTypeOf, it } from "vitest";
import { openRuntimeReader, openRuntimeStore, type RuntimeEvent, type RuntimeStoreOptions } from "../src/index.js";
import { observeFiles } from "./support/files.js";
import { schemas, type OwnEvents } from "./support/history.js";
import { observe, shown } from "./support/model.js";

const AGENT = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } } as const;
const PREFIX = "holdfast/id-6167656e7473";

function open(storage: StorageBackend, options: Partial<RuntimeStoreOptions> = {}): ReturnType<typeof openRuntimeStore> {
  return openRuntimeStore({ storage, runtimeId: "agents", ...options });
}

describe("ids", () => {
  it.each(["..", "a/b/../c", "\0", "__proto__", "constructor", "日本語/😀", " spaced ", "UPPER", "x".repeat(126)].map(titled))("may be $title, of a runtime", async ({ id: runtimeId }) => {
    const storage = memoryBackend();
    for (const events of [2, 3]) {
      await using store = await open(storage, { runtimeId });
      await store.createWorker(AGENT);
      expect(store.summary()).toMatchObject({ runtimeId, workerCount: events - 1 });
    }
  });

  it.each(["", "  ", "\u0085", "x".repeat(127), "é".repeat(64), "x".repeat(10_000), "\ud800"].map(titled))("may not be $title, and nothing is touched", async ({ id: runtimeId }) => {
    const storage = memoryBackend();
    await expect(open(storage, { runtimeId })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT", outcome: "not_applied" });
    await expect(openRuntimeReader({ storage, runtimeId })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
    expect(await keys(storage, "")).toEqual([]);
  });

  it.each(["..", "__proto__", "toString", "", "\ud800", "x".repeat(10_000)].map(titled))("of a worker that is not there: $title", async ({ id: worker }) => {
    await using store = await open(memoryBackend());
    expect(() => store.getWorker(worker)).toThrow(expect.objectContaining({ code: "RUNTIME_WORKER_NOT_FOUND" }));
    await expect(store.readTranscript(worker, { start: 0, limit: 1 })).rejects.toMatchObject({ code: "RUNTIME_WORKER_NOT_FOUND" });
    await expect(store.sendInput(worker, { role: "user", content: "x" })).rejects.toMatchObject({ code: "RUNTIME_WORKER_NOT_FOUND" });
  });
});

describe("what is out of bounds", () => {
  it("is refused: cursors, limits, positions", async () => {
    await using store = await open(memoryBackend(), { limits: { maxEventBatchItems: 2, maxTranscriptProjectionItems: 2 } });
    const { workerRef } = await store.createWorker(AGENT);
    const cursor = store.cursorFromStart();
    await expect(store.readEvents({ ...cursor, runtimeId: "other" }, 1)).rejects.toMatchObject({ code: "RUNTIME_WRONG_CURSOR", message: "cursor belongs to runtime other, not runtime agents" });
    await expect(store.readEvents(cursor, 3)).rejects.toMatchObject({ code: "RUNTIME_LIMIT_TOO_LARGE", message: "limit 3 exceeds maximum 2" });
    for (const limit of [-1, 0.5, NaN, Infinity]) await expect(store.readEvents(cursor, limit)).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
    for (const nextEventId of [-1n, 2n ** 64n]) await expect(store.readEvents({ ...cursor, nextEventId }, 1)).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
    await expect(store.readTranscript(workerRef, { start: -1, limit: 1 })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
    await expect(store.readTranscript(workerRef, { start: 0, limit: 3 })).rejects.toMatchObject({ code: "RUNTIME_LIMIT_TOO_LARGE" });
    await expect(store.trimEvents(4n)).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
  });

  it("is refused: content, and nothing is written", async () => {
    await using store = await open(memoryBackend(), { maxContentBytes: 10 });
    const { workerRef } = await store.createWorker(AGENT);
    const before = store.cursorNow();
    for (const content of ["x".repeat(11), "é".repeat(6), "half \ud800"]) {
      await expect(store.sendInput(workerRef, { role: "user", content })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT", outcome: "not_applied" });
    }
    await store.sendInput(workerRef, { role: "user", content: "é".repeat(5) });
    expect(store.cursorNow().nextEventId).toBe(before.nextEventId + 1n);
  });

  it.each(["", " \u0085"])("is refused: an input without a role, %j, and nothing is written", async (role) => {
    const storage = memoryBackend();
    await using store = await open(storage);
    const { workerRef } = await store.createWorker(AGENT);
    const before = store.cursorNow();
    const refused = { code: "RUNTIME_INVALID_REQUEST", operation: "sendInput", outcome: "not_applied", message: "invalid request: worker input role must not be empty" };
    await expect(store.sendInput(workerRef, { role, content: "x" })).rejects.toMatchObject(refused);
    expect(store.cursorNow()).toEqual(before);
    expect((await store.readTranscript(workerRef, { start: 0, limit: 1 })).items).toEqual([]);
  });

  it("is refused: options", async () => {
    for (const options of [{ pageBytes: 1 }, { maxContentBytes: 0 }, { maxDiagnostics: 0 }, { limits: { maxEventBatchItems: -1 } }, { limits: { maxEventBatchItems: 2n ** 64n } }]) {
      await expect(open(memoryBackend(), options)).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
    }
    await expect(open(memoryBackend(), { prefix: "../up" })).rejects.toMatchObject({ code: "STORAGE_INVALID_KEY" });
  });

  it("keeps the newest diagnostics", async () => {
    const storage = memoryBackend();
    await using store = await open(storage, { maxDiagnostics: 3 });
    for (let worker = 0; worker < 4; worker++) await store.createWorker(AGENT);
    expect(store.diagnostics().map(({ id }) => id)).toEqual([6n, 7n, 8n]);
  });
});

describe("one runtime", () => {
  it("has one writer", async () => {
    const storage = memoryBackend();
    const store = await open(storage);
    await expect(open(storage)).rejects.toMatchObject({ code: "STORAGE_LOCKED" });
    await store.close();
  });

  it("fences the writer before, where there are no locks", async () => {
    const storage = memoryBackend({ appendable: false });
    const old = await open(storage, { pageBytes: 4096 });
    const { workerRef } = await old.createWorker(AGENT);
    const taken = await open(storage, { pageBytes: 4096 });
    for (let turn = 0; turn < 60; turn++) await taken.sendInput(workerRef, { role: "user", content: "x".repeat(100) });
    await expect(old.sendInput(workerRef, { role: "user", content: "late" })).rejects.toMatchObject({ code: "WAL_FENCED" });
    // What it does at its end takes nothing from the other.
    await old.checkpoint().catch((error: unknown) => {
      expect(hasCode(error, "WAL_FENCED")).toBe(true);
    });
    await old.close();
    await taken.checkpoint();
    expect((await taken.readTranscript(workerRef, { start: 0, limit: 256 })).items).toHaveLength(60);
    expect((await taken.readEvents(taken.cursorFromStart(), 256)).events).toHaveLength(62);
    await taken.close();
  });

  it("is not that of another id", async () => {
    const storage = memoryBackend();
    await (await open(storage, { prefix: "shared" })).close();
    await expect(open(storage, { prefix: "shared", runtimeId: "others" })).rejects.toMatchObject({ code: "RUNTIME_WRONG_RUNTIME" });
  });

  it("goes on behind a mutation that no commit has room for, also while one before it is on its way", async () => {
    await using store = await open(memoryBackend());
    const { workerRef } = await store.createWorker(AGENT);
    const before = store.sendInput(workerRef, { role: "user", content: "before" });
    const large = store.appendTranscript(workerRef, Array.from({ length: 17 }, () => ({ role: "user", content: "x".repeat(2 ** 20) })));
    const built = store.sendInput(workerRef, { role: "user", content: "built on it" });
    await expect(large).rejects.toMatchObject({ code: "WAL_TOO_LARGE" });
    const behind = store.sendInput(workerRef, { role: "user", content: "behind" });
    await expect(built).rejects.toMatchObject({ code: "RUNTIME_CONFLICT", retryable: true });
    expect([(await before).transcriptSequence, (await behind).transcriptSequence]).toEqual([1n, 2n]);
  });

  it("does not mind a clock that goes back", async () => {
    const storage = memoryBackend();
    for (const now of [5000, 4000, 3000]) {
      await using store = await open(storage, { clock: { ...systemClock, now: () => now } });
      await store.createWorker(AGENT);
      await store.checkpoint();
    }
    await using store = await open(storage);
    expect(store.summary().workerCount).toBe(3);
  });

  it("refuses everything once it is closed", async () => {
    const store = await open(memoryBackend());
    await store.close();
    await store.close();
    await expect(store.createWorker(AGENT)).rejects.toMatchObject({ code: "RUNTIME_CLOSED", outcome: "not_applied" });
    await expect(store.readEvents(store.cursorFromStart(), 1)).rejects.toMatchObject({ code: "RUNTIME_CLOSED" });
  });
});

describe("payloads", () => {
  it("are typed by their schemas, and checked both ways", async () => {
    const storage = memoryBackend();
    await using store = await openRuntimeStore({ storage, runtimeId: "agents", schemas });
    const id = await store.appendEvent({ kind: "tool_called", payload: { tool: "ls" } });
    const wrong: unknown = { tool: 7 };
    await expect(store.appendEvent({ kind: "tool_called", payload: wrong as OwnEvents["tool_called"] })).rejects.toMatchObject({
      code: "RUNTIME_INVALID_REQUEST",
      message: "invalid request: the schema refuses the payload at tool",
    });
    const { events } = await store.readEvents({ runtimeId: "agents", nextEventId: id }, 10);
    expect(events).toHaveLength(1);
    for (const event of events) {
      expectTypeOf(event).toEqualTypeOf<RuntimeEvent<OwnEvents>>();
      if (event.kind === "tool_called") expectTypeOf(event.payload.tool).toEqualTypeOf<string>();
    }
    expect(events[0]).toMatchObject({ kind: "tool_called", payload: { tool: "ls" } });
  });

  it("show as what they are where there is no schema for them", async () => {
    const storage = memoryBackend();
    const store = await openRuntimeStore({ storage, runtimeId: "agents", schemas });
    const { workerRef } = await store.createWorker(AGENT);
    await store.appendTranscript(workerRef, [{ role: "tool", content: "", payload: { tokens: 3 } }], { kind: "tool_called", payload: { tool: "ls" } });
    await store.close();
    await using plain = await open(storage);
    const { events } = await plain.readEvents(plain.cursorFromStart(), 10);
    expect(events.at(-1)).toMatchObject({ kind: "unrecognised", ownKind: "tool_called", payload: { tool: "ls" } });
    const { items } = await plain.readTranscript(workerRef, { start: 0, limit: 1 });
    expect(items[0]).toMatchObject({ role: "tool", unrecognisedPayload: { tokens: 3 } });
  });

  it("cannot have a kind that every runtime has", async () => {
    const taken = { events: { worker_created: schemas.events?.tool_called } } as RuntimeStoreOptions["schemas"];
    await expect(open(memoryBackend(), { schemas: taken })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
  });
});

describe("damage", () => {
  async function filled(): Promise<{ readonly storage: StorageBackend; readonly seen: unknown }> {
    const storage = memoryBackend();
    await using store = await openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096, schemas });
    const { workerRef } = await store.createWorker(AGENT);
    for (let turn = 0; turn < 90; turn++) {
      await store.sendInput(workerRef, { role: "user", content: "x".repeat(100) });
      if (turn % 30 === 20) await store.checkpoint();
    }
    return { storage, seen: shown(await observe(store)) };
  }

  it("of the newest snapshot is passed over for the one before, with nothing lost", async () => {
    const { storage, seen } = await filled();
    await harm(storage, `${PREFIX}/state/`);
    await using store = await openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096, schemas });
    expect(shown(await observe(store))).toEqual(seen);
    expect(store.health.skipped).toEqual([expect.objectContaining({ code: "RUNTIME_CORRUPT", key: expect.stringContaining(".state") as string })]);
    // And of that one as well, once there is another.
    await store.createWorker(AGENT);
    await store.checkpoint();
    await store.createWorker(AGENT);
    await store.checkpoint();
    const now = shown(await observe(store));
    await store.close();
    await harm(storage, `${PREFIX}/state/`);
    await using again = await openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096, schemas });
    expect(shown(await observe(again))).toEqual(now);
  });

  it("of all snapshots is told, and removes nothing", async () => {
    const { storage } = await filled();
    const before = await keys(storage, `${PREFIX}/`);
    for (const key of await keys(storage, `${PREFIX}/state/`)) await harm(storage, key);
    await expect(open(storage)).rejects.toMatchObject({ code: "RUNTIME_CORRUPT", key: expect.stringContaining(".state") as string });
    expect(await keys(storage, `${PREFIX}/`)).toEqual(before);
  });

  it("of a page is told by the queries that need it", async () => {
    const { storage } = await filled();
    const [page] = await keys(storage, `${PREFIX}/events/`);
    await harm(storage, page ?? "", 100);
    await using store = await open(storage, { pageBytes: 4096 });
    const cursor = store.cursorFromStart();
    await expect(store.readEvents(cursor, 1)).rejects.toMatchObject({ code: "RUNTIME_CORRUPT", key: page, offset: 64 });
    expect((await store.readEvents({ ...cursor, nextEventId: store.cursorNow().nextEventId - 1n }, 1)).events).toHaveLength(1);
    expect((await store.readTranscript("worker-00000001", { start: 0, limit: 90 })).items).toHaveLength(90);
  });

  it("of a page that is gone is told as well", async () => {
    const { storage } = await filled();
    const [page] = await keys(storage, `${PREFIX}/transcripts/`);
    await storage.remove([storageKey(page ?? "")]);
    await using store = await open(storage, { pageBytes: 4096 });
    await expect(store.readTranscript("worker-00000001", { start: 0, limit: 1 })).rejects.toMatchObject({ code: "RUNTIME_MISSING", key: page });
  });
});

it("is exported to files of yoi, from a storage without append to another", async () => {
  const storage = memoryBackend({ appendable: false });
  await using store = await openRuntimeStore({ storage, runtimeId: "agents", pageBytes: 4096, schemas });
  const { workerRef } = await store.createWorker(AGENT);
  for (let turn = 0; turn < 50; turn++) {
    await store.sendInput(workerRef, { role: "user", content: `turn ${turn}`, payload: { tokens: turn } });
    if (turn === 30) await store.checkpoint();
  }
  await store.trimEvents(10n);
  const seen = shown(await observe(store));
  const target = memoryBackend();
  // What comes while it is written is not in it.
  await Promise.all([store.exportFiles({ storage: target }), store.sendInput(workerRef, { role: "user", content: "late" })]);
  expect(shown(await observeFiles(target, "agents"))).toEqual(seen);
});

describe("what was trimmed and deleted", () => {
  it("leaves nothing behind", async () => {
    const storage = memoryBackend();
    await using store = await open(storage, { pageBytes: 4096 });
    const kept = await store.createWorker(AGENT);
    await store.sendInput(kept.workerRef, { role: "user", content: "kept" });
    for (let round = 0; round < 20; round++) {
      const { workerRef } = await store.createWorker(AGENT);
      for (let turn = 0; turn < 20; turn++) await store.sendInput(workerRef, { role: "user", content: "x".repeat(200) });
      await store.stopWorker(workerRef);
      await store.deleteWorker(workerRef);
      await store.trimEvents(store.cursorNow().nextEventId);
      await store.checkpoint();
    }
    await store.createWorker(AGENT);
    await store.checkpoint();
    await store.createWorker(AGENT);
    await store.checkpoint();
    let bytes = 0;
    for (const key of await keys(storage, `${PREFIX}/`)) bytes += (await storage.stat(storageKey(key)))?.size ?? 0;
    // 20 rounds of more than 4 KB each went through it.
    expect(bytes).toBeLessThan(15_000);
    let journal = 0;
    for await (const { size } of storage.list(storagePrefix(`${PREFIX}/journal/segment`))) journal += size;
    expect(journal).toBeLessThan(70_000);
    expect((await store.readTranscript(kept.workerRef, { start: 0, limit: 10 })).items).toHaveLength(1);
    expect(store.cursorNow().nextEventId).toBeGreaterThan(400n);
  });
});

/** Short enough for a title. */
function titled(id: string): { readonly id: string; readonly title: string } {
  return { id, title: `${JSON.stringify(id.slice(0, 20))} (${id.length})` };
}

async function keys(storage: StorageBackend, below: string): Promise<readonly string[]> {
  if (below.includes(".")) return [below];
  const found: string[] = [];
  for await (const { key } of storage.list(storagePrefix(below))) if (!key.includes("/journal/")) found.push(key);
  return found;
}

/** Changes a bit of the last object there, so many bytes from its beginning, or in its middle. */
async function harm(storage: StorageBackend, below: string, at?: number): Promise<void> {
  const key = storageKey((await keys(storage, below)).at(-1) ?? "");
  const bytes = await storage.read(key);
  if (bytes === undefined) throw new Error(`${key} is not there`);
  const place = at ?? bytes.length >> 1;
  bytes[place] = (bytes[place] ?? 0) ^ 0x10;
  await storage.replace(key, bytes);
}
