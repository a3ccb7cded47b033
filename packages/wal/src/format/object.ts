/**
 * The bytes of a log on object storage: a header of 128 bytes, the same for every kind of object, and bodies. FORMAT.md has the
 * table. Little endian; numbers above 2^53 − 1 are refused.
 */
import { crc32c } from "@holdfast/bytes";
import { readU32, readU64, writeU32, writeU64 } from "./little-endian.js";
import { MAX_FRAME_BYTES, MAX_RECORDS_PER_COMMIT, type ParentLog } from "./segment.js";

/** Bytes of the header. A claim is nothing else, and no other object below `log/` is that short: so a listing tells them apart. */
export const OBJECT_HEADER_BYTES = 128;
/** The largest commit, header included: as in files. */
export const MAX_OBJECT_BYTES: number = MAX_FRAME_BYTES;
/** The most positions that a pack covers. So whoever looks for the pack of a position has seen it after so many further ones. */
export const MAX_PACK_OBJECTS = 4096;
/** The largest pack, header included. */
export const MAX_PACK_BYTES: number = 32 * 1024 * 1024;

/** What an object is. */
export const ObjectKind = { commit: 1, claim: 2, pack: 3, floor: 4 } as const;
export type ObjectKind = (typeof ObjectKind)[keyof typeof ObjectKind];

/** What the header of an object states. */
export interface ObjectHeader {
  readonly kind: ObjectKind;
  /** Commit, claim: its own position. Pack: the first one it covers. Floor: 0. */
  readonly firstPosition: number;
  /** Commit, claim: its own position. Pack: the last one it covers. Floor: the last one that is given up. */
  readonly lastPosition: number;
  /** Sequence number of the first record; without records, of the next one. Floor: of the first one that is kept. */
  readonly firstSeq: number;
  readonly recordCount: number;
  /** Position of the writer's claim; pack, floor: 0. */
  readonly term: number;
  /** 16 bytes, random for each opening; pack, floor: zeros. */
  readonly writerId: Uint8Array;
  /** 16 bytes, random for each log. */
  readonly logId: Uint8Array;
  readonly bodyBytes: number;
  /** CRC-32C of the body; 0 without one. */
  readonly bodyCrc: number;
  /** Unix milliseconds, never less than at the position before; pack, floor: 0. */
  readonly committedAtMs: number;
  /** Of the claim at position 1 of a restored log; else `undefined`. */
  readonly parent: ParentLog | undefined;
}

/**
 * - `invalid`: not a header of the object of this name, or a damaged one.
 * - `unsupported`: a sound header of another version.
 */
export type DecodedObjectHeader =
  | { readonly state: "valid"; readonly header: ObjectHeader }
  | { readonly state: "invalid"; readonly reason: string }
  | { readonly state: "unsupported"; readonly version: number };

/** A commit or claim inside a pack: its header, and where its body is in the pack. */
export interface PackedObject {
  readonly header: ObjectHeader;
  /** Start and end of the body. */
  readonly start: number;
  readonly end: number;
}

/** Last part of the key of the commit or claim at a position, and of the floor there. */
export function objectName(position: number): string {
  return `${twentyDigits(position)}.wal`;
}

/** Last part of the key of the pack of positions `first` to `last`. */
export function packName(first: number, last: number): string {
  return `${twentyDigits(last)}-${twentyDigits(first)}.wal`;
}

/** What a writer states in each of its objects. */
export interface Term {
  /** Position of its claim. */
  readonly term: number;
  readonly writerId: Uint8Array;
  readonly logId: Uint8Array;
}

/** A place in the log: what the next object states. */
export interface LogPlace {
  readonly position: number;
  readonly firstSeq: number;
  readonly committedAtMs: number;
}

/** Makes a commit of `bytes`, whose records (`u32 length ‖ bytes` each) lie behind room for the header. */
export function sealCommit(bytes: Uint8Array, { position, firstSeq, committedAtMs }: LogPlace, recordCount: number, by: Term): void {
  const body = bytes.subarray(OBJECT_HEADER_BYTES);
  const header = { firstPosition: position, lastPosition: position, firstSeq, recordCount, committedAtMs, ...by, parent: undefined, bodyBytes: body.length, bodyCrc: crc32c(body) };
  encodeObjectHeader(bytes, { kind: ObjectKind.commit, ...header }, objectName(position));
}

