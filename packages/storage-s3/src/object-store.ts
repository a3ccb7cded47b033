import type { StorageKey } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import type { BucketCheck } from "./bucket-check.js";
import type { S3Client } from "./client.js";

/** Objects below the prefix of a backend: what reading and writing share. */
export interface ObjectStore {
  readonly client: S3Client;
  readonly bucket: BucketCheck;
  readonly random: RandomSource;
  /** The name of an object in the bucket. */
  readonly objectName: (key: StorageKey) => string;
  /** Work that nobody waits for but `close`. Must not reject. */
  readonly inBackground: (work: Promise<void>) => void;
}

/** The metadata of an object that names the call which wrote it: 128 random bits in hexadecimal digits. */
export const WRITE_ID_HEADER = "x-amz-meta-holdfast-write";

/** A fresh value for {@link WRITE_ID_HEADER}. */
export function newWriteId(random: RandomSource): string {
  return Buffer.from(random.bytes(16)).toString("hex");
}
