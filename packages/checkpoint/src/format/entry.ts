import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/*
 * Entries order what owners do with one stream: each position has one, and who creates it first has it.
 *
 *   0  8  magic "HFCKNTRY"       32 16  owner id: random, one for each opening
 *   8  2  version: 1             48  8  position, as in the name
 *  10  2  kind: 1 claim, 2 commit 56  8  term: position of the owner's claim; of a claim its own
 *  12  4  0                      64  8  made at, Unix milliseconds
 *  16 16  object id: random
 *
 * A claim ends with 4 zeros and the crc: 80 bytes. A commit goes on:
 *
 *  72  8  sequence   80 16  object id of the checkpoint   96  8  bytes of the checkpoint   104  4  0   108  4  crc
 *
 * The crc is that of all bytes before it and then of the stream id.
 */

/** Bytes of a claim. Nothing else has so many: a listing tells claims by it. */
export const CLAIM_BYTES = 80;

/** Where the object id lies. */
export const ENTRY_ID_OFFSET = 16;

/** What every entry says. */
export interface EntryHead {
  /** 16 random bytes. */
  readonly objectId: Uint8Array;
  /** 16 random bytes. */
  readonly ownerId: Uint8Array;
  readonly position: number;
  readonly term: number;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
}

/** What a commit says of its checkpoint. */
export interface CommittedCheckpoint {
  readonly sequence: bigint;
  /** 16 random bytes. */
  readonly checkpointId: Uint8Array;
  /** Bytes of its object. */
  readonly size: number;
}

/** A claim, or with `commit` a commit. */
export interface Entry extends EntryHead {
  readonly commit: CommittedCheckpoint | undefined;
}

/** @param streamId - In UTF-8. */
export function encodeEntry(entry: Entry, streamId: Uint8Array): Uint8Array {
  const { commit } = entry;
  const writer = new ByteWriter({ into: new Uint8Array(commit === undefined ? CLAIM_BYTES : COMMIT_BYTES) });
  writer.bytes(MAGIC);
  writer.u16(FORMAT_VERSION);
  writer.u16(commit === undefined ? CLAIM : COMMIT);
  writer.u32(0);
  writer.bytes(entry.objectId);
  writer.bytes(entry.ownerId);
  writer.u64(entry.position);
  writer.u64(entry.term);
  writer.u64(entry.createdAtMs);
  if (commit !== undefined) {
    writer.u64(commit.sequence);
    writer.bytes(commit.checkpointId);
    writer.u64(commit.size);
  }
  writer.u32(0);
  writer.u32(crc32c(streamId, crc32c(writer.written)));
  return writer.finish();
}

/** Total: `undefined` for whatever is no entry of this version and stream. */
export function decodeEntry(bytes: Uint8Array, streamId: Uint8Array): Entry | undefined {
  if (bytes.length !== CLAIM_BYTES && bytes.length !== COMMIT_BYTES) return undefined;
  const reader = new ByteReader(bytes);
  const isOurs = reader.bytes(8).every((byte, index) => byte === MAGIC[index]);
  const crc = new ByteReader(bytes, bytes.length - 4).u32();
  if (!isOurs || crc !== crc32c(streamId, crc32c(bytes.subarray(0, bytes.length - 4)))) return undefined;
  const [version, kind] = [reader.u16(), reader.u16()];
  if (version !== FORMAT_VERSION || kind !== (bytes.length === CLAIM_BYTES ? CLAIM : COMMIT)) return undefined;
  reader.skip(4);
  const [objectId, ownerId] = [reader.bytes(16).slice(), reader.bytes(16).slice()];
  const [position, term, createdAtMs] = [Number(reader.u64()), Number(reader.u64()), Number(reader.u64())];
  const commit = kind === COMMIT ? { sequence: reader.u64(), checkpointId: reader.bytes(16).slice(), size: Number(reader.u64()) } : undefined;
  return { objectId, ownerId, position, term, createdAtMs, commit };
}

const MAGIC = Uint8Array.from("HFCKNTRY", (letter) => letter.charCodeAt(0));
const FORMAT_VERSION = 1;
const COMMIT_BYTES = 112;
const [CLAIM, COMMIT] = [1, 2] as const;
