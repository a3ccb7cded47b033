import { joinKey, joinPrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";
import type { PageKind } from "./stored/page.js";

/*
 * The objects of a runtime, below its prefix:
 *
 *   journal/…                                     a log of @holdfast/wal
 *   events/<20 digits>.page                       pages by number
 *   transcripts/<20 digits>.page
 *   state/<20 digits>-<20 digits>.state           snapshots: record of the journal, number
 */

/** Where the journal is. */
export function journalPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, "journal");
}

/** Where the pages of a kind are. */
export function pagePrefix(prefix: StoragePrefix, kind: PageKind): StoragePrefix {
  return joinPrefix(prefix, kind);
}

/** Where a page is. @param number - Of the page, a safe integer from 0 on. */
export function pageKey(prefix: StoragePrefix, kind: PageKind, number: number): StorageKey {
  return joinKey(pagePrefix(prefix, kind), `${digits(number)}.page`);
}

/** The number of a page; `undefined` for a key that is none. */
export function parsePageKey(key: StorageKey): number | undefined {
  return parse(/\/(\d{20})\.page$/.exec(key)?.[1]);
}

/** Where the snapshots are. */
export function snapshotPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, "state");
}

/** Which snapshot: the last record of the journal in it, and a number that tells apart those of the same record. */
export interface SnapshotName {
  readonly seq: number;
  readonly number: number;
}

/** Where a snapshot is. */
export function snapshotKey(prefix: StoragePrefix, { seq, number }: SnapshotName): StorageKey {
  return joinKey(snapshotPrefix(prefix), `${digits(seq)}-${digits(number)}.state`);
}

/** The inverse of {@link snapshotKey}; `undefined` for a key that is none. */
export function parseSnapshotKey(key: StorageKey): SnapshotName | undefined {
  const found = /\/(\d{20})-(\d{20})\.state$/.exec(key);
  const seq = parse(found?.[1]);
  const number = parse(found?.[2]);
  return seq === undefined || number === undefined ? undefined : { seq, number };
}

function digits(value: number): string {
  return String(value).padStart(20, "0");
}

function parse(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isSafeInteger(value) ? value : undefined;
}
