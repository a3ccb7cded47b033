export { RuntimeError } from "./errors.js";
export type { RuntimeErrorCode, RuntimeErrorDetails } from "./errors.js";
export type {
  DiagnosticSeverity,
  EventRecord,
  NamedReference,
  RequestedCapability,
  RuntimeDiagnostic,
  RuntimeLimits,
  RuntimeRecord,
  RuntimeStatus,
  TranscriptRecord,
  WorkerIntent,
  WorkerProfile,
  WorkerRecord,
  WorkerRef,
  WorkerRequest,
  WorkerStatus,
  YoiEventKind,
  YoiTranscriptRole,
} from "./format/model.js";
export { openRuntimeDirectory } from "./directory.js";
export type { RuntimeDirectoryOptions } from "./directory.js";
export type { RuntimeFinding, RuntimeFindingCode } from "./files/finding.js";
export { openRuntimeReader } from "./reader.js";
export type { RuntimeReader, RuntimeReaderOptions } from "./reader.js";
export { openRuntimeStore } from "./store.js";
export type {
  EventCursor,
  EventPage,
  EventPayloads,
  FollowEventsOptions,
  InputReceipt,
  NewEvent,
  NewTranscriptEntry,
  NewWorker,
  OwnEvent,
  RuntimeEvent,
  RuntimeHealth,
  RuntimeProblem,
  RuntimeQueries,
  RuntimeSchemas,
  RuntimeStore,
  RuntimeStoreOptions,
  RuntimeSummary,
  StandardEvent,
  TranscriptEntry,
  TranscriptPage,
  TranscriptReceipt,
  UnrecognisedEvent,
  WorkerDetail,
  WorkerName,
  WorkerReceipt,
  WorkerSummary,
} from "./types.js";
