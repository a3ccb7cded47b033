import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import { Violation } from "../violation.js";

/**
 * Checks that an error is one that the log may give, and answers it.
 *
 * @param isCalm - Nothing disturbs any more.
 * @param isHarmed - Bytes came over wrongly, which looks like damage where there is no checksum of the store's: of ranges, and on stores that keep none.
 * @throws Violation
 */
export function expectedError(error: unknown, what: string, isCalm: boolean, isHarmed = false): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (!ALWAYS.has(error.code) && !DISTURBED.has(error.code) && !(isHarmed && !isCalm && error.code === "WAL_CORRUPT")) {
    throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged or misused: ${error.message}`, { cause: error });
  }
  if (isCalm && !ALWAYS.has(error.code)) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

/** What others may do to somebody at any time. */
const ALWAYS: ReadonlySet<string> = new Set(["WAL_FENCED", "WAL_POISONED", "WAL_TRIMMED"]);
/** What a storage leads to that does not answer, refuses keys and clocks, or is full. */
const DISTURBED: ReadonlySet<string> = new Set([
  "STORAGE_ACCESS_DENIED",
  "STORAGE_FULL",
  "STORAGE_READ_FAILED",
  "STORAGE_REMOVE_FAILED",
  "STORAGE_WRITE_FAILED",
  "WAL_READ_FAILED",
]);
