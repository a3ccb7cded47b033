export { conformanceCases, runConformanceCase } from "./cases.js";
export type {
  ConformanceCase,
  ConformanceContext,
  ConformanceNeed,
  ConformanceOutcome,
  ConformanceRunOptions,
  ConformanceSubject,
  OpenInOtherProcess,
  OtherProcess,
} from "./cases.js";
export { storageConformance } from "./vitest.js";
export type { StorageConformanceOptions } from "./vitest.js";
