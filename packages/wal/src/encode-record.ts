import { WalError } from "./errors.js";
import type { Codec } from "./types.js";

/** The bytes of a value, or why the codec has none: then nothing is written. `seq` is the number that the record would have had. */
export function encodeRecord<T>(codec: Codec<T>, value: T, seq: number): Uint8Array | WalError {
  try {
    const bytes: unknown = codec.encode(value);
    return bytes instanceof Uint8Array ? bytes : refused(codec, seq, new TypeError(`it answered ${typeof bytes}, not bytes`));
  } catch (cause) {
    return refused(codec, seq, cause);
  }
}

function refused<T>(codec: Codec<T>, seq: number, cause: unknown): WalError {
  const message = `the codec "${codec.name}" refused the value that would have been record ${seq}`;
  return new WalError("WAL_CODEC_FAILED", message, { operation: "append", outcome: "not_applied", seq, cause });
}
