import type { ConformanceCase } from "./case.js";
import { appendCases } from "./chapters/append.js";
import { buffersCases } from "./chapters/buffers.js";
import { closeCases } from "./chapters/close.js";
import { createCases } from "./chapters/create.js";
import { hostileCases } from "./chapters/hostile.js";
import { keysCases } from "./chapters/keys.js";
import { listCases } from "./chapters/list.js";
import { lockCases } from "./chapters/lock.js";
import { raceCases } from "./chapters/race.js";
import { readCases } from "./chapters/read.js";
import { removeCases } from "./chapters/remove.js";
import { replaceCases } from "./chapters/replace.js";
import { streamCases } from "./chapters/stream.js";

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
export const conformanceCases: readonly ConformanceCase[] = [
  ...keysCases,
  ...readCases,
  ...streamCases,
  ...createCases,
  ...replaceCases,
  ...listCases,
  ...removeCases,
  ...appendCases,
  ...closeCases,
  ...raceCases,
  ...lockCases,
  ...buffersCases,
  ...hostileCases,
];
