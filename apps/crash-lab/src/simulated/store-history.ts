import type * as checkpoint from "@holdfast/checkpoint";
import type * as kinesis from "@holdfast/kinesis";
import type * as replica from "@holdfast/replica";
import type * as runtime from "@holdfast/runtime";
import type * as snapshot from "@holdfast/snapshot";
import type * as storage from "@holdfast/storage";
import type * as storageFs from "@holdfast/storage-fs";
import type * as storageS3 from "@holdfast/storage-s3";
import type * as wal from "@holdfast/wal";
import type { Invariant } from "./violation.js";

/** The code under test, as modules, so that a broken variant can stand in. */
export interface ModulesUnderTest {
  readonly storage: typeof storage;
  readonly storageFs: typeof storageFs;
  readonly storageS3: typeof storageS3;
  readonly wal: typeof wal;
  readonly snapshot: typeof snapshot;
  readonly runtime: typeof runtime;
  readonly kinesis: typeof kinesis;
  readonly checkpoint: typeof checkpoint;
  readonly replica: typeof replica;
}

/** How much a simulated disk may forget and reorder, from the weakest to one whose processes only get killed. */
export type Profile = "posix" | "ordered" | "kill";

/** Every {@link Profile}, from the weakest disk to the strongest. */
export const PROFILES: readonly Profile[] = ["posix", "ordered", "kill"];

/** What a history runs with. All chance comes from `seed`, and no real time passes. */
export interface Lab {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  /** A safe integer. It decides what is done, what fails, where crashes are tried and what survives them. */
  readonly seed: number;
  /** At most so many crash states, at least 1. */
  readonly maxStates: number;
}

/**
 * What one store goes through: a script of operations with faults, crashed at many of its steps in many ways; each crash state
 * is opened again and compared with what was promised.
 */
export interface StoreHistory {
  /** `"storage-fs"`, `"wal"`. */
  readonly name: string;
  /** One script and crash states of it. What the store breaks is in the outcome, not thrown; what is thrown is a defect of the lab. */
  run(lab: Lab): Promise<HistoryOutcome>;
  /** One crash state again, from the line of a {@link FoundViolation}. @throws RangeError for a line that is none. */
  replay(line: string, modules: ModulesUnderTest): Promise<ReplayOutcome>;
}

/** What a run went through. */
export interface HistoryOutcome {
  readonly states: number;
  /** Crashes by what crashed and how deep: `"power 1"`, `"kill 3"`. */
  readonly crashes: Counts;
  /** Calls of the file system, by operation. */
  readonly operations: Counts;
  /** Faults that hit, by kind and operation: `"drop dsyncWrite"`. */
  readonly faults: Counts;
  readonly violation: FoundViolation | undefined;
}

/** What a replay showed. */
export interface ReplayOutcome {
  /** Of all calls to the simulated disk and all checks: the same on every machine and every version of Node. */
  readonly traceHash: string;
  readonly violation: FoundViolation | undefined;
}

/** The first promise that a run found broken. */
export interface FoundViolation {
  readonly invariant: Invariant;
  readonly message: string;
  /** The whole failing run as one line, for `crash-lab replay`. */
  readonly line: string;
}

/** How often each thing was met, by its name. */
export type Counts = ReadonlyMap<string, number>;
