import { WalError } from "./errors.js";
import { isSameId } from "./format/object.js";

/**
 * Reads an object until a reading is sound, or until two agree that it is not: a bit that was wrong on its way reads right the
 * next time, and only what reads the same again is damage. Where storage checks what it reads, as of whole objects on most, this
 * reads once.
 *
 * @param read - The bytes as they come, `undefined` without an object.
 * @throws WAL_READ_FAILED, retryable, if no two readings agree; what `read` throws.
 */
export async function agreedReading(
  key: string,
  read: () => Promise<Uint8Array | undefined>,
  isSound: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array | undefined> {
  let before: Uint8Array | undefined;
  for (let readings = 1; readings <= MAX_READINGS; readings++) {
    const bytes = await read();
    if (bytes === undefined || isSound(bytes) || (before !== undefined && isSameId(bytes, before))) return bytes;
    before = bytes;
  }
  throw new WalError("WAL_READ_FAILED", "an object reads differently each time; this says nothing about the log", {
    operation: "read",
    key,
    offset: 0,
    retryable: true,
    cause: new Error(`${MAX_READINGS} readings, each with another wrong checksum`),
  });
}

const MAX_READINGS = 3;
