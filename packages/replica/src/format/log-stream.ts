/**
 * What the WAL segments of a replicated log hold. The segments of one index, one after the other, are a stream: a claim, a begin, and
 * frames of one commit each. Integers are unsigned and little endian, crc is CRC-32C.
 *
 *   claim    0  8  "HFREPLOG"             frame    0  4  bytes of the body
 *            8  2  version, 1                      4  4  records
 *           10  6  0                               8  8  sequence number of the first
 *           16 16  the log's id                   16  8  when it was committed, Unix milliseconds
 *           32 16  who writes this index          24  4  crc of the body
 *           48  8  generation                     28  4  link of the frame before, or of the begin
 *           56  8  index                          32  4  crc of bytes 0 to 31: the link of this frame
 *           64  4  crc of bytes 0 to 63           36  4  0
 *           68  4  0                              40     body: length (4) and bytes of each record
 *
 *   begin    0  8  "HFREPBEG"
 *            8  8  the index that this one follows, 2^64 − 1: none
 *           16  8  bytes of its stream that count; what is behind them does not
 *           24  8  sequence number of the first record from here on
 *           32  4  link that its stream ends with there, 0 without one
 *           36  4  crc of bytes 0 to 35: the link of the begin
 */
import { ByteReader, ByteWriter, crc32c } from "@holdfast/bytes";

/** Bytes of a claim. */
export const CLAIM_BYTES = 72;
/** Bytes of a begin. */
export const BEGIN_BYTES = 40;
/** Bytes of the head of a frame. */
export const COMMIT_HEAD_BYTES = 40;

/** A frame's body has at most so many bytes. A commit of the log has at most 16 MiB. */
const MAX_COMMIT_BODY_BYTES: number = 32 * 1024 * 1024;

/** Whose index it is. */
export interface StreamClaim {
  /** 32 hexadecimal digits. */
  readonly logId: string;
  /** 32 hexadecimal digits, random: of one replicator's life. */
  readonly writerId: string;
  readonly generation: string;
  readonly index: bigint;
}

/** Where an index goes on from. */
export interface StreamBegin {
  /** The index before, and how much of it counts. `undefined`: the generation begins here. */
  readonly after: { readonly index: bigint; readonly bytes: bigint; readonly link: number } | undefined;
  readonly firstSeq: number;
}

/** One commit. */
export interface StreamCommit {
  readonly firstSeq: number;
  readonly committedAtMs: number;
  readonly records: readonly Uint8Array[];
}

/** What the head of a frame says. */
export interface CommitHead {
  readonly bodyBytes: number;
  readonly recordCount: number;
  readonly firstSeq: number;
  readonly committedAtMs: number;
  readonly bodyCrc: number;
  /** Link of what is before the frame. */
  readonly previousLink: number;
  /** Link of the frame. */
  readonly link: number;
}

/** The {@link CLAIM_BYTES} bytes that every index begins with. */
export function encodeClaim({ logId, writerId, generation, index }: StreamClaim): Uint8Array {
  const writer = new ByteWriter({ into: new Uint8Array(CLAIM_BYTES) });
  writer.bytes(CLAIM_MAGIC);
  writer.u16(VERSION);
  writer.zeros(6);
  writer.bytes(fromHex(logId));
  writer.bytes(fromHex(writerId));
  writer.bytes(fromHex(generation));
  writer.u64(index);
  writer.u32(crc32c(writer.written));
  writer.u32(0);
  return writer.finish();
}

/** Reads {@link CLAIM_BYTES} bytes: the claim, the version of a newer one, or `undefined` if they are damaged. */
export function decodeClaim(bytes: Uint8Array): StreamClaim | { readonly unsupportedVersion: number } | undefined {
  const reader = new ByteReader(bytes, 0, CLAIM_BYTES);
  const hasMagic = isEqual(reader.bytes(8), CLAIM_MAGIC);
  const version = reader.u16();
  reader.skip(6);
  const [logId, writerId, generation] = [toHex(reader.bytes(16)), toHex(reader.bytes(16)), toHex(reader.bytes(8))];
  const index = reader.u64();
  const isWhole = reader.u32() === crc32c(bytes.subarray(0, 64)) && reader.u32() === 0;
  if (!hasMagic || !isWhole) return undefined;
  return version === VERSION ? { logId, writerId, generation, index } : { unsupportedVersion: version };
}

