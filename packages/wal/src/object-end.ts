import { WalError } from "./errors.js";
import { isSameId, ObjectKind, type ObjectHeader } from "./format/object.js";
import type { ListedObject, LogObjects } from "./log-objects.js";
import { corruptObject, requireHeader } from "./object-check.js";
import { isReserveKey, parseSegmentKey } from "./layout.js";
import { isObjectKey, logKey, trimKey } from "./object-layout.js";
import { namedParent } from "./log-parent.js";
import type { LogParent } from "./types.js";

/** What listings show of a log. The end is the log's; where the unpacked objects begin is a good guess. */
export interface ListedLog {
  /** Position of the floor, 0 if nothing was trimmed. */
  readonly floor: number;
  /** Up to here packs cover what is above the floor. */
  readonly packedThrough: number;
  /** Objects listed above `packedThrough`. */
  readonly unpackedObjects: number;
  /** The newest object; `undefined`: there is no log yet. */
  readonly newest: ListedObject | undefined;
}

/** Where a log begins. */
export interface LogOrigin {
  /** Everything up to this position is given up; 0: nothing. */
  readonly floor: number;
  /** The first sequence number that is kept. */
  readonly firstSeq: number;
  /** 16 bytes. */
  readonly logId: Uint8Array;
}

/**
 * Finds the end of a log by listing: the greatest key below `log/`, since the newest object is never removed. What is packed is
 * not listed again, however long the history is.
 */
export async function listLog(objects: LogObjects, signal: AbortSignal | undefined): Promise<ListedLog> {
  for (let looks = 1; ; looks++) {
    const floor = (await objects.listFloors(signal)).at(-1) ?? 0;
    let packedThrough = floor;
    for await (const { first, last } of objects.listPacks(floor, signal)) {
      if (first <= packedThrough + 1) packedThrough = Math.max(packedThrough, last);
    }
    let newest: ListedObject | undefined;
    let unpackedObjects = 0;
    for await (const listed of objects.list(packedThrough, signal)) {
      newest = listed;
      unpackedObjects++;
    }
    if (newest !== undefined || packedThrough === 0) return { floor, packedThrough, unpackedObjects, newest };
    // Packs and floors lie below an object that their maker has seen. It cannot be gone, but for somebody who removes what is not theirs.
    if (looks === MAX_LOOKS) throw missing(objects, packedThrough + 1);
  }
}

/**
 * Refuses a prefix that holds something else, before anything is written there. A log that is there needs no such look.
 *
 * @throws WAL_NOT_A_LOG.
 */
export async function requireObjects({ storage, prefix }: LogObjects, signal: AbortSignal | undefined): Promise<void> {
  for await (const { key } of storage.list(prefix, { signal, limit: 1 })) {
    if (isObjectKey(prefix, key)) return;
    const isFiles = parseSegmentKey(prefix, key) !== undefined || isReserveKey(prefix, key);
    const what = isFiles ? "the prefix holds a log in files, and this storage cannot append" : "the prefix holds something else than a log";
    throw new WalError("WAL_NOT_A_LOG", `${what}; give the log a directory of its own`, { operation: "openLog", key });
  }
}

/** Where the log begins now: what its floor says, or, as long as nothing was trimmed, the claim at position 1. */
export async function readOrigin(objects: LogObjects, listed: number | undefined, signal: AbortSignal | undefined): Promise<LogOrigin> {
  let floor = listed;
  for (let looks = 1; ; looks++) {
    floor ??= (await objects.listFloors(signal)).at(-1) ?? 0;
    const key = floor === 0 ? logKey(objects.prefix, 1) : trimKey(objects.prefix, floor);
    const bytes = await objects.readHeader(key, signal);
    if (bytes !== undefined) {
      const position = Math.max(floor, 1);
      const header = requireHeader(bytes, key, position);
      const isExpected = floor === 0 ? header.kind === ObjectKind.claim : header.kind === ObjectKind.floor;
      if (!isExpected || header.lastPosition !== position) throw corruptObject(key, position, "it is another kind of object than its key says");
      return { floor, firstSeq: header.firstSeq, logId: header.logId };
    }
    // A floor goes when there is a higher one; claims stay.
    if (looks === MAX_LOOKS) throw missing(objects, Math.max(floor, 1), key);
    floor = undefined;
  }
}

/** What a log was restored from: the claim at position 1, which is never removed, says it. */
export async function readParent(objects: LogObjects, { logId }: LogOrigin, signal: AbortSignal | undefined): Promise<LogParent | undefined> {
  const claim = await readNewest(objects, 1, signal);
  if (claim === undefined) throw missing(objects, 1);
  if (!isSameId(claim.logId, logId)) throw corruptObject(logKey(objects.prefix, 1), 1, "it is an object of another log");
  return namedParent(claim.parent);
}

/** The header of the newest object, or `undefined` if it is not there, so that it was not the newest. */
export async function readNewest(objects: LogObjects, position: number, signal: AbortSignal | undefined): Promise<ObjectHeader | undefined> {
  const key = logKey(objects.prefix, position);
  const bytes = await objects.readHeader(key, signal);
  if (bytes === undefined) return undefined;
  const header = requireHeader(bytes, key, position);
  if (header.kind > ObjectKind.claim || header.lastPosition !== position) throw corruptObject(key, position, "it is another kind of object than its key says");
  return header;
}

function missing(objects: LogObjects, position: number, key: string = logKey(objects.prefix, position)): WalError {
  return new WalError("WAL_SEGMENT_MISSING", "an object that the log needs is not there, and no writer removes it", { operation: "read", key, position });
}

const MAX_LOOKS = 5;
