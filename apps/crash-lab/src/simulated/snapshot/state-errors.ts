import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { FaultClass } from "../fault-classes.js";
import { Violation } from "../violation.js";

/** Checks that an error is one that a state store may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, { faults, calm }: { readonly faults: FaultClass; readonly calm: boolean }): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (DAMAGE.has(error.code)) {
    if (faults === "honest") throw new Violation("I5", `${what} fails with ${error.code}, though nothing was lost: ${error.message}`, { cause: error });
    return error;
  }
  const mayFail = !calm || (faults !== "honest" && READING.has(error.code));
  if (!mayFail) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

/** What says that something which was there once is gone or changed. */
const DAMAGE: ReadonlySet<string> = new Set([
  "RUNTIME_CORRUPT",
  "RUNTIME_DIVERGED",
  "RUNTIME_MISSING",
  "RUNTIME_UNSUPPORTED_VERSION",
  "SNAPSHOT_AHEAD_OF_LOG",
  "SNAPSHOT_CORRUPT",
  "SNAPSHOT_GAP",
  "SNAPSHOT_OF_ANOTHER_LOG",
  "SNAPSHOT_UNSUPPORTED_VERSION",
  "STATE_CODEC_FAILED",
  "STATE_REPLAY_FAILED",
  "STATE_UNSUPPORTED_VERSION",
  "WAL_CORRUPT",
  "WAL_NOT_A_LOG",
  "WAL_SEGMENT_MISSING",
  "WAL_TRIMMED",
  "WAL_UNSUPPORTED_VERSION",
]);
const READING: ReadonlySet<string> = new Set(["WAL_READ_FAILED", "STORAGE_READ_FAILED"]);
