import { joinKey, joinPrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";

/** Where a log's segments are. `prefix` is the log's own directory. */
export function segmentPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, SEGMENT_DIRECTORY);
}

/** Key of segment `number` (1 to 2^53 − 1): `segment/<20 digits>.wal` below the log's directory. */
export function segmentKey(prefix: StoragePrefix, number: number): StorageKey {
  return joinKey(prefix, `${SEGMENT_DIRECTORY}${String(number).padStart(20, "0")}.wal`);
}

/** The number of the segment that has this key, or `undefined` if {@link segmentKey} makes no such key. */
export function parseSegmentKey(prefix: StoragePrefix, key: StorageKey): number | undefined {
  const directory = `${prefix}${SEGMENT_DIRECTORY}`;
  if (!key.startsWith(directory)) return undefined;
  const digits = SEGMENT_NAME.exec(key.slice(directory.length))?.[1] ?? "";
  const number = Number(digits);
  return Number.isSafeInteger(number) && number >= 1 ? number : undefined;
}

/** Key of the file whose space is given back when the disk is full: `reserve.wal` in the log's directory. */
export function reserveKey(prefix: StoragePrefix): StorageKey {
  return joinKey(prefix, "reserve.wal");
}

/** Whether {@link reserveKey} makes this key. */
export function isReserveKey(prefix: StoragePrefix, key: StorageKey): boolean {
  return key === reserveKey(prefix);
}

/** Whether this is the object that stands among those of a log until the log is restored completely. */
export function isRestoringKey(key: StorageKey): boolean {
  return key.endsWith("/restoring.marker");
}

const SEGMENT_DIRECTORY = "segment/";
const SEGMENT_NAME = /^(\d{20})\.wal$/;
