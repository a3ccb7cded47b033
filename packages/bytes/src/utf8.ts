import { BytesError } from "./errors.js";

/**
 * Text to UTF-8. A lone surrogate, which has no UTF-8 form, is refused rather than replaced.
 *
 * @throws BYTES_INVALID_UTF8.
 */
export function encodeUtf8(text: string): Uint8Array {
  if (/\p{Surrogate}/u.test(text)) {
    throw new BytesError("BYTES_INVALID_UTF8", "the text has a lone surrogate", { operation: "encodeUtf8" });
  }
  return encoder.encode(text);
}

/**
 * UTF-8 to text, strictly (https://encoding.spec.whatwg.org, fatal): nothing is replaced, and a byte order mark stays part of
 * the text.
 *
 * @param bytes - At most 2^29 − 24 bytes, the longest string that V8 holds.
 * @throws BYTES_INVALID_UTF8, BYTES_TOO_LARGE.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  return decodeUtf8At(bytes, 0);
}

/** {@link decodeUtf8} for text that was found at `offset`, for the error. */
export function decodeUtf8At(bytes: Uint8Array, offset: number): string {
  const operation = "decodeUtf8";
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new BytesError("BYTES_TOO_LARGE", `${bytes.length} bytes are too long for one text`, {
      operation,
      offset,
      needed: bytes.length,
    });
  }
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new BytesError("BYTES_INVALID_UTF8", `the ${bytes.length} bytes at ${offset} are not UTF-8`, {
      operation,
      offset,
      cause,
    });
  }
}

const MAX_TEXT_BYTES = 2 ** 29 - 24;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
