import { createHash } from "node:crypto";
import { crc32c } from "@holdfast/bytes";
import { emptyAnswer, failureAnswer, withoutBody, xmlAnswer, type Answer, type XmlNode } from "./answer.js";
import { etagOf, type Bucket, type SimObject } from "./bucket.js";
import { listObjects, listUploads, type PageShape } from "./lists.js";
import type { ObjectRequest } from "./request.js";
import { readItems } from "./request-body.js";
import { abortUpload, completeUpload, createUpload, uploadPart } from "./uploads.js";

/** What a store does otherwise than S3, always. */
export interface ObjectStoreQuirks {
  /**
   * `If-None-Match` counts for nothing: `always`; `inRaces`, so that of several at the same time more than one wins; or `inParts`,
   * when an upload is completed.
   */
  readonly ignoresConditions?: "always" | "inRaces" | "inParts" | undefined;
  /** `If-None-Match` is answered with 501 NotImplemented: on every write, or when an upload is completed. */
  readonly refusesConditions?: "always" | "inParts" | undefined;
  /** A PUT that is answered with 412 replaces the object all the same. */
  readonly writesDespite412?: boolean | undefined;
  readonly ignoresMetadata?: boolean | undefined;
  /** Neither verifies CRC-32C nor gives it back. */
  readonly ignoresChecksums?: boolean | undefined;
  readonly ignoresRanges?: boolean | undefined;
  /** Lists in another order than that of names, as directory buckets do. */
  readonly listsUnordered?: boolean | undefined;
  /** Lists names as they are, whatever encoding is asked for, and does not say that they are encoded. */
  readonly ignoresEncoding?: boolean | undefined;
  /** The answer to a batch names also what was removed. */
  readonly ignoresQuiet?: boolean | undefined;
  /** The completion of an upload that was completed is answered as the first time, as long as its object is there. */
  readonly repeatsCompletions?: boolean | undefined;
}

/** What an answer depends on beside the request. */
export interface Circumstances {
  readonly bucket: Bucket;
  readonly bucketName: string;
  readonly quirks: ObjectStoreQuirks;
  readonly nowMs: number;
  /** Whether the object was absent when the request came in. */
  readonly wasAbsent: boolean;
  /** A word that was not used before. */
  readonly newId: () => string;
  readonly page: PageShape;
  /** Which of a batch are not removed. */
  readonly isSpared: (name: string) => boolean;
}

/** Does a request and answers it, in the dialect of S3. */
export function answerTo(request: ObjectRequest, at: Circumstances): Answer {
  const answer = refusal(request, at) ?? answerOf(request, at);
  return request.operation === "HeadBucket" || request.operation === "HeadObject" ? withoutBody(answer) : answer;
}

/** Why a conditional write is refused, if it is. */
export function conditionRefusal(request: ObjectRequest, at: Circumstances): Answer | undefined {
  if (request.headers["if-none-match"] !== "*") return undefined;
  const { ignoresConditions: ignored, refusesConditions: refused } = at.quirks;
  const inParts = request.operation === "CompleteUpload";
  if (refused === "always" || (refused === "inParts" && inParts)) return failureAnswer(501, "NotImplemented", [["Header", "If-None-Match"]]);
  if (ignored === "always" || (ignored === "inParts" && inParts)) return undefined;
  const isAbsent = ignored === "inRaces" ? at.wasAbsent : !at.bucket.objects.has(request.name);
  return isAbsent ? undefined : failureAnswer(412, "PreconditionFailed", [["Condition", "If-None-Match"]]);
}

/** Why the bytes of a request are refused, if they are. */
export function checksumRefusal(request: ObjectRequest, quirks: ObjectStoreQuirks): Answer | undefined {
  const stated = request.headers["x-amz-checksum-crc32c"];
  if (stated === undefined || quirks.ignoresChecksums === true || stated === checksumText(request.body)) return undefined;
  return failureAnswer(400, "BadDigest");
}

/** CRC-32C as S3 writes it: four bytes, big-endian, in base64. */
function checksumText(bytes: Uint8Array): string {
  const text = Buffer.alloc(4);
  text.writeUInt32BE(crc32c(bytes));
  return text.toString("base64");
}

/** The metadata of a request, without `x-amz-meta-`. */
export function metadataOf({ headers }: ObjectRequest, quirks: ObjectStoreQuirks): Record<string, string> {
  if (quirks.ignoresMetadata === true) return {};
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(META));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(META.length), value]));
}

/** Headers that give a checksum back. */
export function checksumHeaders(checksum: string | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { "x-amz-checksum-crc32c": checksum, "x-amz-checksum-type": checksum.includes("-") ? "COMPOSITE" : "FULL_OBJECT" };
}

const META = "x-amz-meta-";

function sha256(bytes: Uint8Array): string {
  return bytes.byteLength === 0 ? SHA256_OF_NOTHING : createHash("sha256").update(bytes).digest("hex");
}