/** The claim that opens a term at a position: 128 bytes. Only the one at position 1 may name a parent. */
export function encodeClaim({ position, firstSeq, committedAtMs }: LogPlace, writerId: Uint8Array, logId: Uint8Array, parent?: ParentLog): Uint8Array {
  const bytes = new Uint8Array(OBJECT_HEADER_BYTES);
  const header = { ...NO_BODY, firstPosition: position, lastPosition: position, firstSeq, committedAtMs, term: position, writerId, logId, parent };
  encodeObjectHeader(bytes, { kind: ObjectKind.claim, ...header }, objectName(position));
  return bytes;
}

/** The floor at a position: everything up to it is given up, and `firstSeq` is the first sequence number behind it. 128 bytes. */
export function encodeFloor(position: number, firstSeq: number, logId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(OBJECT_HEADER_BYTES);
  encodeObjectHeader(bytes, { kind: ObjectKind.floor, ...NO_BODY, ...NO_WRITER, firstPosition: 0, lastPosition: position, firstSeq, logId }, objectName(position));
  return bytes;
}

/**
 * The pack of objects at consecutive positions: the objects, one behind the other, and nothing of its own. So two packs of one
 * name have the same bytes, whoever made them.
 *
 * @param objects - At least one, each a valid commit or claim of the same log.
 */
export function encodePack(objects: readonly Uint8Array[]): Uint8Array {
  const bodyBytes = objects.reduce((sum, it) => sum + it.length, 0);
  const bytes = new Uint8Array(OBJECT_HEADER_BYTES + bodyBytes);
  let at = OBJECT_HEADER_BYTES;
  let recordCount = 0;
  for (const object of objects) {
    bytes.set(object, at);
    at += object.length;
    recordCount += readU64(object, RECORD_COUNT);
  }
  const first = objects[0] ?? bytes;
  const firstPosition = readU64(first, FIRST_POSITION);
  const lastPosition = firstPosition + objects.length - 1;
  const header = { firstPosition, lastPosition, firstSeq: readU64(first, FIRST_SEQ), recordCount, ...NO_WRITER, logId: copyOf(first, LOG_ID, 16) };
  const bodyCrc = crc32c(bytes.subarray(OBJECT_HEADER_BYTES));
  encodeObjectHeader(bytes, { kind: ObjectKind.pack, ...header, bodyBytes, bodyCrc }, packName(firstPosition, lastPosition));
  return bytes;
}

/** Writes a header into the first 128 bytes. `name` is the last part of the object's key. */
function encodeObjectHeader(bytes: Uint8Array, header: ObjectHeader, name: string): void {
  bytes.fill(0, 0, OBJECT_HEADER_BYTES);
  bytes.set(MAGIC, 0);
  bytes[VERSION] = OBJECT_VERSION;
  bytes[KIND] = header.kind;
  writeU64(bytes, FIRST_POSITION, header.firstPosition);
  writeU64(bytes, LAST_POSITION, header.lastPosition);
  writeU64(bytes, FIRST_SEQ, header.firstSeq);
  writeU64(bytes, RECORD_COUNT, header.recordCount);
  writeU64(bytes, TERM, header.term);
  bytes.set(header.writerId, WRITER_ID);
  bytes.set(header.logId, LOG_ID);
  // A claim has no body, and so the field is free.
  writeU64(bytes, BODY_BYTES, header.parent?.seq ?? header.bodyBytes);
  if (header.parent !== undefined) bytes.set(header.parent.logId.subarray(0, 16), PARENT_LOG_ID);
  writeU32(bytes, BODY_CRC, header.bodyCrc);
  writeU64(bytes, COMMITTED_AT, header.committedAtMs);
  writeU32(bytes, HEADER_CRC, headerCrc(bytes, 0, name));
}

/**
 * Reads the header at `at`. Its checksum covers the name, so an object that stands under another key than its own is invalid;
 * no other field is looked at before.
 *
 * @param name - Last part of the key that the object has.
 */
