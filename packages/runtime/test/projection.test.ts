import { memoryBackend, storageKey, type StorageBackend, type StorageKey } from "@holdfast/storage";
import { describe, expect, it } from "vitest";
import { applyProjection } from "../src/files/apply-projection.js";
import { changedFiles, foreignChanges } from "../src/files/inspect-projection.js";
import { runtimePrefix } from "../src/files/layout.js";
import { prepareProjection, type ProjectionBatch } from "../src/files/prepare-projection.js";
import { readRuntimeFiles } from "../src/files/read-runtime-files.js";
import { repairTails } from "../src/files/repair-tails.js";
import { writeRuntimeFiles } from "../src/files/write-runtime-files.js";
import { filesIn, PREFIX, ProjectedRuntime } from "./support/projected.js";
import { vector, vectors, type Vector } from "./support/vectors.js";

const EVENTS = storageKey(`${PREFIX}events.jsonl`);
const RUNTIME = storageKey(`${PREFIX}runtime.json`);
const WORKER = `${PREFIX}workers/id-776f726b65722d3030303030303031`;
const TRANSCRIPT = storageKey(`${WORKER}/transcript.jsonl`);

/** A runtime in files, and the next batch, which is not in them. */
async function projected(): Promise<{ readonly storage: StorageBackend; readonly runtime: ProjectedRuntime; readonly batch: ProjectionBatch }> {
  const storage = memoryBackend();
  const runtime = new ProjectedRuntime();
  runtime.create();
  runtime.input(0, "one");
  const first = prepareProjection(PREFIX, new Map(), runtime.takeChanges());
  await applyProjection(first, { storage });
  runtime.input(0, "two");
  return { storage, runtime, batch: prepareProjection(PREFIX, first.after, runtime.takeChanges()) };
}

async function appendTo(storage: StorageBackend, key: StorageKey, text: string): Promise<void> {
  const file = await storage.appendable?.open(key, { mode: "continue" });
  await file?.append(Buffer.from(text));
  await file?.close();
}

const FOREIGN_EVENT = '{"id":4,"kind":{"kind":"worker_created"},"message":"by somebody else"}\n';

describe("what somebody else changed", () => {
  const changes: readonly (readonly [what: string, key: StorageKey, change: (storage: StorageBackend) => Promise<unknown>])[] = [
    ["a line more", EVENTS, (storage) => appendTo(storage, EVENTS, FOREIGN_EVENT)],
    ["a line more in a transcript", TRANSCRIPT, (storage) => appendTo(storage, TRANSCRIPT, '{"sequence":2,"worker_ref":{}}\n')],
    ["another runtime.json", RUNTIME, (storage) => storage.replace(RUNTIME, Buffer.from("{}"))],
    ["one of the same length", RUNTIME, async (storage) => storage.replace(RUNTIME, Buffer.from(Buffer.from((await storage.read(RUNTIME)) ?? []).toString().replace("running", "stopped")))],
    ["a file that is gone", TRANSCRIPT, (storage) => storage.remove([TRANSCRIPT])],
    ["a worker more", storageKey(`${PREFIX}workers/id-78/worker.json`), (storage) => storage.create(storageKey(`${PREFIX}workers/id-78/worker.json`), Buffer.from("{}"))],
  ];

  it.each(changes)("is seen: %s", async (_, key, change) => {
    const { storage, batch } = await projected();
    expect(await changedFiles(storage, PREFIX, batch.before)).toEqual([]);
    await change(storage);
    expect(await changedFiles(storage, PREFIX, batch.before)).toEqual([key]);
    expect(await foreignChanges(storage, PREFIX, batch)).toEqual([key]);
  });

  it("is not seen in files that are none of the four, nor in what this package itself did", async () => {
    const { storage, batch } = await projected();
    await storage.create(storageKey(`${PREFIX}journal/segment/00000000000000000000.wal`), Buffer.from("x"));
    await storage.create(storageKey(`${PREFIX}workers/notes.txt`), Buffer.from("x"));
    await appendTo(storage, EVENTS, '{"id":3,"wor');
    expect(await foreignChanges(storage, PREFIX, batch)).toEqual([]);
    await applyProjection(batch, { storage });
    expect(await changedFiles(storage, PREFIX, batch.after)).toEqual([]);
    expect(await foreignChanges(storage, PREFIX, batch)).toEqual([]);
  });

  it.each<readonly [what: string, key: StorageKey, change: (storage: StorageBackend) => Promise<unknown>]>([
    ["a line more", EVENTS, (storage) => appendTo(storage, EVENTS, FOREIGN_EVENT)],
    ["another length", RUNTIME, (storage) => storage.replace(RUNTIME, Buffer.from("{}"))],
  ])("is not overwritten: %s", async (_, key, change) => {
    const { storage, batch } = await projected();
    await change(storage);
    const found = await storage.read(key);
    await expect(applyProjection(batch, { storage })).rejects.toMatchObject({ code: "RUNTIME_DIVERGED", key, outcome: "not_applied" });
    expect(await storage.read(key)).toEqual(found);
  });

  it("is not overwritten: a worker that is not known", async () => {
    const storage = memoryBackend();
    const key = storageKey(`${WORKER}/worker.json`);
    await storage.create(key, Buffer.from("somebody else's"));
    const runtime = new ProjectedRuntime();
    runtime.create();
    const batch = prepareProjection(PREFIX, new Map(), runtime.takeChanges());
    await expect(applyProjection(batch, { storage })).rejects.toMatchObject({ code: "RUNTIME_DIVERGED", key });
    expect(Buffer.from((await storage.read(key)) ?? []).toString()).toBe("somebody else's");
  });
});

