/**
 * Codes of {@link BytesError}; the README's table says what to do about each.
 *
 * - `BYTES_TRUNCATED`: the input ends before the value that was asked for; `needed` and `remaining` say by how much.
 * - `BYTES_OUT_OF_RANGE`: a value, length or text that the type cannot hold, or a u64 that a number cannot hold exactly.
 * - `BYTES_TOO_LARGE`: a writer would exceed its bound, or a text its engine's longest string.
 * - `BYTES_INVALID_UTF8`: bytes that are not UTF-8, or a text with a lone surrogate.
 * - `BYTES_INVALID_JSON`: bytes that are not the JSON that was asked for, or a value that it cannot hold; see `JsonError`.
 * - `BYTES_INVALID_IMPLEMENTATION`: a function that was handed in does not compute what it should.
 */
export type BytesErrorCode =
  | "BYTES_TRUNCATED"
  | "BYTES_OUT_OF_RANGE"
  | "BYTES_TOO_LARGE"
  | "BYTES_INVALID_UTF8"
  | "BYTES_INVALID_JSON"
  | "BYTES_INVALID_IMPLEMENTATION";

/** Details of a {@link BytesError}. */
export interface BytesErrorDetails {
  /** The function or method that failed, for example `"u32"`. */
  readonly operation: string;
  /** Where in the input or output: bytes from the start of the array. */
  readonly offset?: number | undefined;
  /** Bytes that the operation needed. */
  readonly needed?: number | undefined;
  /** Bytes that were left. */
  readonly remaining?: number | undefined;
  readonly cause?: unknown;
}

/**
 * The only error that this package throws. It has the shape and the brand of all Holdfast errors, so that `hasCode` of
 * `@holdfast/storage` recognises it; neither package imports the other.
 */
export class BytesError extends Error {
  readonly code: BytesErrorCode;
  readonly operation: string;
  readonly key: undefined;
  readonly backend: undefined;
  readonly offset: number | undefined;
  readonly retryable = false;
  readonly outcome: undefined;
  readonly needed: number | undefined;
  readonly remaining: number | undefined;

  constructor(code: BytesErrorCode, message: string, details: BytesErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.operation = details.operation;
    this.offset = details.offset;
    this.needed = details.needed;
    this.remaining = details.remaining;
    Object.defineProperty(this, Symbol.for("holdfast.error"), { value: true });
  }
}

/** Throws BYTES_OUT_OF_RANGE unless `value` is a safe integer from 0 to `max`. */
export function requireInteger(operation: string, what: string, value: number, max: number = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= max) return;
  throw new BytesError("BYTES_OUT_OF_RANGE", `${what} must be an integer from 0 to ${max}, got ${value}`, { operation });
}