export function decodeObjectHeader(bytes: Uint8Array, at: number, name: string): DecodedObjectHeader {
  if (bytes.length < at + OBJECT_HEADER_BYTES) return invalid(`${bytes.length - at} bytes are too few for a header`);
  if (MAGIC.some((byte, index) => bytes[at + index] !== byte)) return invalid("it is no object of a log");
  if (headerCrc(bytes, at, name) !== readU32(bytes, at + HEADER_CRC)) return invalid("the checksum of its header does not fit it and its key");
  const version = (bytes[at + VERSION] ?? 0) | ((bytes[at + VERSION + 1] ?? 0) << 8);
  if (version !== OBJECT_VERSION) return { state: "unsupported", version };
  const kind = bytes[at + KIND];
  const number = (offset: number): number => readU64(bytes, at + offset);
  const hasParent = !isZero(bytes, at + PARENT_LOG_ID, at + HEADER_CRC);
  const header = {
    firstPosition: number(FIRST_POSITION),
    lastPosition: number(LAST_POSITION),
    firstSeq: number(FIRST_SEQ),
    recordCount: number(RECORD_COUNT),
    term: number(TERM),
    writerId: copyOf(bytes, at + WRITER_ID, 16),
    logId: copyOf(bytes, at + LOG_ID, 16),
    bodyBytes: hasParent ? 0 : number(BODY_BYTES),
    bodyCrc: readU32(bytes, at + BODY_CRC),
    committedAtMs: number(COMMITTED_AT),
    parent: hasParent ? { logId: copyOf(bytes, at + PARENT_LOG_ID, 16), seq: number(BODY_BYTES) } : undefined,
  };
  const isSound = isZero(bytes, at + KIND + 1, at + FIRST_POSITION) && areBounded(header) && (!hasParent || mayHaveParent(kind, header));
  if (!isSound || !isKind(kind) || !RULES[kind](header)) return invalid("its header contradicts itself");
  return { state: "valid", header: { kind, ...header } };
}

/** Why `bytes` are not the body that the header in front of them states, or `undefined`. Looks at every byte. */
export function bodyProblem(bytes: Uint8Array, start: number, end: number, { bodyBytes, bodyCrc }: ObjectHeader): string | undefined {
  if (end - start !== bodyBytes) return `it has ${end - start} bytes behind its header and states ${bodyBytes}`;
  if (bodyBytes > 0 && crc32c(bytes.subarray(start, end)) !== bodyCrc) return "the checksum of its body does not fit";
  return undefined;
}

/**
 * The objects in the body of a pack, or why they are not what its header states: one for each position, of the same log, their
 * sequence numbers without a gap. Their bodies' own checksums are not looked at; the pack's was.
 */
export function unpack(bytes: Uint8Array, pack: ObjectHeader): readonly PackedObject[] | string {
  const objects: PackedObject[] = [];
  let at = OBJECT_HEADER_BYTES;
  let nextSeq = pack.firstSeq;
  for (let position = pack.firstPosition; position <= pack.lastPosition; position++) {
    const decoded = decodeObjectHeader(bytes, at, objectName(position));
    if (decoded.state !== "valid") return `the object of position ${position} in it is ${decoded.state}`;
    const { header } = decoded;
    const start = at + OBJECT_HEADER_BYTES;
    at = start + header.bodyBytes;
    if (at > bytes.length) return `the object of position ${position} in it reaches beyond its end`;
    if (header.firstPosition !== position || header.kind > ObjectKind.claim) return `something else than position ${position} is in it`;
    if (!isSameId(header.logId, pack.logId)) return `the object of position ${position} in it is another log's`;
    if (header.firstSeq !== nextSeq) return `record ${header.firstSeq} stands in it where record ${nextSeq} must be`;
    nextSeq += header.recordCount;
    objects.push({ header, start, end: at });
  }
  if (at !== bytes.length) return "more is in it than its positions";
  if (nextSeq - pack.firstSeq !== pack.recordCount) return "it has another number of records than it states";
  return objects;
}

/** Whether two ids, or any two arrays, have the same bytes. */
export function isSameId(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => other[index] === byte);
}

