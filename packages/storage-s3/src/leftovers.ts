import { checkBetween } from "./arguments.js";
import { ignoreBody } from "./client.js";
import { connect, type Connection } from "./connection.js";
import { badAnswer, RequestFailure, toStorageError } from "./errors.js";
import type { S3BackendOptions } from "./options.js";
import { readXml } from "./responses.js";
import { childrenOf, childText } from "./xml.js";

/** Options of {@link abortLeftovers}. */
export interface AbortLeftoversOptions extends S3BackendOptions {
  /** Only uploads that were begun longer ago than so many milliseconds, by the store's clock: 1 to a year. Others may be under way. */
  readonly olderThanMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has the store forget uploads in parts below the prefix that nobody will complete: those of processes that died in the middle of
 * a long body. Nobody sees them, and Amazon asks money for them. A rule of the bucket that aborts incomplete uploads does the same.
 *
 * Without a prefix it takes all old uploads of the bucket, whoever began them. MinIO lists uploads of a whole bucket only, so that
 * with a prefix it finds none there.
 *
 * @returns How many were forgotten.
 * @throws STORAGE_INVALID_ARGUMENT; STORAGE_ACCESS_DENIED; STORAGE_WRITE_FAILED; `signal.reason`.
 */
export async function abortLeftovers(options: AbortLeftoversOptions): Promise<number> {
  const failure = { operation: "abortLeftovers", outcome: "not_applied" } as const;
  checkBetween("olderThanMs", options.olderThanMs, 1, 366 * 86_400_000, failure);
  const connection = connect(options, "abortLeftovers");
  const { signal } = options;
  try {
    let count = 0;
    for (let marker: Marker | undefined = { key: "", uploadId: "" }; marker !== undefined; ) {
      const page: UploadPage = await listUploads(connection, marker, signal);
      for (const { name, id, startedAt } of page.uploads) {
        if (startedAt >= connection.clock.now() - options.olderThanMs) continue;
        await abort(connection, name, id, signal);
        count += 1;
      }
      marker = page.next;
    }
    return count;
  } catch (error) {
    signal?.throwIfAborted();
    throw toStorageError(error, failure);
  } finally {
    await connection.release();
  }
}

interface Marker {
  readonly key: string;
  readonly uploadId: string;
}

interface UploadPage {
  readonly uploads: readonly { readonly name: string; readonly id: string; readonly startedAt: number }[];
  readonly next: Marker | undefined;
}

async function listUploads({ store, root }: Connection, marker: Marker, signal: AbortSignal | undefined): Promise<UploadPage> {
  const query = {
    uploads: "",
    prefix: root,
    ...(marker.key === "" ? {} : { "key-marker": marker.key, "upload-id-marker": marker.uploadId }),
  };
  const result = await store.client.send({ method: "GET", query }, signal, (response) => readXml(response, "ListMultipartUploadsResult"));
  const uploads = childrenOf(result, "Upload").map((item) => {
    const [name, id, startedAt] = [childText(item, "Key"), childText(item, "UploadId"), Date.parse(childText(item, "Initiated") ?? "")];
    if (name === undefined || id === undefined || !Number.isFinite(startedAt)) throw badAnswer("an upload without key, id or time");
    return { name, id, startedAt };
  });
  if (childText(result, "IsTruncated") !== "true") return { uploads: uploads.filter(({ name }) => name.startsWith(root)), next: undefined };
  const next = { key: childText(result, "NextKeyMarker") ?? "", uploadId: childText(result, "NextUploadIdMarker") ?? "" };
  if (next.key === "" || (next.key === marker.key && next.uploadId === marker.uploadId)) throw badAnswer("a list that goes on, and does not say where");
  return { uploads: uploads.filter(({ name }) => name.startsWith(root)), next };
}

async function abort({ store }: Connection, key: string, uploadId: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await store.client.send({ method: "DELETE", key, query: { uploadId } }, signal, ignoreBody);
  } catch (error) {
    // Somebody else was first.
    if (!(error instanceof RequestFailure) || error.code !== "NoSuchUpload") throw error;
  }
}
