import { crc32c } from "@holdfast/bytes";

/** The header in which a store takes and gives the CRC-32C of an object or part. */
export const CHECKSUM_HEADER = "x-amz-checksum-crc32c";

/** A CRC-32C as S3 writes it: four bytes, big-endian, in base64. */
export function checksumText(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString("base64");
}

/** The {@link checksumText} of these bytes. */
export function checksumOf(bytes: Uint8Array): string {
  return checksumText(crc32c(bytes));
}

/**
 * The checksum of a whole object in the headers of a response, or `undefined` where there is none: a store that keeps none, or
 * an object in parts, whose composite checksum (`…-3`) covers the checksums of its parts.
 */
export function wholeChecksum(headers: Readonly<Record<string, string>>): string | undefined {
  const text = headers[CHECKSUM_HEADER];
  if (text === undefined || text.includes("-") || headers["x-amz-checksum-type"] === "COMPOSITE") return undefined;
  return text;
}
