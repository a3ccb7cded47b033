import type { Invariant } from "../simulated/violation.js";
import type { Patch } from "./patched-modules.js";

/** A broken variant of the code. The crash lab must notice it. */
export interface Canary {
  /** What it does, or does not do. */
  readonly name: string;
  /** The invariant that it breaks. */
  readonly invariant: Invariant;
  readonly store: "checkpoint" | "checkpoint-objects" | "kinesis" | "kinesis-directory" | "replica" | "replica-objects" | "runtime" | "runtime-objects" | "state" | "storage-fs" | "wal" | "wal-objects";
  /** Changes of the built code; several make one break. */
  readonly patches: readonly Patch[];
  /** What goes wrong, as a sentence. */
  readonly why: string;
  /** As what it may be reported: the lab tells the first promise that it finds broken. */
  readonly expects: readonly Invariant[];
  /** The seed that random histories begin with, where those before it take seconds of processor time or minutes, and do not meet it. Default: 1. */
  readonly firstSeed?: number | undefined;
  /** Name of the scene that meets it, where random histories of the store do not, or only after minutes. */
  readonly scene?: string | undefined;
}
