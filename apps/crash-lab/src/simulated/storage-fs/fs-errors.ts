import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import type { FaultClass } from "../fault-classes.js";
import { Violation } from "../violation.js";

/** What may disturb a call. */
export interface Disturbance {
  readonly faults: FaultClass;
  /** Nothing does. */
  readonly calm: boolean;
}

/** Checks that an error is one that the backend may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, { faults, calm }: Disturbance): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (error.code === "STORAGE_LOCKED") throw new Violation("I12", `${what}: the lock of a process that is gone is still held`, { cause: error });
  const mayFail = !calm || (faults !== "honest" && error.code === "STORAGE_READ_FAILED");
  if (!mayFail) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}
