import { hasCode, isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { Schedule } from "../wal-objects/schedule.js";
import { Violation } from "../violation.js";

/** Checks that an error is one that a runtime on object storage may give, and answers it. @throws Violation */
export function expectedRuntimeError(error: unknown, what: string, { isCalm, isHarmed }: Pick<Schedule, "isCalm" | "isHarmed">, mayMiss = false): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (ALWAYS.has(error.code) || (mayMiss && hasCode(error, "RUNTIME_MISSING"))) return error;
  const isKnown = DISTURBED.has(error.code) || (isHarmed && HARMED.has(error.code));
  if (!isKnown) throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged or misused: ${error.message}`, { cause: error });
  if (isCalm) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

/** What others may do to somebody at any time, and what follows on a mutation that was not written. */
const ALWAYS: ReadonlySet<string> = new Set(["RUNTIME_CONFLICT", "WAL_FENCED", "WAL_POISONED"]);
/** What a storage leads to that does not answer, refuses keys and clocks, or is full. */
const DISTURBED: ReadonlySet<string> = new Set([
  "STORAGE_ACCESS_DENIED", "STORAGE_ALREADY_EXISTS", "STORAGE_FULL", "STORAGE_READ_FAILED", "STORAGE_REMOVE_FAILED", "STORAGE_WRITE_FAILED", "WAL_READ_FAILED", "WAL_TRIMMED",
]);
/** Bytes that came over wrongly look like damage. */
const HARMED: ReadonlySet<string> = new Set(["RUNTIME_CORRUPT", "RUNTIME_MISSING", "WAL_CORRUPT"]);
