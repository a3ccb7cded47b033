import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { FaultClass } from "../fault-classes.js";
import { Violation } from "../violation.js";

/** Checks that an error is one that a checkpoint store may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, { faults, calm }: { readonly faults: FaultClass; readonly calm: boolean }): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  const isDamage = error.code === "CHECKPOINT_UNSUPPORTED_VERSION" || error.code === "CHECKPOINT_CORRUPT" || error.code === "CHECKPOINT_FENCED";
  if (isDamage && faults === "honest") throw new Violation("I5", `${what} fails with ${error.code}, though nothing was lost and nobody else is there: ${error.message}`, { cause: error });
  const mayFail = !calm || (faults !== "honest" && (isDamage || error.code === "STORAGE_READ_FAILED"));
  if (!mayFail) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}
