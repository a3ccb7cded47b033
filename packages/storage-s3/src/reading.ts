import type { ByteRange, StorageEntry, StorageKey } from "@holdfast/storage";
import type { HttpResponse } from "@holdfast/storage/ports";
import { CHECKSUM_HEADER, checksumOf, wholeChecksum } from "./checksum.js";
import { requireHeader } from "./client.js";
import { badAnswer, RequestFailure } from "./errors.js";
import { contentLength, headerTime, readBounded } from "./responses.js";
import { WRITE_ID_HEADER, type ObjectStore } from "./object-store.js";

/** What the head of an object tells. */
export interface ObjectHead {
  readonly size: number;
  /** Unix milliseconds, 0 where the store does not say. */
  readonly modifiedAt: number;
  /** Names one version. */
  readonly etag: string;
  /** Names the call that wrote it, where it was written by this package. */
  readonly writeId: string | undefined;
}

/** The head of an object, or `undefined` if there is none. */
export async function headObject(store: ObjectStore, key: StorageKey, signal: AbortSignal | undefined): Promise<ObjectHead | undefined> {
  const head = await store.client.retry(signal, (attempt) => tryHead(store, store.objectName(key), attempt));
  // To HEAD a bucket that is not there looks like an object that is not there.
  if (head === undefined) await store.bucket.require(signal);
  return head;
}

/** {@link headObject} in one attempt. */
export async function tryHead({ client }: ObjectStore, name: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
  try {
    return await client.attempt({ method: "HEAD", key: name }, signal, (response) => {
      response.discard();
      return toHead(response);
    });
  } catch (error) {
    if (error instanceof RequestFailure && error.status === 404) return undefined;
    throw error;
  }
}

/** An object as the contract lists it. */
export function toEntry(key: StorageKey, { size, modifiedAt }: Pick<ObjectHead, "size" | "modifiedAt">): StorageEntry {
  return { key, size, modifiedAt };
}

/** @throws RequestFailure `BadAnswer` unless the response names size and version. */
export function toHead(response: HttpResponse): ObjectHead {
  const size = contentLength(response);
  if (size === undefined) throw badAnswer("an answer that does not state the object's size");
  return {
    size,
    modifiedAt: headerTime(response, "last-modified") ?? 0,
    etag: requireHeader(response, "etag"),
    writeId: response.headers[WRITE_ID_HEADER],
  };
}

/** The bytes of an object or of a range of it; `undefined` if there is none. */
export async function readObject(
  store: ObjectStore,
  key: StorageKey,
  range: ByteRange | undefined,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  if (range?.length === 0) return (await headObject(store, key, signal)) === undefined ? undefined : new Uint8Array(0);
  const request = { method: "GET", key: store.objectName(key), headers: rangeHeaders(range) } as const;
  try {
    return await store.client.send(request, signal, (response) =>
      range === undefined ? readWhole(response, maxBytes) : readRange(response, range, maxBytes),
    );
  } catch (error) {
    if (isAbsent(error)) return undefined;
    if (range !== undefined && isBehindEnd(error)) return new Uint8Array(0);
    throw error;
  }
}

/** Whether a store says that there is no such object. That there is no bucket, or that nobody knows the address, is another thing. */
export function isAbsent(error: unknown): boolean {
  return error instanceof RequestFailure && error.status === 404 && error.code === "NoSuchKey";
}

/** Whether a store says that the object ends before the range begins. */
export function isBehindEnd(error: unknown): boolean {
  return error instanceof RequestFailure && error.status === 416;
}

/** The part of an object that a response holds: bytes from `start` up to `end`, of `size` in all. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * What a response to a request for a range holds. A store that does not know ranges answers with the whole object.
 *
 * @throws RequestFailure `BadAnswer` for another range than was asked for.
 */
export function spanOf(response: HttpResponse, range: ByteRange): Span {
  const length = contentLength(response);
  if (length === undefined) throw badAnswer("an answer that does not state its length: a proxy may change it on its way");
  if (response.status === 200) return { start: 0, end: length };
  const [, first, last, size] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(response.headers["content-range"] ?? "") ?? [];
  const span = { start: Number(first), end: Number(last) + 1 };
  const expectedEnd = Math.min(range.offset + range.length, Number(size));
  if (response.status !== 206 || span.start !== range.offset || span.end !== expectedEnd || span.end - span.start !== length) {
    throw badAnswer("an answer with another range than the one asked for");
  }
  return span;
}

/** The header that asks for a range; its end is left open where no number could name it. */
export function rangeHeaders(range: ByteRange | undefined): Record<string, string> {
  if (range === undefined) return { "x-amz-checksum-mode": "ENABLED" };
  const last = range.offset + range.length - 1;
  return { range: `bytes=${range.offset}-${Number.isSafeInteger(last) ? last : ""}` };
}

async function readWhole(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  requireRoom(response, maxBytes);
  const bytes = await readBounded(response, maxBytes);
  const stated = wholeChecksum(response.headers);
  if (stated !== undefined && stated !== checksumOf(bytes)) throw badAnswer(`bytes that do not match ${CHECKSUM_HEADER}`);
  return ownBytes(bytes);
}

async function readRange(response: HttpResponse, range: ByteRange, maxBytes: number): Promise<Uint8Array> {
  const span = spanOf(response, range);
  requireRoom(response, maxBytes);
  const bytes = await readBounded(response, span.end - span.start);
  return ownBytes(bytes.subarray(range.offset - span.start, range.offset - span.start + range.length));
}

/** The array belongs to the caller: it must not be a view of what a connection reads into. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}

function requireRoom(response: HttpResponse, maxBytes: number): void {
  const length = contentLength(response);
  if (length === undefined) throw badAnswer("an answer that does not state its length: a proxy may change it on its way");
  if (length <= maxBytes) return;
  response.discard();
  throw new RequestFailure(`${length} bytes are too many to read at once, over maxReadBytes; use stream or a range`, {
    code: "EntityTooLarge",
    outcome: "not_applied",
    transient: false,
  });
}
