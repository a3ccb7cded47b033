import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePath } from "@holdfast/test-worlds";
import { describe, expect, it } from "vitest";
import { idSegment, whyNotId } from "../src/format/id-segment.js";
import { openRuntimeDirectory } from "../src/index.js";
import { AskedRuntime, setLimits, textOf, type Fields } from "./support/original-runtime.js";
import { place, vector, vectors, type Answer, type Json } from "./support/vectors.js";

/** Steps of the original's public interface; others wrote single files, or damaged them. */
const PUBLIC = new Set(["open", "create_worker", "send_input", "stop_worker", "cancel_worker", "stop_runtime", "summary", "list_workers", "worker_detail", "diagnostics", "rt_read_events", "rt_transcript"]);

describe("what the original did, step by step, has the same answers and the same files", () => {
  const scripted = vectors.filter(({ script, runtimeId }) => script.length > 0 && whyNotId(runtimeId) === undefined && script.every((step) => PUBLIC.has(textOf(step, "op"))));

  it("and there are such scripts", () => {
    expect(scripted.length).toBeGreaterThanOrEqual(12);
  });

  it.each(scripted)("$name", async ({ script, scriptResults, runtimeId, files, byOriginal }) => {
    const root = freePath();
    const runtime = new AskedRuntime(root, runtimeId);
    for (const [index, step] of script.entries()) {
      expect({ step, answer: await runtime.run(step) }).toEqual({ step, answer: scriptResults[index] });
    }
    await runtime.close();
    expect(byOriginal).toBe(true);
    for (const [path, bytes] of files) expect(readFileSync(join(root, path), "utf8")).toBe(Buffer.from(bytes).toString());
  });
});

describe("what the original answered about a directory is answered about it", () => {
  const queries = vectors.flatMap(({ name, queries: of }) => (of.length === 0 ? [] : [{ name, of }]));

  it.each(queries)("$name", async ({ name, of }) => {
    const its = vectors.find((it) => it.name === name);
    if (its === undefined) throw new Error(name);
    for (const max of new Set(of.map(({ query }) => query["max"] as bigint))) {
      const root = freePath();
      place(its, root);
      setLimits(root, `runtimes/${idSegment(its.runtimeId)}`, max);
      const runtime = new AskedRuntime(root, its.runtimeId);
      for (const { query, result } of of) {
        if (query["max"] === max) expect({ query, answer: await runtime.query(query) }).toEqual({ query, answer: better(name, query, result) });
      }
      await runtime.close();
    }
  });

  /** What is answered where the original's answer is not what it should be. */
  function better(name: string, query: Fields, result: Answer): Answer {
    // There is one set of errors, not one of the store and one of the runtime.
    if (result.variant === "StoreMissing" && name === "worker-dir-renamed") {
      return { status: "error", variant: "RUNTIME_WORKER_DAMAGED", message: "directory renamed does not match worker-00000001" };
    }
    if (result.variant === "StoreMissing") return { status: "error", variant: "WorkerNotFound", message: `worker ${textOf(query, "worker_id")} was not found in runtime runtime-golden` };
    // Limits and positions are numbers here, which are exact up to 2^53 - 1.
    if ((query["limit"] as bigint) >= 2n ** 53n) return { status: "error", variant: "RUNTIME_INVALID_ARGUMENT", message: "limit must be a whole number from 0" };
    if (name !== "event-gaps-dups") return result;
    const ids = [1n, 3n, 4n, 7n, 9n, 20n].filter((id) => id >= (query["cursor"] as bigint));
    const page = ids.slice(0, Number(query["limit"]));
    const next = (page.at(-1) ?? (query["cursor"] as bigint) - 1n) + 1n;
    const events: readonly Json[] = page.map((id) => ({ id, kind: { kind: id === 1n ? "runtime_started" : "worker_created" }, message: id === 1n ? "runtime started" : `e${id.toString()}` }));
    return { status: "ok", value: { runtime_id: "runtime-golden", events, cursor: { runtime_id: "runtime-golden", next_event_id: next }, has_more: ids.length > page.length } };
  }
});

describe("an error that the original had for the whole runtime is that of one worker", () => {
  it.each<readonly [name: string, workerId: string, code: string]>([
    ["transcript-wrong-runtime", "worker-00000001", "RUNTIME_WRONG_RUNTIME"],
    ["transcript-wrong-worker", "worker-00000001", "RUNTIME_WORKER_DAMAGED"],
    ["worker-json-missing", "worker-00000002", "RUNTIME_WORKER_DAMAGED"],
    ["worker-ref-mismatch", "worker-00000001", "RUNTIME_WORKER_DAMAGED"],
    ["worker-schema", "worker-00000002", "RUNTIME_WORKER_DAMAGED"],
    ["worker-wrong-runtime", "worker-00000001", "RUNTIME_WORKER_DAMAGED"],
  ])("%s", async (name, workerId, code) => {
    const its = vector(name);
    const root = freePath();
    place(its, root);
    const store = await openRuntimeDirectory(root, { runtimeId: its.runtimeId });
    const message = (its.load.message ?? "").replace("$ROOT/", "");
    await expect(store.readTranscript(workerId, { start: 0, limit: 1 })).rejects.toMatchObject({ code, message });
    expect(() => store.getWorker(workerId)).toThrow(expect.objectContaining({ code, message }) as Error);
    const others = ["worker-00000001", "worker-00000002", "worker-00000003"].filter((id) => id !== workerId);
    expect(store.listWorkers().map(({ workerRef }) => workerRef.workerId)).toEqual(others);
    for (const id of others) expect((await store.readTranscript(id, { start: 0, limit: 256 })).totalItems).toBe(store.getWorker(id).transcriptLength);
    await store.close();
  });
});
