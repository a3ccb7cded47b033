import { hasCode, type StorageBackend } from "@holdfast/storage";
import type { ActiveSegment } from "./active-segment.js";
import { announceProblem } from "./diagnostics.js";
import type { Begin } from "./format/segment.js";
import { readCopy, type Copy } from "./inheritance.js";
import { notApplied, type SegmentFiles } from "./segment-files.js";

/**
 * Makes a segment, or takes the one that was made ahead, and puts it to use: its begin is durable. Failing for lack of room harms
 * nothing.
 *
 * @param durableFloorSeq - The part of the floor that is known to be durable.
 * @throws STORAGE_FULL: `not_applied`, unless a higher floor may stand in a segment that could not be removed. What
 * {@link SegmentFiles.take} throws, and other errors of the storage as they are.
 */
export async function beginSegment(files: SegmentFiles, begin: Begin, durableFloorSeq: number): Promise<ActiveSegment> {
  const segment = await files.take();
  try {
    await segment.begin(begin);
  } catch (error) {
    await segment.close().catch(() => undefined); // The first error says more.
    if (hasCode(error, "STORAGE_FULL")) await removeBegun(files, segment.number, begin.floor.seq > durableFloorSeq, error);
    // No frame was written behind it, so it is as if this opening had been cut short: the next attempt takes the next number.
    throw notApplied(error);
  }
  return segment;
}

/**
 * Copies commits into a segment that has begun, each read again and checked.
 *
 * @param onWritten - Told the bytes of each copy when it is written.
 * @returns `false`: something no longer reads as it was planned. The segment is then closed and left as it is, like one of an
 * interrupted opening; so it is when this throws.
 * @throws STORAGE_FULL, `not_applied`. WAL_READ_FAILED, and other errors of the storage as they are.
 */
export async function copyInto(segment: ActiveSegment, copies: readonly Copy[], storage: StorageBackend, onWritten: (bytes: number) => void): Promise<boolean> {
  try {
    for (const copy of copies) {
      const bytes = await readCopy(storage, copy);
      if (bytes === undefined) {
        await segment.close();
        return false;
      }
      await segment.copy(bytes, copy.frame);
      onWritten(bytes.length);
    }
    return true;
  } catch (error) {
    await segment.close().catch(() => undefined); // The first error says more.
    throw notApplied(error);
  }
}

/**
 * Takes away a segment whose begin found no room, and with it a floor that may stand there all the same: it would be obeyed.
 *
 * @param raisesFloor - Whether it is higher than what is durable.
 * @throws `cause`, which leaves open what was written, if there is such a floor and the segment cannot be removed.
 */
async function removeBegun(files: SegmentFiles, number: number, raisesFloor: boolean, cause: unknown): Promise<void> {
  try {
    await files.remove([number]);
  } catch (error) {
    if (raisesFloor) throw cause;
    announceProblem(files.prefix, "remove an unfinished segment", error);
  }
}