/** The {@link BEGIN_BYTES} bytes behind the claim, and the link that the first frame refers to. */
export function encodeBegin({ after, firstSeq }: StreamBegin): { readonly bytes: Uint8Array; readonly link: number } {
  const writer = new ByteWriter({ into: new Uint8Array(BEGIN_BYTES) });
  writer.bytes(BEGIN_MAGIC);
  writer.u64(after?.index ?? NONE);
  writer.u64(after?.bytes ?? 0n);
  writer.u64(firstSeq);
  writer.u32(after?.link ?? 0);
  const link = crc32c(writer.written);
  writer.u32(link);
  return { bytes: writer.finish(), link };
}

/** Reads {@link BEGIN_BYTES} bytes. `undefined`: they are damaged. */
export function decodeBegin(bytes: Uint8Array): (StreamBegin & { readonly link: number }) | undefined {
  const reader = new ByteReader(bytes, 0, BEGIN_BYTES);
  const hasMagic = isEqual(reader.bytes(8), BEGIN_MAGIC);
  const [index, counted, firstSeq] = [reader.u64(), reader.u64(), Number(reader.u64())];
  const previousLink = reader.u32();
  const link = reader.u32();
  if (!hasMagic || link !== crc32c(bytes.subarray(0, BEGIN_BYTES - 4)) || !Number.isSafeInteger(firstSeq)) return undefined;
  return { after: index === NONE ? undefined : { index, bytes: counted, link: previousLink }, firstSeq, link };
}

/** Bytes of the frame of a commit of these records. */
export function commitBytes(records: readonly Uint8Array[]): number {
  return records.reduce((sum, record) => sum + 4 + record.length, COMMIT_HEAD_BYTES);
}

/**
 * Writes a frame of {@link commitBytes} bytes, behind what has this link, into `target` from `at` on: in place, since it is done for
 * every commit of a log. @returns The link of the frame.
 */
export function writeCommit({ firstSeq, committedAtMs, records }: StreamCommit, previousLink: number, target: Uint8Array, at: number): number {
  const view = new DataView(target.buffer, target.byteOffset + at);
  let end = at + COMMIT_HEAD_BYTES;
  for (const record of records) {
    view.setUint32(end - at, record.length, true);
    target.set(record, end + 4);
    end += 4 + record.length;
  }
  view.setUint32(0, end - at - COMMIT_HEAD_BYTES, true);
  view.setUint32(4, records.length, true);
  setSafeUint64(view, 8, firstSeq);
  setSafeUint64(view, 16, committedAtMs);
  view.setUint32(24, crc32c(target.subarray(at + COMMIT_HEAD_BYTES, end)), true);
  view.setUint32(28, previousLink, true);
  const link = crc32c(target.subarray(at, at + 32));
  view.setUint32(32, link, true);
  view.setUint32(36, 0, true);
  return link;
}

/** Reads {@link COMMIT_HEAD_BYTES} bytes. `undefined`: they are damaged. */
export function decodeCommitHead(bytes: Uint8Array): CommitHead | undefined {
  const reader = new ByteReader(bytes, 0, COMMIT_HEAD_BYTES);
  const [bodyBytes, recordCount] = [reader.u32(), reader.u32()];
  const [firstSeq, committedAtMs] = [Number(reader.u64()), Number(reader.u64())];
  const [bodyCrc, previousLink, link, zero] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
  const isWhole = link === crc32c(bytes.subarray(0, 32)) && zero === 0;
  const isSound = bodyBytes <= MAX_COMMIT_BODY_BYTES && recordCount >= 1 && recordCount <= bodyBytes / 4 && Number.isSafeInteger(firstSeq + recordCount) && Number.isSafeInteger(committedAtMs);
  return isWhole && isSound ? { bodyBytes, recordCount, firstSeq, committedAtMs, bodyCrc, previousLink, link } : undefined;
}

/** The records in the body of a frame, as views of it. `undefined`: they are damaged. */
export function decodeCommitBody({ bodyBytes, recordCount, bodyCrc }: CommitHead, body: Uint8Array): readonly Uint8Array[] | undefined {
  if (body.length !== bodyBytes || crc32c(body) !== bodyCrc) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, bodyBytes);
  const records: Uint8Array[] = [];
  let at = 0;
  while (records.length < recordCount && at + 4 <= bodyBytes) {
    const length = view.getUint32(at, true);
    if (length > bodyBytes - at - 4) return undefined;
    records.push(new Uint8Array(body.buffer, body.byteOffset + at + 4, length));
    at += 4 + length;
  }
  return records.length === recordCount && at === bodyBytes ? records : undefined;
}

function setSafeUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

const CLAIM_MAGIC = ascii("HFREPLOG");
const BEGIN_MAGIC = ascii("HFREPBEG");
const VERSION = 1;
const NONE = (1n << 64n) - 1n;

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function isEqual(some: Uint8Array, other: Uint8Array): boolean {
  return some.length === other.length && some.every((byte, at) => byte === other[at]);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16));
}
