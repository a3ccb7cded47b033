import { isHoldfastError } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { ReplicaError } from "./errors.js";

/** Whether trying again cannot help. */
export function isFinal(error: unknown): boolean {
  return isHoldfastError(error) && FINAL_CODES.has(error.code);
}

/** How long to wait after so many failures in a row: twice as long each time, up to a limit; of that between half and all. */
export function retryDelayMs(retry: { readonly minMs: number; readonly maxMs: number }, failures: number, random: RandomSource): number {
  const [chance = 0] = random.bytes(1);
  return Math.ceil(Math.min(retry.maxMs, retry.minMs * 2 ** Math.min(failures, 30)) * (0.5 + chance / 512));
}

/** REPLICA_SOURCE_CHANGED. @param what - In what way the log is not the one that was replicated. */
export function sourceChanged(what: string): ReplicaError {
  return new ReplicaError("REPLICA_SOURCE_CHANGED", `the log that is replicated: ${what}`, { operation: "replicate" });
}

/** REPLICA_CLOSED. @param operation - What was called. */
export function closed(operation: string): ReplicaError {
  return new ReplicaError("REPLICA_CLOSED", `${operation}: the replicator is closed`, { operation });
}

const FINAL_CODES: ReadonlySet<string> = new Set([
  "REPLICA_FENCED",
  "REPLICA_SOURCE_CHANGED",
  "REPLICA_CORRUPT",
  "REPLICA_INVALID_ARGUMENT",
  "WAL_TRIMMED",
  "WAL_CORRUPT",
  "WAL_SEGMENT_MISSING",
  "WAL_CLOSED",
  "STORAGE_CLOSED",
]);
