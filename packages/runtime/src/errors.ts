import { HoldfastError, type ErrorDetails } from "@holdfast/storage";

/**
 * Codes of {@link RuntimeError}; the README's table says what to do about each. Errors of the log and of the storage pass through as
 * they are.
 *
 * - `RUNTIME_INVALID_ARGUMENT`: an option, an id or an argument out of its stated bounds; `not_applied`.
 * - `RUNTIME_INVALID_REQUEST`: the mutation is refused as it stands: empty content, a worker that does not run, a payload that its
 *   schema refuses; `not_applied`.
 * - `RUNTIME_STOPPED`: the runtime is stopped, and takes no more mutations; `not_applied`.
 * - `RUNTIME_WORKER_NOT_FOUND`: there is no such worker.
 * - `RUNTIME_WRONG_RUNTIME`: a worker's reference names another runtime.
 * - `RUNTIME_WRONG_CURSOR`: the cursor is of another runtime.
 * - `RUNTIME_LIMIT_TOO_LARGE`: a query asks for more than the runtime's limits allow.
 * - `RUNTIME_CONFLICT`: a mutation that this one was built on was not written, and so neither was this one; `not_applied`, and may be tried again.
 * - `RUNTIME_EXHAUSTED`: the ids or sequence numbers are used up; `not_applied`.
 * - `RUNTIME_CORRUPT`: stored bytes are damaged; `key` and `offset` say where. Nothing was changed.
 * - `RUNTIME_MISSING`: data that must be there is not; `key` says what. Nothing was changed.
 * - `RUNTIME_WORKER_DAMAGED`: the files of this worker are damaged; the others work.
 * - `RUNTIME_UNSUPPORTED_VERSION`: written by a newer version of the format. Nothing was changed.
 * - `RUNTIME_DIVERGED`: somebody changed the files while mutations were not yet in them. Nothing was changed.
 * - `RUNTIME_CLOSED`: the store is closed; `not_applied`.
 */
export type RuntimeErrorCode =
  | "RUNTIME_INVALID_ARGUMENT"
  | "RUNTIME_INVALID_REQUEST"
  | "RUNTIME_STOPPED"
  | "RUNTIME_WORKER_NOT_FOUND"
  | "RUNTIME_WRONG_RUNTIME"
  | "RUNTIME_WRONG_CURSOR"
  | "RUNTIME_LIMIT_TOO_LARGE"
  | "RUNTIME_CONFLICT"
  | "RUNTIME_EXHAUSTED"
  | "RUNTIME_CORRUPT"
  | "RUNTIME_MISSING"
  | "RUNTIME_WORKER_DAMAGED"
  | "RUNTIME_UNSUPPORTED_VERSION"
  | "RUNTIME_DIVERGED"
  | "RUNTIME_CLOSED";

/** Details of a {@link RuntimeError}. */
export interface RuntimeErrorDetails extends ErrorDetails {
  /** Line of the file `key`, from 1, where one is to blame. */
  readonly line?: number | undefined;
}

/** An error of this package. */
export class RuntimeError extends HoldfastError {
  declare readonly code: RuntimeErrorCode;
  readonly line: number | undefined;

  constructor(code: RuntimeErrorCode, message: string, details: RuntimeErrorDetails) {
    super(code, message, details);
    this.line = details.line;
  }
}

/** An argument out of its bounds. */
export function invalidArgument(operation: string, message: string): RuntimeError {
  return new RuntimeError("RUNTIME_INVALID_ARGUMENT", message, { operation, outcome: "not_applied" });
}

/** A mutation that is refused as it stands, in the words of the original. */
export function invalidRequest(operation: string, message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("RUNTIME_INVALID_REQUEST", `invalid request: ${message}`, { operation, outcome: "not_applied", cause });
}

/** RUNTIME_INVALID_ARGUMENT unless `value` is a whole number within the bounds. */
export function requireWholeNumber(operation: string, name: string, value: number, min: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw invalidArgument(operation, `${name} is ${String(value)}; it must be a whole number from ${min} to ${max}`);
}
