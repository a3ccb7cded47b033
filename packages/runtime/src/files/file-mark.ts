import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageKey } from "@holdfast/storage";

/** What a file was when it was last read or written, to tell whether somebody else changed it since. */
export interface FileMark {
  readonly bytes: number;
  /** CRC-32C of them. */
  readonly crc32c: number;
}

/** Marks by key; a file that is not there has none. */
export type FileMarks = ReadonlyMap<StorageKey, FileMark>;

/** The mark of a file with this content. */
export function markOf(content: Uint8Array): FileMark {
  return { bytes: content.length, crc32c: crc32c(content) };
}

/** The mark of a file that gets `bytes` at its end. */
export function markWith(mark: FileMark | undefined, bytes: Uint8Array): FileMark {
  return { bytes: (mark?.bytes ?? 0) + bytes.length, crc32c: crc32c(bytes, mark?.crc32c ?? 0) };
}

/** Whether the first bytes of a file are those of its mark. Reads them, in bounded memory. */
export async function hasBytesOf(storage: StorageBackend, key: StorageKey, mark: FileMark): Promise<boolean> {
  const pieces = await storage.stream(key, { range: { offset: 0, length: mark.bytes } });
  if (pieces === undefined) return false;
  let checksum = 0;
  let bytes = 0;
  for await (const piece of pieces) {
    checksum = crc32c(piece, checksum);
    bytes += piece.length;
  }
  return bytes === mark.bytes && checksum === mark.crc32c;
}
