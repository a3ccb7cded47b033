import { createCipheriv, createHash } from "node:crypto";

/** Bytes of each record of the measurements. */
export const RECORD_BYTES = 256;

/** Different records; the measurements go round them. A power of two. */
export const DISTINCT_RECORDS = 1024;

/**
 * `length` bytes that depend on the seed and the purpose alone: the key stream of AES-128-CTR under a hash of both.
 * The measurements use them because a compressing peer must gain nothing by records that are all alike.
 */
export function seededBytes(seed: number, purpose: string, length: number): Buffer {
  const key = createHash("sha256").update(`${purpose}\n${seed}`).digest().subarray(0, 16);
  return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** `count` numbers in [0, 1) that depend on the seed and the purpose alone. */
export function seededFractions(seed: number, purpose: string, count: number): readonly number[] {
  const bytes = seededBytes(seed, purpose, count * 4);
  return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(index * 4) / 2 ** 32);
}

/** The records of the measurements: {@link DISTINCT_RECORDS} of {@link RECORD_BYTES} each. */
export function measuredRecords(seed: number): readonly Uint8Array[] {
  const bytes = new Uint8Array(seededBytes(seed, "records", DISTINCT_RECORDS * RECORD_BYTES));
  return Array.from({ length: DISTINCT_RECORDS }, (_, index) => bytes.slice(index * RECORD_BYTES, (index + 1) * RECORD_BYTES));
}
