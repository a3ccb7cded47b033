import { onAbort } from "@holdfast/storage";
import { CHECKSUM_HEADER, checksumOf } from "./checksum.js";
import { ignoreBody, takeEtag } from "./client.js";
import { badAnswer, RequestFailure, storageError, toStorageError } from "./errors.js";
import { newWriteId } from "./object-store.js";
import { readXml } from "./responses.js";
import { commit, conditionOf, objectHeaders, type Writing } from "./writing.js";
import { childText, escapeXml } from "./xml.js";

/**
 * Puts an object in parts. Nobody sees it before the last step, which is conditional as a single PUT is.
 *
 * @param parts - All but the last one at least 5 MiB.
 * @returns The number of bytes.
 * @throws As `commit`; STORAGE_TOO_LARGE for more than 10,000 parts. In every case the store is told to forget the parts.
 */
export async function putInParts(writing: Writing, parts: AsyncIterable<Uint8Array>): Promise<number> {
  const { store, failure, signal } = writing;
  const writeId = newWriteId(store.random);
  try {
    const upload: Upload = { writing, id: await begin(writing, writeId) };
    try {
      const sent = await sendAll(upload, parts);
      await commit(writing, writeId, (attempt) => complete(upload, sent, attempt));
      return sent.reduce((sum, part) => sum + part.size, 0);
    } catch (error) {
      store.inBackground(abort(upload));
      throw error;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw toStorageError(error, failure);
  }
}

/** An upload in parts that was begun. */
export interface Upload {
  readonly writing: Writing;
  readonly id: string;
}

/** A part that the store has. */
export interface SentPart {
  readonly number: number;
  readonly etag: string;
  readonly checksum: string;
  readonly size: number;
}

/** Begins an upload. One whose answer is lost is an upload that nobody knows of: see `abortLeftovers`. */
export async function begin({ store, name, signal }: Writing, writeId: string): Promise<string> {
  const request = {
    method: "POST",
    key: name,
    query: { uploads: "" },
    headers: { ...objectHeaders(writeId), "x-amz-checksum-algorithm": "CRC32C" },
  } as const;
  const result = await store.client.send(request, signal, (response) => readXml(response, "InitiateMultipartUploadResult"));
  const id = childText(result, "UploadId");
  if (id === undefined || id === "") throw badAnswer("an upload without an id");
  return id;
}

/** Sends a part, again where that may help: a number gets the part that came last. @param number - From 1 to 10,000. @throws RequestFailure. */
export async function sendPart({ writing, id }: Upload, number: number, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<SentPart> {
  const { store, name } = writing;
  const checksum = checksumOf(bytes);
  const request = {
    method: "PUT",
    key: name,
    query: { partNumber: String(number), uploadId: id },
    headers: { [CHECKSUM_HEADER]: checksum },
    body: bytes,
  } as const;
  const etag = await store.client.send(request, signal, takeEtag);
  return { number, etag, checksum, size: bytes.byteLength };
}

/** Makes the object of its parts, in one attempt. The answer may be a failure under a status of 200. */
export async function complete({ writing, id }: Upload, parts: readonly SentPart[], signal: AbortSignal): Promise<void> {
  const { store, name } = writing;
  const list = parts.map(
    ({ number, etag, checksum }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag><ChecksumCRC32C>${checksum}</ChecksumCRC32C></Part>`,
  );
  const request = {
    method: "POST",
    key: name,
    query: { uploadId: id },
    headers: { "content-type": "application/xml", ...conditionOf(writing) },
    body: Buffer.from(`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list.join("")}</CompleteMultipartUpload>`),
  } as const;
  await store.client.attempt(request, signal, (response) => readXml(response, ...COMPLETED));
}

/** Has the store forget the parts. Should that fail, they are leftovers, which harm nobody and cost a little. */
export async function abort({ writing, id }: Upload): Promise<void> {
  const { store, name } = writing;
  try {
    await store.client.send({ method: "DELETE", key: name, query: { uploadId: id } }, undefined, ignoreBody);
  } catch (error) {
    if (!(error instanceof RequestFailure)) throw error;
  }
}

/** The second one is what moto answers. */
const COMPLETED = ["CompleteMultipartUploadResult", "CompleteMultipartUploadResponse"] as const;
const MAX_PARTS = 10_000;
const PARTS_UNDER_WAY = 3;

/** Sends a few parts at a time, in bounded memory. Waits for those under way also when one fails. */
async function sendAll(upload: Upload, parts: AsyncIterable<Uint8Array>): Promise<SentPart[]> {
  const { failure, signal } = upload.writing;
  const stop = new AbortController();
  const letGo = onAbort(signal, () => {
    stop.abort(signal?.reason);
  });
  const sent: Promise<SentPart>[] = [];
  try {
    for await (const bytes of parts) {
      if (sent.length === MAX_PARTS) throw storageError("STORAGE_TOO_LARGE", `the body has more than ${MAX_PARTS} parts; raise partBytes`, failure);
      const sending = sendPart(upload, sent.length + 1, bytes, stop.signal);
      // At once, also while a part before it is waited for.
      sending.catch((error: unknown) => {
        stop.abort(error);
      });
      sent.push(sending);
      await sent[sent.length - PARTS_UNDER_WAY];
    }
    return await Promise.all(sent);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(sent);
    throw error;
  } finally {
    letGo();
  }
}
