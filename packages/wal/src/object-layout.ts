import { joinKey, joinPrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import { MAX_PACK_OBJECTS, objectName, packName } from "./format/object.js";

/*
 * Where a log's objects are, below its own directory. Files of a log lie beside them, in `segment/` (layout.ts): no name of the
 * one is a name of the other, so that a prefix which holds the other kind of log can be recognised and refused.
 */

/** Positions that a pack covers. */
export interface PositionRange {
  readonly first: number;
  readonly last: number;
}

/** Where commits and claims are. */
export function logPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, LOG);
}

/** Key of the commit or claim at `position` (0 to 2^53 − 1): `log/<20 digits>.wal`. Position 0 has no object; its key sorts before all. */
export function logKey(prefix: StoragePrefix, position: number): StorageKey {
  return joinKey(prefix, `${LOG}${objectName(position)}`);
}

/** The position of the commit or claim that has this key, or `undefined` if {@link logKey} makes no such key for a position from 1 on. */
export function parseLogKey(prefix: StoragePrefix, key: StorageKey): number | undefined {
  return parsePosition(`${prefix}${LOG}`, key);
}

/** Where packs are. */
export function packPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, PACK);
}

/** Key of the pack of these positions: `pack/<20 digits of the last>-<20 digits of the first>.wal`. So packs sort by where they end. */
export function packKey(prefix: StoragePrefix, { first, last }: PositionRange): StorageKey {
  return joinKey(prefix, `${PACK}${packName(first, last)}`);
}

/** What the pack of this key covers, or `undefined` if it is no key of a pack: {@link packKey} of at most MAX_PACK_OBJECTS positions. */
export function parsePackKey(prefix: StoragePrefix, key: StorageKey): PositionRange | undefined {
  const directory = `${prefix}${PACK}`;
  if (!key.startsWith(directory)) return undefined;
  const match = PACK_NAME.exec(key.slice(directory.length));
  const last = positionOf(match?.[1]);
  const first = positionOf(match?.[2]);
  if (first === undefined || last === undefined) return undefined;
  return first <= last && last - first < MAX_PACK_OBJECTS ? { first, last } : undefined;
}

/** Where floors are. */
export function trimPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, TRIM);
}

/** Key of the floor at `position` (0 to 2^53 − 1): `trim/<20 digits>.wal`. */
export function trimKey(prefix: StoragePrefix, position: number): StorageKey {
  return joinKey(prefix, `${TRIM}${objectName(position)}`);
}

/** The position of the floor that has this key, or `undefined` if {@link trimKey} makes no such key for a position from 1 on. */
export function parseTrimKey(prefix: StoragePrefix, key: StorageKey): number | undefined {
  return parsePosition(`${prefix}${TRIM}`, key);
}

/** Whether this is the key of an object of a log. */
export function isObjectKey(prefix: StoragePrefix, key: StorageKey): boolean {
  return parseLogKey(prefix, key) !== undefined || parsePackKey(prefix, key) !== undefined || parseTrimKey(prefix, key) !== undefined;
}

function parsePosition(directory: string, key: StorageKey): number | undefined {
  return key.startsWith(directory) ? positionOf(OBJECT_NAME.exec(key.slice(directory.length))?.[1]) : undefined;
}

function positionOf(digits: string | undefined): number | undefined {
  const position = Number(digits ?? "");
  return Number.isSafeInteger(position) && position >= 1 ? position : undefined;
}

const LOG = "log/";
const PACK = "pack/";
const TRIM = "trim/";
const OBJECT_NAME = /^(\d{20})\.wal$/;
const PACK_NAME = /^(\d{20})-(\d{20})\.wal$/;
