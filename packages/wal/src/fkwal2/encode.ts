import { ByteWriter } from "@holdfast/bytes";
import { ENTRY_START, hasAt, LENGTH_BYTES, MAGIC } from "./bytes.js";
import { Fkwal2Error } from "./error.js";

/** Bytes of a file's header. A file of just these is a log without entries. */
export const FKWAL2_HEADER_BYTES: number = MAGIC.length;

/** The header: what a file begins with, once, before its first frame. */
export function encodeFkwal2Header(): Uint8Array {
  return MAGIC.slice();
}

/**
 * One entry as a frame: its length as a little-endian u64, and its bytes. To be appended to the file in one write.
 *
 * @param payload - The entry as compact JSON: it begins with `{"Snapshot":`, for only so is it found again behind damage. Copied.
 * @throws WAL_INVALID_ARGUMENT for anything else.
 */
export function encodeFkwal2Entry(payload: Uint8Array): Uint8Array {
  if (!hasAt(payload, ENTRY_START, 0)) {
    throw new Fkwal2Error("WAL_INVALID_ARGUMENT", 'an entry begins with {"Snapshot":', { operation: "encodeFkwal2Entry", outcome: "not_applied" });
  }
  const writer = new ByteWriter({ into: new Uint8Array(LENGTH_BYTES + payload.length) });
  writer.u64(payload.length);
  writer.bytes(payload);
  return writer.finish();
}
