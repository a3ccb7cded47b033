import { hasCode, storageKey } from "@holdfast/storage";
import { fsBackend } from "@holdfast/storage-fs";
import { mildAdversary, seededRandom, SimDisk, virtualClock } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { openRuntimeDirectory, openRuntimeStore, type RuntimeDirectoryOptions, type RuntimeStore } from "../src/index.js";
import { observeFiles } from "./support/files.js";
import { observe, shown } from "./support/model.js";

const AGENT = { intent: { kind: "assistant" }, profile: { kind: "runtime_default" } } as const;
const EVENTS = storageKey("runtimes/id-6167656e7473/events.jsonl");
const clock = virtualClock();
const random = seededRandom(1);

function newDisk(capacityBytes?: number): SimDisk {
  return new SimDisk({ profile: "ordered", adversary: mildAdversary, clock: { now: () => 0 }, capacityBytes });
}

/** The files follow only at checkpoints and at the end. */
function open(disk: SimDisk, options: Partial<RuntimeDirectoryOptions> = {}): Promise<RuntimeStore> {
  return openRuntimeDirectory("/data", { runtimeId: "agents", port: disk.port(), clock, random, projectEveryMs: 3_600_000, ...options });
}

/** A runtime with a worker, complete in its files, and then an input that is in none; its process has died. */
async function behind(): Promise<SimDisk> {
  const disk = newDisk();
  const store = await open(disk);
  await store.createWorker(AGENT);
  await store.checkpoint();
  await store.sendInput("worker-00000001", { role: "user", content: "not in the files" });
  return disk.crash({ kind: "process" });
}

/** Somebody writes an event of their own. */
async function writeBeside(disk: SimDisk): Promise<void> {
  await using storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
  const before = await storage.read(EVENTS);
  const line = Buffer.from('{"id":3,"kind":{"kind":"worker_created"},"message":"by somebody else"}\n');
  await storage.replace(EVENTS, Buffer.concat([before ?? new Uint8Array(0), line]));
}

async function filesOf(disk: SimDisk): Promise<unknown> {
  await using storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
  return shown(await observeFiles(storage, "agents"));
}

describe("files that somebody else changed", () => {
  it("are taken over where nothing was missing in them, and that is reported", async () => {
    const disk = newDisk();
    const first = await open(disk);
    await first.createWorker(AGENT);
    await first.close();
    await writeBeside(disk);
    const store = await open(disk);
    expect((await store.readEvents(store.cursorFromStart(), 10)).events.at(-1)).toMatchObject({ id: 3n, message: "by somebody else" });
    expect(store.diagnostics().map(({ code }) => code)).toContain("files.imported");
    await store.sendInput("worker-00000001", { role: "user", content: "and on" });
    const seen = shown(await observe(store));
    await store.close();
    expect(await filesOf(disk)).toEqual(seen);
    const again = await open(disk);
    expect(shown(await observe(again))).toEqual(seen);
    await again.close();
  });

  it("have diverged where something was, and nothing is changed", async () => {
    const disk = await behind();
    await writeBeside(disk);
    const before = [...disk.files()].filter(([path]) => !path.includes("/journal/"));
    await expect(open(disk)).rejects.toMatchObject({ code: "RUNTIME_DIVERGED", key: EVENTS, outcome: "not_applied" });
    expect([...disk.files()].filter(([path]) => !path.includes("/journal/"))).toEqual(before);
  });

  it("go where the journal is right", async () => {
    const disk = await behind();
    await writeBeside(disk);
    const store = await open(disk, { resolve: "journal" });
    expect((await store.readTranscript("worker-00000001", { start: 0, limit: 10 })).items).toHaveLength(1);
    const seen = shown(await observe(store));
    await store.close();
    expect(await filesOf(disk)).toEqual(seen);
    await (await open(disk)).close();
  });

  it("stay where they are right, and the input is given up", async () => {
    const disk = await behind();
    await writeBeside(disk);
    const store = await open(disk, { resolve: "files" });
    expect((await store.readTranscript("worker-00000001", { start: 0, limit: 10 })).items).toEqual([]);
    expect((await store.readEvents(store.cursorFromStart(), 10)).events.at(-1)).toMatchObject({ message: "by somebody else" });
    const seen = shown(await observe(store));
    await store.close();
    expect(await filesOf(disk)).toEqual(seen);
  });

  it("are written anew where all of them are gone", async () => {
    const disk = newDisk();
    const store = await open(disk);
    await store.createWorker(AGENT);
    const seen = shown(await observe(store));
    await store.close();
    await using storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
    await storage.remove([...disk.files()].flatMap(([path]) => (path.includes("/runtimes/") ? [storageKey(path.slice("/data/".length))] : [])));
    await (await open(disk)).close();
    expect(await filesOf(disk)).toEqual(seen);
  });
});

it("is not opened without its files, nor with files that it does not have", async () => {
  const disk = newDisk();
  await (await open(disk)).close();
  await using storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
  await expect(openRuntimeStore({ storage, runtimeId: "agents", clock, random })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
  await (await openRuntimeStore({ storage, runtimeId: "others", clock, random })).close();
  await expect(open(disk, { runtimeId: "others" })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT" });
});

it("survives a full disk in the middle of its files, and goes on when there is room", async () => {
  const disk = newDisk(1_200_000);
  const storage = await fsBackend({ root: "/data", port: disk.port(), clock, random });
  let store = await open(disk, { pageBytes: 65_536 });
  await store.createWorker(AGENT);
  await store.checkpoint();
  let acknowledged = 0;
  let refused: unknown;
  const content = "x".repeat(2000);
  while (refused === undefined) {
    // Little by little the journal takes all the room there is.
    await store.sendInput("worker-00000001", { role: "user", content }).then(
      () => (acknowledged += 1),
      (error: unknown) => (refused = error),
    );
    if (acknowledged === 20) await storage.create(storageKey("ballast.bin"), new Uint8Array(800_000));
  }
  expect(["STORAGE_FULL", "WAL_POISONED"].some((code) => hasCode(refused, code))).toBe(true);
  await expect(store.checkpoint()).rejects.toMatchObject({ outcome: expect.stringMatching(/not_applied|unknown/) as string });
  expect(store.health.lastProblem).toBeDefined();
  await closeWithoutRoom(store);
  // Opened without room it says if something does not show, and takes nothing.
  store = await open(disk, { pageBytes: 65_536 });
  expect(store.health.isBehind).toBe(store.getWorker("worker-00000001").transcriptLength < acknowledged);
  if (store.health.isBehind) await expect(store.createWorker(AGENT)).rejects.toMatchObject({ code: "RUNTIME_CONFLICT", retryable: false });
  await closeWithoutRoom(store);
  await storage.remove([storageKey("ballast.bin")]);
  store = await open(disk, { pageBytes: 65_536 });
  expect(store.getWorker("worker-00000001").transcriptLength).toBeGreaterThanOrEqual(acknowledged);
  await store.sendInput("worker-00000001", { role: "user", content: "there is room again" });
  expect((await store.readTranscript("worker-00000001", { start: 0, limit: 256 })).items.at(-1)).toMatchObject({ content: "there is room again" });
  await store.checkpoint();
  const seen = shown(await observe(store));
  await store.close();
  expect(await filesOf(disk)).toEqual(seen);
  await storage.close();
});

/** The journal may not have the room for its last mark. */
async function closeWithoutRoom(store: RuntimeStore): Promise<void> {
  await store.close().catch((error: unknown) => {
    expect(hasCode(error, "STORAGE_FULL"), String(error)).toBe(true);
  });
}
