import { decimal20, encodeUtf8, parseDecimal20 } from "@holdfast/bytes";
import { decodeKeyPart, encodeKeyPart, joinKey, joinPrefix, type StorageKey, type StoragePrefix } from "@holdfast/storage";

/** What the name of a checkpoint says. */
export interface CheckpointName {
  readonly sequence: bigint;
  /** Of its entry: 1 to 2^53 − 1. */
  readonly position: number;
}

/** Where a stream is. */
export interface StreamPlace {
  readonly streamId: string;
  /** In UTF-8. */
  readonly idBytes: Uint8Array;
  readonly states: StoragePrefix;
  readonly entries: StoragePrefix;
  readonly hint: StorageKey;
}

/** @throws STORAGE_INVALID_KEY for an id that is empty, ill-formed or too long. */
export function streamPlace(prefix: StoragePrefix, streamId: string): StreamPlace {
  const directory = joinPrefix(prefix, encodeKeyPart(streamId));
  return { streamId, idBytes: encodeUtf8(streamId), states: joinPrefix(directory, "state"), entries: joinPrefix(directory, "entry"), hint: joinKey(directory, "newest.hint") };
}

/** Key of a checkpoint: `state/<20 digits of sequence>-<20 digits of position>.ckpt`. So they sort by sequence, then by position. */
export function checkpointKey({ states }: StreamPlace, { sequence, position }: CheckpointName): StorageKey {
  return joinKey(states, `${decimal20(sequence)}-${decimal20(position)}.ckpt`);
}

/** What the name of a checkpoint says, or `undefined` if {@link checkpointKey} makes no such key. */
export function parseCheckpointKey({ states }: StreamPlace, key: StorageKey): CheckpointName | undefined {
  const match = key.startsWith(states) ? CHECKPOINT_NAME.exec(key.slice(states.length)) : null;
  const [sequence, position] = [parseDecimal20(match?.[1] ?? ""), parsePosition(match?.[2])];
  return sequence === undefined || position === undefined ? undefined : { sequence, position };
}

/** Key of an entry: `entry/<20 digits of position>.entry`. */
export function entryKey({ entries }: StreamPlace, position: number): StorageKey {
  return joinKey(entries, `${decimal20(position)}.entry`);
}

/** The position of an entry, or `undefined` if {@link entryKey} makes no such key. */
export function parseEntryKey({ entries }: StreamPlace, key: StorageKey): number | undefined {
  return key.startsWith(entries) ? parsePosition(ENTRY_NAME.exec(key.slice(entries.length))?.[1]) : undefined;
}

/** The stream of a checkpoint below `prefix`; `undefined` if the key is that of something else. */
export function streamOfCheckpoint(prefix: StoragePrefix, key: StorageKey): string | undefined {
  const [encodedId = "", directory, leaf, ...more] = key.slice(prefix.length).split("/");
  if (directory !== "state" || leaf === undefined || more.length > 0 || !CHECKPOINT_NAME.test(leaf)) return undefined;
  return decodeKeyPart(encodedId);
}

const CHECKPOINT_NAME = /^(\d{20})-(\d{20})\.ckpt$/;
const ENTRY_NAME = /^(\d{20})\.entry$/;

function parsePosition(digits = ""): number | undefined {
  const position = Number(parseDecimal20(digits) ?? 0n);
  return Number.isSafeInteger(position) && position >= 1 ? position : undefined;
}
