import { joinKey, joinPrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";

/** What the name of a snapshot says. */
export interface SnapshotName {
  /** The state is the one behind this sequence number: 0 to 2^53 − 1. */
  readonly seq: number;
  /** Counts the snapshots of a prefix, from 1, so that no name is made twice. */
  readonly number: number;
}

/** Where snapshots are, below a store's own directory. */
export function snapshotPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, SNAPSHOT_DIRECTORY);
}

/** Key of a snapshot: `snapshot/<20 digits of seq>-<20 digits of number>.snap`. So they sort by sequence number, then by number. */
export function snapshotKey(prefix: StoragePrefix, { seq, number }: SnapshotName): StorageKey {
  return joinKey(prefix, `${SNAPSHOT_DIRECTORY}${digits(seq)}-${digits(number)}.snap`);
}

/** What the name of a snapshot says, or `undefined` if {@link snapshotKey} makes no such key. */
export function parseSnapshotKey(prefix: StoragePrefix, key: StorageKey): SnapshotName | undefined {
  const directory = `${prefix}${SNAPSHOT_DIRECTORY}`;
  if (!key.startsWith(directory)) return undefined;
  const match = SNAPSHOT_NAME.exec(key.slice(directory.length));
  if (match === null) return undefined;
  const [seq, number] = [Number(match[1]), Number(match[2])];
  return Number.isSafeInteger(seq) && Number.isSafeInteger(number) && number >= 1 ? { seq, number } : undefined;
}

/** The directory of a state store's log. */
export function logPrefix(prefix: StoragePrefix): StoragePrefix {
  return joinPrefix(prefix, "log");
}

const SNAPSHOT_DIRECTORY = "snapshot/";
const SNAPSHOT_NAME = /^(\d{20})-(\d{20})\.snap$/;

function digits(value: number): string {
  return String(value).padStart(20, "0");
}
