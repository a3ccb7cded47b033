import { isHoldfastError } from "@holdfast/storage";
import type { HoldfastError } from "@holdfast/storage";
import type { FaultClass } from "../fault-classes.js";
import { Violation } from "../violation.js";

/** Checks that an error is one that the log may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, { faults, calm }: { readonly faults: FaultClass; readonly calm: boolean }): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (DAMAGE.has(error.code)) {
    // What was torn, and what a disk refuses to tell, is no damage.
    if (faults === "honest") throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged: ${error.message}`, { cause: error });
    return error;
  }
  const mayFail = !calm || (faults !== "honest" && error.code === "WAL_READ_FAILED");
  if (!mayFail) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

const DAMAGE: ReadonlySet<string> = new Set(["WAL_CORRUPT", "WAL_SEGMENT_MISSING", "WAL_UNSUPPORTED_VERSION", "WAL_NOT_A_LOG"]);
