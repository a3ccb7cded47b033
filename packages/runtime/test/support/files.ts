import type { StorageBackend } from "@holdfast/storage";
import { runtimePrefix } from "../../src/files/layout.js";
import { readRuntimeFiles } from "../../src/files/read-runtime-files.js";
import type { PlainRuntime } from "./model.js";

/** What the four files of a runtime tell, read without any journal. They must be without fault. */
export async function observeFiles(storage: StorageBackend, runtimeId: string): Promise<PlainRuntime> {
  const reading = await readRuntimeFiles({ storage, prefix: runtimePrefix(runtimeId), runtimeId });
  if (reading.kind !== "read") throw new Error(`the files are ${reading.kind}`);
  const { files } = reading;
  const faults = files.findings.filter(({ code }) => code !== "worker_missing");
  if (faults.length > 0) throw new Error(`the files have faults: ${JSON.stringify(faults)}`);
  const events: PlainRuntime["events"] = [];
  for await (const { id, kind, message, workerRef, payloadJson } of files.events()) {
    events.push({ id, kind, message, worker: workerRef?.workerId, ...payloadOf(payloadJson) });
  }
  const workers: PlainRuntime["workers"] = {};
  for (const { record } of files.workers) {
    const entries = [];
    for await (const { sequence, role, content, eventId, payloadJson } of files.transcript(record.workerRef.workerId)) {
      entries.push({ sequence, role, content, event: eventId, ...payloadOf(payloadJson) });
    }
    const { intent } = record.request;
    const objective = intent.kind === "task" ? intent.objective : "";
    workers[record.workerRef.workerId] = { status: record.status, objective, lastEvent: record.lastEventId, nextSequence: 0n, entries };
  }
  const { status, nextEventId, diagnostics } = files.runtime;
  return {
    status,
    events,
    workers,
    diagnostics: diagnostics.map(({ id, code, workerRef }) => ({ id, code, worker: workerRef?.workerId })),
    nextEvent: nextEventId,
    nextWorker: 0,
    nextDiagnostic: 0n,
  };
}

function payloadOf(json: string | undefined): { readonly payload?: unknown } {
  return json === undefined ? {} : { payload: JSON.parse(json) as unknown };
}
