import type { ConformanceCase } from "./case.js";
import { closeCases } from "./chapters/close.js";

export { runConformanceCase } from "./case.js";
export type {
  ConformanceCase,
  ConformanceContext,
  ConformanceNeed,
  ConformanceOutcome,
  ConformanceRunOptions,
  ConformanceSubject,
  OpenInOtherProcess,
  OtherProcess,
} from "./case.js";

/** Every rule of the storage contract, chapter by chapter. Needs no test runner: see {@link runConformanceCase}. */
export const conformanceCases: readonly ConformanceCase[] = [...closeCases];
