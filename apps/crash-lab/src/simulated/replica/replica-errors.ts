import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { FaultClass } from "../fault-classes.js";
import { Violation } from "../violation.js";

/** What may be expected when something fails. */
export interface ErrorConditions {
  readonly faults: FaultClass;
  /** Nothing disturbs. */
  readonly calm: boolean;
  /** An object of the replica was harmed or removed. */
  readonly spoiled: boolean;
  /** Codes that are right here even so. */
  readonly also?: readonly string[] | undefined;
}

/** Checks that an error is one that a log or its replica may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, { faults, calm, spoiled, also = [] }: ErrorConditions): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (also.includes(error.code)) return error;
  if (DAMAGE.has(error.code)) {
    if (faults === "honest" && !spoiled) throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged: ${error.message}`, { cause: error });
    return error;
  }
  const mayFail = !calm || (faults !== "honest" && (error.code === "WAL_READ_FAILED" || error.code === "STORAGE_READ_FAILED"));
  if (!mayFail) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

const DAMAGE: ReadonlySet<string> = new Set([
  "REPLICA_CONFLICT",
  "REPLICA_CORRUPT",
  "REPLICA_FENCED",
  "REPLICA_GAP",
  "REPLICA_NO_GENERATION",
  "REPLICA_NOT_FOUND",
  "REPLICA_NO_SNAPSHOT",
  "REPLICA_OBJECT_GONE",
  "REPLICA_SOURCE_CHANGED",
  "REPLICA_UNSUPPORTED_VERSION",
  "WAL_CORRUPT",
  "WAL_NOT_A_LOG",
  "WAL_SEGMENT_MISSING",
  "WAL_TRIMMED",
  "WAL_UNSUPPORTED_VERSION",
]);