describe("writing", () => {
  it("is refused where objects do not grow", async () => {
    const { batch } = await projected();
    await using storage = memoryBackend({ appendable: false });
    await expect(applyProjection(batch, { storage })).rejects.toMatchObject({ code: "RUNTIME_INVALID_ARGUMENT", outcome: "not_applied" });
  });

  it("may be done again", async () => {
    const { storage, runtime, batch } = await projected();
    await applyProjection(batch, { storage });
    await applyProjection(batch, { storage });
    expect(await filesIn(storage)).toEqual(runtime.files());
  });

  it("is stopped by a signal", async () => {
    const { storage, batch } = await projected();
    const reason = new Error("enough");
    await expect(applyProjection(batch, { storage, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await changedFiles(storage, PREFIX, batch.before)).toEqual([]);
  });

  it("asks for a removed worker's directory to be removed, and makes what yoi needs", async () => {
    const { storage, runtime, batch } = await projected();
    await applyProjection(batch, { storage });
    runtime.remove(0);
    const next = prepareProjection(PREFIX, batch.after, runtime.takeChanges());
    const emptied: string[] = [];
    await applyProjection(next, { storage, directories: { entries: () => Promise.resolve(undefined), stamps: () => Promise.resolve([]), removeEmpty: async (it) => void emptied.push(it) } });
    expect(emptied).toEqual([`${WORKER}/`]);
    expect([...(await filesIn(storage)).keys()]).toEqual([EVENTS, RUNTIME]);
    const fresh = prepareProjection(PREFIX, new Map(), { runtime: runtime.runtime, workers: [], events: [], entries: [], deletedWorkers: [] });
    expect(fresh.steps.map(({ key }) => key)).toEqual([RUNTIME, EVENTS]);
  });
});

/** The files of a case, where their names are keys. */
async function stored({ files }: Vector): Promise<StorageBackend> {
  const storage = memoryBackend();
  for (const [path, bytes] of files) if (!/\/[.][^/]*$|stray-file$/.test(path)) await storage.create(storageKey(path), bytes);
  return storage;
}

describe("a directory of the original", () => {
  const sound = vectors.filter(({ byOriginal, load, name }) => byOriginal && load.status === "ok" && name !== "event-id-max" && name !== "event-gaps-dups");

  it.each(sound)("is written anew to the byte: $name", async (its) => {
    await using storage = await stored(its);
    const prefix = runtimePrefix(its.runtimeId);
    const reading = await readRuntimeFiles({ storage, prefix, runtimeId: its.runtimeId });
    if (reading.kind !== "read") throw new Error(reading.kind);
    const { files } = reading;
    expect(await changedFiles(storage, prefix, files.marks)).toEqual([]);
    await using copy = memoryBackend();
    const runtime = files.repairs.runtime === undefined ? files.runtime : original(its);
    const marks = await writeRuntimeFiles({ ...files, runtime, workers: files.workers.map(({ record }) => record), events: () => files.events(), transcript: (id) => files.transcript(id) }, { storage: copy, prefix });
    for (const [path, bytes] of its.files) expect([path, Buffer.from((await copy.read(storageKey(path))) ?? []).toString()]).toEqual([path, Buffer.from(bytes).toString()]);
    expect([...marks.keys()].sort()).toEqual([...its.files.keys()].sort());
    expect(await changedFiles(copy, prefix, marks)).toEqual([]);

    /** Where counters were set right: as they stood. */
    function original({ load }: Vector): typeof files.runtime {
      const { next_event_id: nextEventId, next_worker_sequence: nextWorkerSequence } = load.state as { readonly next_event_id: bigint; readonly next_worker_sequence: bigint };
      return { ...files.runtime, nextEventId, nextWorkerSequence };
    }
  });

  it.each(["events-torn-tail", "events-no-final-newline", "transcript-torn-tail"])("gets a new line behind a repaired end: %s", async (name) => {
    await using storage = await stored(vector(name));
    const options = { storage, prefix: runtimePrefix("runtime-golden"), runtimeId: "runtime-golden" };
    const before = await readRuntimeFiles(options);
    if (before.kind !== "read" || storage.appendable === undefined) throw new Error(before.kind);
    const { tails, marks, runtime, workers, eventCount } = before.files;
    expect(tails.length).toBe(1);
    await repairTails(storage.appendable, tails);
    await repairTails(storage.appendable, tails);
    expect(await changedFiles(storage, options.prefix, marks)).toEqual([]);
    const [worker] = workers;
    if (worker === undefined) throw new Error("no worker");
    const { workerRef, nextTranscriptSequence } = worker.record;
    const batch = prepareProjection(options.prefix, marks, {
      runtime,
      workers: [],
      events: [{ id: runtime.nextEventId, kind: "worker_input_accepted", message: "more" }],
      entries: [{ sequence: nextTranscriptSequence, workerRef, role: "user", content: "more", eventId: runtime.nextEventId }],
      deletedWorkers: [],
    });
    await applyProjection(batch, { storage });
    const after = await readRuntimeFiles(options);
    if (after.kind !== "read") throw new Error(after.kind);
    expect(after.files.eventCount).toBe(eventCount + 1);
    expect(after.files.workers[0]?.transcriptLength).toBe(worker.transcriptLength + 1);
    expect(after.files.findings.filter(({ code }) => code.startsWith("line_"))).toEqual([]);
  });

  it("is not repaired once somebody else has changed it", async () => {
    await using storage = await stored(vector("events-torn-tail"));
    const options = { storage, prefix: runtimePrefix("runtime-golden"), runtimeId: "runtime-golden" };
    const reading = await readRuntimeFiles(options);
    if (reading.kind !== "read" || storage.appendable === undefined) throw new Error(reading.kind);
    const [tail] = reading.files.tails;
    if (tail === undefined) throw new Error("no tail");
    await appendTo(storage, tail.key, FOREIGN_EVENT);
    const found = await storage.read(tail.key);
    await expect(repairTails(storage.appendable, [tail])).rejects.toMatchObject({ code: "RUNTIME_DIVERGED", key: tail.key });
    expect(await storage.read(tail.key)).toEqual(found);
  });
});
