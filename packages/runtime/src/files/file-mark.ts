import { crc32c } from "@holdfast/bytes";
import type { StorageBackend, StorageKey } from "@holdfast/storage";

/** What a file was when it was last read or written, to tell whether somebody else changed it since. */
export interface FileMark {
  /** Bytes that count: all, or all before a torn line. */
  readonly bytes: number;
  /** CRC-32C of them. */
  readonly crc32c: number;
  /** Bytes of a torn line behind them, which are cut off before the next append; else 0. */
  readonly tornBytes: number;
  /** Whether the last line has no line feed yet; it gets one before the next append. */
  readonly unterminated: boolean;
}

/** Marks by key; a file that is not there has none. */
export type FileMarks = ReadonlyMap<StorageKey, FileMark>;

/** The mark of a file with this content, of whole lines. */
export function markOf(content: Uint8Array): FileMark {
  return { bytes: content.length, crc32c: crc32c(content), tornBytes: 0, unterminated: false };
}

/** How many bytes a file of this mark has. */
export function sizeOf(mark: FileMark | undefined): number {
  return mark === undefined ? 0 : mark.bytes + mark.tornBytes;
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
