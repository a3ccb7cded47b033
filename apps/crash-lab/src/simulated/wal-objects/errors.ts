import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import { Violation } from "../violation.js";

/** Checks that an error is one that the log may give, and answers it. @throws Violation */
export function expectedError(error: unknown, what: string, isCalm: boolean): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (!ALWAYS.has(error.code) && !DISTURBED.has(error.code)) {
    throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged or misused: ${error.message}`, { cause: error });
  }
  if (isCalm && !ALWAYS.has(error.code)) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

/** What others may do to somebody at any time. */
const ALWAYS: ReadonlySet<string> = new Set(["WAL_FENCED", "WAL_POISONED", "WAL_TRIMMED"]);
/** What a storage that does not answer leads to. */
const DISTURBED: ReadonlySet<string> = new Set(["STORAGE_READ_FAILED", "STORAGE_REMOVE_FAILED", "STORAGE_WRITE_FAILED", "WAL_READ_FAILED"]);
