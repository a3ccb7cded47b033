import { StorageError, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { SnapshotError } from "./errors.js";
import { HEADER_BYTES, type SnapshotHeader } from "./format/header.js";
import { SnapshotScanner, type SnapshotPart } from "./format/scanner.js";
import type { SnapshotEntry } from "./snapshot-store.js";
import { TimeSlices } from "./time-slices.js";

/**
 * The header of a snapshot, checked; `undefined` if there is none of this key.
 *
 * @throws SNAPSHOT_CORRUPT, SNAPSHOT_UNSUPPORTED_VERSION, or what the storage says.
 */
export async function readHeader(storage: StorageBackend, entry: SnapshotEntry, signal: AbortSignal | undefined): Promise<SnapshotHeader | undefined> {
  const bytes = await storage.read(entry.key, { range: { offset: 0, length: HEADER_BYTES }, signal });
  if (bytes === undefined) return undefined;
  const scanner = new SnapshotScanner();
  scanner.feed(bytes);
  const part = scanner.next();
  return headerOf(part.kind === "more" ? scanner.finish() : part, entry);
}

/**
 * What is in a snapshot, in pieces that were checked, in slices of time. The storage is asked when the first piece is.
 *
 * @throws As {@link readHeader}; STORAGE_NOT_FOUND if it is gone.
 */
export async function* readPayloads(
  storage: StorageBackend,
  entry: SnapshotEntry,
  clock: Clock,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { key } = entry;
  const stream = await storage.stream(key, { signal });
  if (stream === undefined) throw new StorageError("STORAGE_NOT_FOUND", `${key} is gone`, { operation: "read", key, backend: storage.name });
  const scanner = new SnapshotScanner();
  const slices = new TimeSlices(clock);
  for await (const piece of stream) {
    scanner.feed(piece);
    for (let part = scanner.next(); part.kind !== "more" && part.kind !== "end"; part = scanner.next()) {
      if (part.kind === "block") yield part.payload;
      else headerOf(part, entry);
    }
    if (slices.isOver) await slices.pause();
  }
  const last = scanner.finish();
  if (last.kind !== "end") headerOf(last, entry);
}

/** The header that is this part. @throws if it is damage, or the header of another snapshot. */
function headerOf(part: SnapshotPart, { key, seq, number }: SnapshotEntry): SnapshotHeader {
  if (part.kind === "header" && part.header.seq === seq && part.header.number === number) return part.header;
  if (part.kind === "unsupported") {
    const { offset, reason } = part;
    throw new SnapshotError("SNAPSHOT_UNSUPPORTED_VERSION", `${key}: ${reason}`, { operation: "read", key, offset, seq });
  }
  const { offset, reason } = part.kind === "damaged" ? part : { offset: 0, reason: "its header is that of another snapshot" };
  throw new SnapshotError("SNAPSHOT_CORRUPT", `${key} is damaged at ${offset}: ${reason}`, { operation: "read", key, offset, seq });
}
