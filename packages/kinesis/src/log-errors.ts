import { hasCode, isHoldfastError } from "@holdfast/storage";
import { KinesisError } from "./errors.js";

/** Does something with the log. What is said of this package's options is said in its words; `cause` is the log's error, with the frame. */
export async function withLogErrors<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!isHoldfastError(cause)) throw cause;
    const code = hasCode(cause, "WAL_CONFLICT") ? "KINESIS_CHANGED" : hasCode(cause, "WAL_TOO_LARGE") ? "KINESIS_TOO_LARGE" : undefined;
    if (code === undefined) throw cause;
    const { message, key, offset, outcome } = cause;
    throw new KinesisError(code, message, { operation, key, offset, outcome, cause });
  }
}
