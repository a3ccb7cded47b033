import { fsBackend } from "@holdfast/storage-fs";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePath } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { localDirectories } from "../src/files/directory-access.js";
import { runtimePrefix } from "../src/files/layout.js";
import { readRuntimeFiles, type RuntimeFiles } from "../src/files/read-runtime-files.js";
import { whyNotId } from "../src/format/id-segment.js";
import type { EventRecord, TranscriptRecord } from "../src/format/model.js";
import { openRuntimeDirectory } from "../src/index.js";
import { collect } from "./support/collect.js";
import { place, vector, vectors, type Vector } from "./support/vectors.js";

interface Told {
  readonly runtime: RuntimeFiles["runtime"];
  readonly findings: RuntimeFiles["findings"];
  readonly events: readonly EventRecord[];
  readonly transcripts: ReadonlyMap<string, readonly TranscriptRecord[]>;
}

/** What the files tell; `undefined` where they cannot be used. */
async function tell(root: string, runtimeId: string): Promise<Told | undefined> {
  await using storage = await fsBackend({ root });
  const reading = await readRuntimeFiles({ storage, prefix: runtimePrefix(runtimeId), runtimeId, directories: localDirectories(root) });
  if (reading.kind !== "read") return undefined;
  const { files } = reading;
  const usable = files.workers.filter(({ transcriptFault }) => transcriptFault === undefined).map(({ record }) => record.workerRef.workerId);
  const transcripts = new Map<string, readonly TranscriptRecord[]>();
  for (const workerId of usable) transcripts.set(workerId, await collect(files.transcript(workerId)));
  return { runtime: files.runtime, findings: files.findings, events: await collect(files.events()), transcripts };
}

const readable = vectors.filter(({ runtimeId }) => whyNotId(runtimeId) === undefined);
const isEnd = ({ code }: RuntimeFiles["findings"][number]): boolean => code === "line_torn" || code === "line_unterminated" || code === "counter_behind" || code === "event_restored";

describe("a directory of the original, whatever has happened to it, goes on", () => {
  it.each(readable)("$name", async ({ runtimeId, ...its }: Vector) => {
    const root = freePath();
    place({ runtimeId, ...its }, root);
    const before = await tell(root, runtimeId);
    if (before === undefined) {
      await expect(openRuntimeDirectory(root, { runtimeId })).rejects.toMatchObject({ code: expect.stringMatching(/^RUNTIME_(?:CORRUPT|MISSING|UNSUPPORTED_VERSION)$/) as string });
      for (const [path, bytes] of its.files) expect(new Uint8Array(readFileSync(join(root, path)))).toEqual(bytes);
      return;
    }
    const store = await openRuntimeDirectory(root, { runtimeId });
    if (before.runtime.status === "stopped") {
      await expect(store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } })).rejects.toMatchObject({ code: "RUNTIME_STOPPED" });
      await store.close();
      return;
    }
    if (before.runtime.nextWorkerSequence === 2n ** 64n - 1n) {
      await expect(store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } })).rejects.toMatchObject({ code: "RUNTIME_EXHAUSTED" });
      await store.close();
      return;
    }
    const created = await store.createWorker({ intent: { kind: "assistant" }, profile: { kind: "runtime_default" } });
    expect(created.workerRef.workerId).toBe(`worker-${before.runtime.nextWorkerSequence.toString(16).padStart(8, "0")}`);
    expect(created.lastEventId).toBe(before.runtime.nextEventId);
    const receipt = await store.sendInput(created.workerRef, { role: "user", content: "more" });
    const diagnostics = store.diagnostics();
    await store.close();

    const after = await tell(root, runtimeId);
    expect(after?.events.slice(0, before.events.length)).toEqual(before.events);
    expect(after?.events.slice(before.events.length).map(({ id, kind }) => [id, kind])).toEqual([
      [created.lastEventId, "worker_created"],
      [receipt.eventId, "worker_input_accepted"],
    ]);
    for (const [workerId, entries] of before.transcripts) expect(after?.transcripts.get(workerId)).toEqual(entries);
    expect(after?.transcripts.get(created.workerRef.workerId)?.map(({ content }) => content)).toEqual(["more"]);
    // Ends and counters are as they should be; damage is where it was.
    expect(after?.findings.filter(isEnd)).toEqual([]);
    // Nothing is reported twice.
    const again = await openRuntimeDirectory(root, { runtimeId });
    expect(again.diagnostics()).toEqual(diagnostics);
    await again.close();
  });

  it("with diagnostics that say what was found", async () => {
    const root = freePath();
    place(vector("events-torn-tail"), root);
    const store = await openRuntimeDirectory(root, { runtimeId: "runtime-golden" });
    const found = store.diagnostics().slice(4);
    await store.close();
    expect(found.map(({ id, severity, code, message }) => [id, severity, code, message])).toEqual([
      [5n, "warning", "files.line_torn", expect.stringContaining("events.jsonl: line 10: the text ends inside a string")],
      [6n, "warning", "files.lines_lost", expect.stringContaining("event 10 is lost")],
    ]);
  });
});
