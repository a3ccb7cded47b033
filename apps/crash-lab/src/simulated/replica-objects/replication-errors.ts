import { isHoldfastError, type HoldfastError } from "@holdfast/storage";
import { Violation } from "../violation.js";
import type { ReplicationWorld } from "./replication-world.js";

/**
 * Checks that an error is one that a log or its replica may give now, and answers it.
 *
 * @param allowed - Codes that are right here whether or not anything disturbs.
 * @throws Violation
 */
export function expectedError(error: unknown, what: string, { isCalm, isHarmed }: Pick<ReplicationWorld, "isCalm" | "isHarmed">, allowed: readonly string[] = []): HoldfastError {
  if (error instanceof Violation) throw error;
  if (!isHoldfastError(error)) throw new Violation("I5", `${what} fails without a code: ${String(error)}`, { cause: error });
  if (allowed.includes(error.code)) return error;
  if (!DISTURBED.has(error.code) && !(isHarmed && !isCalm && DAMAGE.has(error.code))) {
    throw new Violation("I5", `${what} fails with ${error.code}, though nothing was damaged or misused: ${error.message}`, { cause: error });
  }
  if (isCalm) throw new Violation("I11", `${what} fails though nothing disturbs: ${error.code}: ${error.message}`, { cause: error });
  return error;
}

/** What a storage leads to that does not answer, refuses keys and clocks, or is full. */
const DISTURBED: ReadonlySet<string> = new Set([
  // The only snapshot could not be read.
  "SNAPSHOT_GAP",
  "STORAGE_ACCESS_DENIED",
  "STORAGE_FULL",
  "STORAGE_READ_FAILED",
  "STORAGE_REMOVE_FAILED",
  "STORAGE_WRITE_FAILED",
  "WAL_POISONED",
  "WAL_READ_FAILED",
  "WAL_WRITE_FAILED",
]);
/** What bytes that came over wrongly look like. */
const DAMAGE: ReadonlySet<string> = new Set(["REPLICA_CORRUPT", "SNAPSHOT_CORRUPT", "WAL_CORRUPT"]);
