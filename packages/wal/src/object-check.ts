import { WalError } from "./errors.js";
import { bodyProblem, decodeObjectHeader, isSameId, OBJECT_HEADER_BYTES, ObjectKind, objectName, packName, type ObjectHeader } from "./format/object.js";
import type { FetchedObject } from "./object-queue.js";

/**
 * The header of an object that was read whole, or why it is not what must be under its key: its own header, of this log, and
 * every byte of its body.
 *
 * @throws WAL_UNSUPPORTED_VERSION.
 */
export function soundObject({ first, last, isPack, key }: FetchedObject, bytes: Uint8Array, logId: Uint8Array): ObjectHeader | string {
  const decoded = decodeObjectHeader(bytes, 0, isPack ? packName(first, last) : objectName(first));
  if (decoded.state === "invalid") return decoded.reason;
  if (decoded.state === "unsupported") throw unsupportedObject(key, first, decoded.version);
  const { header } = decoded;
  const isExpected = isPack ? header.kind === ObjectKind.pack : header.kind <= ObjectKind.claim;
  if (!isExpected || header.firstPosition !== first || header.lastPosition !== last) return "it is another object than its key says";
  if (!isSameId(header.logId, logId)) return "it is an object of another log";
  return bodyProblem(bytes, OBJECT_HEADER_BYTES, bytes.length, header) ?? header;
}

/** The error of bytes that were durable once and are not what they were. */
export function corruptObject(key: string, position: number, reason: string): WalError {
  const message = `what was durable is damaged at position ${position}: ${reason}`;
  return new WalError("WAL_CORRUPT", message, { operation: "read", key, offset: 0, position });
}

/** The header in these bytes. @throws WAL_CORRUPT, WAL_UNSUPPORTED_VERSION. */
export function requireHeader(bytes: Uint8Array, key: string, position: number): ObjectHeader {
  const decoded = decodeObjectHeader(bytes, 0, objectName(position));
  if (decoded.state === "valid") return decoded.header;
  if (decoded.state === "invalid") throw corruptObject(key, position, decoded.reason);
  throw unsupportedObject(key, position, decoded.version);
}

/** The error of an object of a newer version. */
function unsupportedObject(key: string, position: number, version: number): WalError {
  const message = `an object of the log has version ${version}, and this package knows version 1`;
  return new WalError("WAL_UNSUPPORTED_VERSION", message, { operation: "read", key, offset: 0, position });
}
