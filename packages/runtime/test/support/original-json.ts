import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord, WorkerRef } from "../../src/format/model.js";
import type { Json } from "./vectors.js";

/*
 * The records as the original names their fields: what expected.json says of them. Without what is undefined.
 */

export function refJson({ runtimeId, workerId }: WorkerRef): Json {
  return { runtime_id: runtimeId, worker_id: workerId };
}

export function eventJson({ id, workerRef, kind, message }: EventRecord): Json {
  return { id, ...(workerRef === undefined ? {} : { worker_ref: refJson(workerRef) }), kind: { kind }, message };
}

export function entryJson({ sequence, workerRef, role, content, eventId }: TranscriptRecord): Json {
  return { sequence, worker_ref: refJson(workerRef), role, content, event_id: eventId };
}

export function runtimeJson(record: RuntimeRecord): Readonly<Record<string, Json>> {
  return {
    runtime_id: record.runtimeId,
    display_name: record.displayName ?? null,
    status: record.status,
    limits: {
      max_transcript_projection_items: record.limits.maxTranscriptProjectionItems,
      max_event_batch_items: record.limits.maxEventBatchItems,
    },
    next_worker_sequence: record.nextWorkerSequence,
    next_event_id: record.nextEventId,
    next_diagnostic_id: record.nextDiagnosticId,
    diagnostics: record.diagnostics.map(({ id, severity, code, message, workerRef }) => ({
      id,
      severity,
      code,
      message,
      ...(workerRef === undefined ? {} : { worker_ref: refJson(workerRef) }),
    })),
  };
}

export function workerJson({ workerRef, status, request, nextTranscriptSequence, lastEventId }: WorkerRecord): Readonly<Record<string, Json>> {
  const { intent, profile, configBundle, requestedCapabilities, workspaceRefs, mountRefs } = request;
  return {
    worker_ref: refJson(workerRef),
    worker_id: workerRef.workerId,
    status,
    request: {
      intent: { ...intent },
      profile: { ...profile },
      ...(configBundle === undefined ? {} : { config_bundle: { ...configBundle } }),
      ...(requestedCapabilities.length === 0 ? {} : { requested_capabilities: requestedCapabilities.map((it) => ({ ...it })) }),
      ...(workspaceRefs.length === 0 ? {} : { workspace_refs: workspaceRefs.map((it) => ({ ...it })) }),
      ...(mountRefs.length === 0 ? {} : { mount_refs: mountRefs.map((it) => ({ ...it })) }),
    },
    next_transcript_sequence: nextTranscriptSequence,
    last_event_id: lastEventId,
  };
}