/** Of most requests. */
const SHA256_OF_NOTHING = createHash("sha256").digest("hex");

/** What holds for every request. */
function refusal(request: ObjectRequest, { bucketName }: Circumstances): Answer | undefined {
  if (request.bucket !== bucketName) return failureAnswer(404, "NoSuchBucket", [["BucketName", request.bucket]]);
  const stated = request.headers["x-amz-content-sha256"];
  if (stated !== undefined && stated !== sha256(request.body)) return failureAnswer(400, "XAmzContentSHA256Mismatch");
  return undefined;
}

function answerOf(request: ObjectRequest, at: Circumstances): Answer {
  switch (request.operation) {
    case "HeadBucket":
      return emptyAnswer(200, { "x-amz-bucket-region": "us-east-1" });
    case "HeadObject":
    case "GetObject":
      return getObject(request, at);
    case "PutObject":
      return putObject(request, at);
    case "DeleteObject":
      at.bucket.remove(request.name);
      return emptyAnswer(204);
    case "DeleteObjects":
      return deleteObjects(request, at);
    case "ListObjects":
      return listObjects(request, at);
    case "ListUploads":
      return listUploads(request, at);
    case "CreateUpload":
      return createUpload(request, at);
    case "UploadPart":
      return uploadPart(request, at);
    case "CompleteUpload":
      return completeUpload(request, at);
    case "AbortUpload":
      return abortUpload(request, at);
  }
}

function putObject(request: ObjectRequest, at: Circumstances): Answer {
  const { bucket, quirks, nowMs } = at;
  const refused = conditionRefusal(request, at);
  if (refused !== undefined && !(refused.status === 412 && quirks.writesDespite412 === true)) return refused;
  const wrong = checksumRefusal(request, quirks);
  if (wrong !== undefined) return wrong;
  const object: SimObject = {
    bytes: request.body,
    etag: etagOf(request.body),
    modifiedAt: nowMs,
    contentType: request.headers["content-type"] ?? "binary/octet-stream",
    metadata: metadataOf(request, quirks),
    checksum: quirks.ignoresChecksums === true ? undefined : request.headers["x-amz-checksum-crc32c"],
  };
  bucket.put(request.name, object);
  return refused ?? emptyAnswer(200, { etag: object.etag, ...checksumHeaders(object.checksum) });
}

function getObject(request: ObjectRequest, { bucket, quirks }: Circumstances): Answer {
  const object = bucket.objects.get(request.name);
  if (object === undefined) return failureAnswer(404, "NoSuchKey", [["Key", request.name]]);
  const wanted = request.headers["if-match"];
  if (wanted !== undefined && wanted !== object.etag) return failureAnswer(412, "PreconditionFailed", [["Condition", "If-Match"]]);
  const size = object.bytes.byteLength;
  const headers = {
    "accept-ranges": "bytes",
    "content-type": object.contentType,
    etag: object.etag,
    // HTTP knows whole seconds only.
    "last-modified": new Date(object.modifiedAt).toUTCString(),
    ...Object.fromEntries(Object.entries(object.metadata).map(([name, value]) => [`${META}${name}`, value])),
  };
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers["range"] ?? "") ?? [];
  if (first === undefined || quirks.ignoresRanges === true) {
    const checksum = request.headers["x-amz-checksum-mode"] === "ENABLED" ? checksumHeaders(object.checksum) : {};
    return { status: 200, headers: { ...headers, ...checksum, "content-length": String(size) }, body: object.bytes };
  }
  if (Number(first) >= size) return failureAnswer(416, "InvalidRange", [["ActualObjectSize", String(size)]]);
  const end = Math.min(size, last === "" || last === undefined ? size : Number(last) + 1);
  const body = object.bytes.subarray(Number(first), end);
  const range = { "content-range": `bytes ${first}-${end - 1}/${size}`, "content-length": String(body.byteLength) };
  return { status: 206, headers: { ...headers, ...range }, body };
}

function deleteObjects(request: ObjectRequest, { bucket, quirks, isSpared }: Circumstances): Answer {
  const wrong = checksumRefusal(request, quirks);
  if (wrong !== undefined) return wrong;
  const items = readItems(request.body, "Delete", "Object");
  if (items === undefined || items.length === 0 || items.length > 1_000) return failureAnswer(400, "MalformedXML");
  const results: XmlNode[] = [];
  for (const { fields } of items) {
    const name = fields.get("Key");
    if (name === undefined) return failureAnswer(400, "MalformedXML");
    if (isSpared(name)) {
      results.push(["Error", [["Key", name], ["Code", "InternalError"], ["Message", "As the simulated store says."]]]);
      continue;
    }
    bucket.remove(name);
    if (quirks.ignoresQuiet === true) results.push(["Deleted", [["Key", name]]]);
  }
  return xmlAnswer(200, ["DeleteResult", results]);
}
