import fc from "fast-check";
import type { EventRecord, RuntimeRecord, TranscriptRecord, WorkerRecord, WorkerRef, WorkerRequest } from "../../src/format/model.js";

const text = fc.oneof(fc.string({ maxLength: 10 }), fc.string({ unit: "binary", maxLength: 6 }), fc.constantFrom("", "__proto__", '{"id":', "\u2028\u0000\\\"", "\ufeff", "\u{1f600}"));
const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n));
/** There or not, never there and `undefined`. */
const optional = <T, K extends string>(name: K, value: fc.Arbitrary<T>): fc.Arbitrary<Readonly<Partial<Record<K, T>>>> =>
  fc.record({ [name]: value }, { requiredKeys: [] }) as fc.Arbitrary<Readonly<Partial<Record<K, T>>>>;
const both = <A, B>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>): fc.Arbitrary<A & B> => fc.tuple(a, b).map(([x, y]) => ({ ...x, ...y }));

const workerRef: fc.Arbitrary<WorkerRef> = fc.record({ runtimeId: text, workerId: text });
const payload = optional("payloadJson", fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)));

/** Any event there is. */
export const eventRecord: fc.Arbitrary<EventRecord> = both(
  both(fc.record({ id: fc.bigInt({ min: 1n, max: 2n ** 64n - 2n }), kind: fc.oneof(text, fc.constant("worker_created")), message: text }), optional("workerRef", workerRef)),
  payload,
);

/** Any entry of a transcript there is. */
export const transcriptRecord: fc.Arbitrary<TranscriptRecord> = both(
  fc.record({ sequence: u64, workerRef, role: fc.oneof(fc.constantFrom("user", "system"), text), content: text, eventId: u64 }),
  payload,
);

const few = { maxLength: 3 };
const reference = fc.record({ name: text, reference: text });
const request: fc.Arbitrary<WorkerRequest> = both(
  fc.record({
    intent: fc.oneof(
      both(fc.record({ kind: fc.constant("assistant" as const) }), optional("purpose", text)),
      fc.record({ kind: fc.constant("task" as const), objective: text }),
      both(fc.record({ kind: fc.constant("role" as const), role: text }), optional("purpose", text)),
    ),
    profile: fc.oneof(fc.constant({ kind: "runtime_default" as const }), fc.record({ kind: fc.constantFrom("builtin" as const, "named" as const), value: text })),
    requestedCapabilities: fc.array(both(fc.record({ name: text }), optional("reason", text)), few),
    workspaceRefs: fc.array(reference, few),
    mountRefs: fc.array(reference, few),
  }),
  optional("configBundle", fc.record({ id: text })),
);

/** Any worker of a runtime there is. */
export const workerRecord = (runtimeId: string): fc.Arbitrary<WorkerRecord> =>
  fc.record({
    workerRef: fc.record({ runtimeId: fc.constant(runtimeId), workerId: text }),
    status: fc.constantFrom("running", "stopped", "cancelled"),
    request,
    nextTranscriptSequence: u64,
    lastEventId: u64,
  });

const diagnostic = both(fc.record({ id: u64, severity: fc.constantFrom("info" as const, "warning" as const, "error" as const), code: text, message: text }), optional("workerRef", workerRef));

/** Any runtime of an id there is. */
export const runtimeRecord = (runtimeId: string): fc.Arbitrary<RuntimeRecord> =>
  fc.record({
    runtimeId: fc.constant(runtimeId),
    displayName: fc.option(text, { nil: undefined }),
    status: fc.constantFrom("running", "stopped"),
    limits: fc.record({ maxTranscriptProjectionItems: u64, maxEventBatchItems: u64 }),
    nextWorkerSequence: u64,
    nextEventId: u64,
    nextDiagnosticId: u64,
    diagnostics: fc.array(diagnostic, few),
  });
