import type { HttpRequest } from "@holdfast/storage/ports";
import type { ObjectOperation } from "./faults.js";

/** A request as the store reads it. */
export interface ObjectRequest {
  readonly operation: ObjectOperation;
  readonly bucket: string;
  /** The object; the prefix of a list; `""` for other requests on the bucket. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Reads a request in the dialect of S3, addressed as `HOST/BUCKET/NAME` or `BUCKET.HOST/NAME`.
 *
 * @throws Error for a request that no client of S3 would send: an unknown operation, or headers that are the port's to add.
 */
export function readRequest({ method, url, headers, body }: HttpRequest, ownBucket: string): ObjectRequest {
  for (const name of Object.keys(headers)) {
    if (name !== name.toLowerCase() || name === "host" || name === "content-length") throw new Error(`not a header for a port: ${name}`);
  }
  const { hostname, pathname, searchParams: query } = new URL(url);
  const path = pathname.slice(1).split("/").map(decodeURIComponent);
  const isVirtual = hostname.startsWith(`${ownBucket}.`);
  const bucket = isVirtual ? ownBucket : (path.shift() ?? "");
  const object = path.join("/");
  const operation = object === "" ? bucketOperation(method, query) : objectOperation(method, query);
  if (operation === undefined) throw new Error(`not a request in the dialect of S3: ${method} ${pathname}`);
  const name = object === "" ? (query.get("prefix") ?? "") : object;
  return { operation, bucket, name, query, headers, body: body?.slice() ?? new Uint8Array(0) };
}

function bucketOperation(method: HttpRequest["method"], query: URLSearchParams): ObjectOperation | undefined {
  if (method === "HEAD") return "HeadBucket";
  if (method === "POST" && query.has("delete")) return "DeleteObjects";
  if (method === "GET" && query.has("uploads")) return "ListUploads";
  if (method === "GET" && query.get("list-type") === "2") return "ListObjects";
  return undefined;
}

function objectOperation(method: HttpRequest["method"], query: URLSearchParams): ObjectOperation | undefined {
  const inParts = query.has("uploadId");
  if (method === "HEAD") return "HeadObject";
  if (method === "GET") return "GetObject";
  if (method === "PUT") return inParts ? "UploadPart" : "PutObject";
  if (method === "DELETE") return inParts ? "AbortUpload" : "DeleteObject";
  if (inParts) return "CompleteUpload";
  return query.has("uploads") ? "CreateUpload" : undefined;
}
