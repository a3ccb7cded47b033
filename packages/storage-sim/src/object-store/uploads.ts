import { crc32c } from "@holdfast/bytes";
import { emptyAnswer, failureAnswer, xmlAnswer, type Answer, type XmlNode } from "./answer.js";
import { etagOf, etagOfParts, type SimObject, type SimPart, type SimUpload } from "./bucket.js";
import { checksumHeaders, checksumRefusal, conditionRefusal, metadataOf, type Circumstances } from "./dialect.js";
import type { ObjectRequest } from "./request.js";
import { readItems } from "./request-body.js";

/** CreateMultipartUpload. */
export function createUpload(request: ObjectRequest, at: Circumstances): Answer {
  const upload: SimUpload = {
    id: at.newId(),
    name: request.name,
    startedAt: at.nowMs,
    contentType: request.headers["content-type"] ?? "binary/octet-stream",
    metadata: metadataOf(request, at.quirks),
    parts: new Map(),
  };
  at.bucket.uploads.set(upload.id, upload);
  return xmlAnswer(200, ["InitiateMultipartUploadResult", [["Bucket", at.bucketName], ["Key", request.name], ["UploadId", upload.id]]]);
}

/** UploadPart: of two with the same number the later one counts. */
export function uploadPart(request: ObjectRequest, at: Circumstances): Answer {
  const upload = uploadOf(request, at);
  if (upload === undefined) return NO_SUCH_UPLOAD();
  const number = Number(request.query.get("partNumber"));
  if (!Number.isSafeInteger(number) || number < 1 || number > 10_000) return failureAnswer(400, "InvalidArgument", [["ArgumentName", "partNumber"]]);
  const wrong = checksumRefusal(request, at.quirks);
  if (wrong !== undefined) return wrong;
  const checksum = at.quirks.ignoresChecksums === true ? undefined : request.headers["x-amz-checksum-crc32c"];
  const part: SimPart = { bytes: request.body, etag: etagOf(request.body), checksum };
  upload.parts.set(number, part);
  return emptyAnswer(200, { etag: part.etag, ...(checksum === undefined ? {} : { "x-amz-checksum-crc32c": checksum }) });
}

/** CompleteMultipartUpload: the step by which the object appears. */
export function completeUpload(request: ObjectRequest, at: Circumstances): Answer {
  const before = at.bucket.completed.get(request.query.get("uploadId") ?? "");
  if (before !== undefined && before === at.bucket.objects.get(request.name)) return completed(request.name, before, at);
  const refused = conditionRefusal(request, at);
  if (refused !== undefined) return refused;
  const upload = uploadOf(request, at);
  if (upload === undefined) return NO_SUCH_UPLOAD();
  const parts = namedParts(request, upload);
  if ("refused" in parts) return failureAnswer(400, parts.refused, [["UploadId", upload.id]]);
  const object = {
    bytes: new Uint8Array(Buffer.concat(parts.named.map((it) => it.bytes))),
    etag: etagOfParts(parts.named),
    modifiedAt: at.nowMs,
    contentType: upload.contentType,
    metadata: upload.metadata,
    checksum: compositeChecksum(parts.named),
  };
  at.bucket.put(upload.name, object);
  at.bucket.uploads.delete(upload.id);
  if (at.quirks.repeatsCompletions === true) at.bucket.completed.set(upload.id, object);
  return completed(upload.name, object, at);
}

/** AbortMultipartUpload. */
export function abortUpload(request: ObjectRequest, at: Circumstances): Answer {
  const upload = uploadOf(request, at);
  if (upload === undefined) return NO_SUCH_UPLOAD();
  at.bucket.uploads.delete(upload.id);
  return emptyAnswer(204);
}

function completed(name: string, { etag, checksum }: SimObject, { bucketName }: Circumstances): Answer {
  const stated: readonly XmlNode[] = checksum === undefined ? [] : [["ChecksumCRC32C", checksum], ["ChecksumType", "COMPOSITE"]];
  const answer = xmlAnswer(200, ["CompleteMultipartUploadResult", [["Bucket", bucketName], ["Key", name], ["ETag", etag], ...stated]]);
  return { ...answer, headers: { ...answer.headers, ...checksumHeaders(checksum) } };
}

/** A part that is not the last one has at least so many bytes. */
const MIN_PART_BYTES = 5 * 1_048_576;

const NO_SUCH_UPLOAD = (): Answer => failureAnswer(404, "NoSuchUpload");

function uploadOf({ name, query }: ObjectRequest, { bucket }: Circumstances): SimUpload | undefined {
  const upload = bucket.uploads.get(query.get("uploadId") ?? "");
  return upload?.name === name ? upload : undefined;
}

/** The parts that a completion names, or the code by which it is refused. */
function namedParts({ body }: ObjectRequest, upload: SimUpload): { readonly named: readonly SimPart[] } | { readonly refused: string } {
  const items = readItems(body, "CompleteMultipartUpload", "Part");
  if (items === undefined || items.length === 0) return { refused: "MalformedXML" };
  const named: SimPart[] = [];
  let last = 0;
  for (const [index, { fields }] of items.entries()) {
    const number = Number(fields.get("PartNumber"));
    if (number <= last) return { refused: "InvalidPartOrder" };
    last = number;
    const part = upload.parts.get(number);
    const stated = fields.get("ChecksumCRC32C");
    if (part === undefined || part.etag !== fields.get("ETag")) return { refused: "InvalidPart" };
    if (stated !== undefined && part.checksum !== undefined && stated !== part.checksum) return { refused: "InvalidPart" };
    if (index < items.length - 1 && part.bytes.byteLength < MIN_PART_BYTES) return { refused: "EntityTooSmall" };
    named.push(part);
  }
  return { named };
}

function compositeChecksum(parts: readonly SimPart[]): string | undefined {
  const checksums: Buffer[] = [];
  for (const { checksum } of parts) {
    if (checksum === undefined) return undefined;
    checksums.push(Buffer.from(checksum, "base64"));
  }
  const whole = Buffer.alloc(4);
  whole.writeUInt32BE(crc32c(Buffer.concat(checksums)));
  return `${whole.toString("base64")}-${parts.length}`;
}
