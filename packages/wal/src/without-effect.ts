import { HoldfastError, isHoldfastError } from "@holdfast/storage";
import { WalError } from "./errors.js";

/**
 * The error of a write that has only read so far, and so had no effect: it says that it was not applied. An error that says
 * itself what became of a write stays as it is.
 */
export function withoutEffect(error: unknown): unknown {
  if (!isHoldfastError(error) || error.outcome !== undefined) return error;
  const { code, message, operation, key, backend, offset, retryable } = error;
  const details = { operation, key, backend, offset, retryable, outcome: "not_applied", cause: error } as const;
  return error instanceof WalError ? new WalError(error.code, message, details) : new HoldfastError(code, message, details);
}