/** The sequence number behind an object. */
export function seqAfter({ firstSeq, recordCount }: ObjectHeader): number {
  return firstSeq + recordCount;
}

type Fields = Omit<ObjectHeader, "kind">;

/** What must hold for each kind, beyond the bounds of every number. */
const RULES: Record<ObjectKind, (header: Fields) => boolean> = {
  [ObjectKind.commit]: (it) =>
    isOnePosition(it) &&
    it.term >= 1 &&
    it.term < it.lastPosition &&
    it.recordCount >= 1 &&
    it.recordCount <= MAX_RECORDS_PER_COMMIT &&
    it.bodyBytes >= 4 * it.recordCount &&
    it.bodyBytes <= MAX_OBJECT_BYTES - OBJECT_HEADER_BYTES,
  [ObjectKind.claim]: (it) => isOnePosition(it) && it.term === it.lastPosition && it.recordCount === 0 && hasNoBody(it),
  [ObjectKind.pack]: (it) =>
    it.firstPosition >= 1 &&
    it.lastPosition >= it.firstPosition &&
    it.lastPosition - it.firstPosition < MAX_PACK_OBJECTS &&
    it.bodyBytes >= OBJECT_HEADER_BYTES * (it.lastPosition - it.firstPosition + 1) &&
    it.bodyBytes <= MAX_PACK_BYTES - OBJECT_HEADER_BYTES &&
    hasNoWriter(it),
  [ObjectKind.floor]: (it) => it.firstPosition === 0 && it.lastPosition >= 1 && it.recordCount === 0 && hasNoBody(it) && hasNoWriter(it),
};

function isKind(byte: number | undefined): byte is ObjectKind {
  return byte !== undefined && byte >= ObjectKind.commit && byte <= ObjectKind.floor;
}

function mayHaveParent(kind: number | undefined, { parent, firstPosition, firstSeq }: Fields): boolean {
  return kind === ObjectKind.claim && firstPosition === 1 && parent !== undefined && parent.seq >= firstSeq - 1;
}

function areBounded(it: Fields): boolean {
  const numbers = [it.firstPosition, it.lastPosition, it.recordCount, it.term, it.bodyBytes, it.committedAtMs];
  return numbers.every((number) => number >= 0) && it.firstSeq >= 1 && it.recordCount <= Number.MAX_SAFE_INTEGER - it.firstSeq + 1;
}

function isOnePosition(it: Fields): boolean {
  return it.firstPosition >= 1 && it.lastPosition === it.firstPosition;
}

function hasNoBody(it: Fields): boolean {
  return it.bodyBytes === 0 && it.bodyCrc === 0;
}

function hasNoWriter(it: Fields): boolean {
  return it.term === 0 && it.committedAtMs === 0 && isZero(it.writerId, 0, 16);
}

/** Continued over the name: an object that stands under another key than its own is as bad as a damaged one. */
function headerCrc(bytes: Uint8Array, at: number, name: string): number {
  return crc32c(ASCII.encode(name), crc32c(bytes.subarray(at, at + HEADER_CRC)));
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

function copyOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, at + length));
}

function twentyDigits(number: number): string {
  return String(number).padStart(20, "0");
}

function invalid(reason: string): DecodedObjectHeader {
  return { state: "invalid", reason };
}

const ASCII = new TextEncoder();
const MAGIC = ASCII.encode("HFWALO");
const OBJECT_VERSION = 1;

const VERSION = 6;
const KIND = 8;
const FIRST_POSITION = 16;
const LAST_POSITION = 24;
const FIRST_SEQ = 32;
const RECORD_COUNT = 40;
const TERM = 48;
const WRITER_ID = 56;
const LOG_ID = 72;
const BODY_BYTES = 88;
const BODY_CRC = 96;
const COMMITTED_AT = 100;
const PARENT_LOG_ID = 108;
const HEADER_CRC = 124;

const NO_BODY = { recordCount: 0, bodyBytes: 0, bodyCrc: 0 };
const NO_WRITER = { term: 0, writerId: new Uint8Array(16), committedAtMs: 0, parent: undefined };
