import { failureAnswer, xmlAnswer, type Answer, type XmlNode } from "./answer.js";
import type { Bucket, SimUpload } from "./bucket.js";
import type { ObjectStoreQuirks } from "./dialect.js";
import type { ObjectRequest } from "./request.js";

/** How much a page of a list holds. */
export interface PageShape {
  /** At most so many names, whatever is asked for. */
  readonly maxNames: number;
  /** Called with how many names the page could have; answers how many it has. */
  readonly shorten: (names: number) => number;
  /** The store does not know a token that it gave. */
  readonly forgetsToken: boolean;
}

interface ListCircumstances {
  readonly bucket: Bucket;
  readonly bucketName: string;
  readonly quirks: ObjectStoreQuirks;
  readonly page: PageShape;
}

/** ListObjectsV2, without delimiters. A token names the place where the next page begins, so pages move with what is there. */
export function listObjects({ name: prefix, query }: ObjectRequest, { bucket, bucketName, quirks, page }: ListCircumstances): Answer {
  const token = query.get("continuation-token");
  const after = token === null ? (query.get("start-after") ?? "") : readToken(token);
  if (after === undefined || (token !== null && page.forgetsToken)) return failureAnswer(400, "InvalidArgument", [["ArgumentName", "continuation-token"]]);
  const asked = Number(query.get("max-keys") ?? 1_000);
  if (!Number.isSafeInteger(asked) || asked < 0) return failureAnswer(400, "InvalidArgument", [["ArgumentName", "max-keys"]]);
  const most = Math.min(asked, page.maxNames);
  // One more, which tells whether there are more.
  const rest = bucket.list(prefix, after, most + 1);
  const shown = rest.slice(0, page.shorten(Math.min(most, rest.length)));
  const isTruncated = shown.length < rest.length && asked > 0;
  const encode = encoderOf(query, quirks);
  const contents = shown.map((it) => entryOf(it, bucket, encode));
  const nodes: XmlNode[] = [
    ["Name", bucketName],
    ["Prefix", encode(prefix)],
    ["KeyCount", String(shown.length)],
    ["MaxKeys", String(asked)],
    ...(encode === urlEncoded ? [["EncodingType", "url"] as const] : []),
    ["IsTruncated", String(isTruncated)],
    ...(isTruncated ? [["NextContinuationToken", toToken(shown.at(-1) ?? after)] as const] : []),
    ...(quirks.listsUnordered === true ? contents.reverse() : contents),
  ];
  return xmlAnswer(200, ["ListBucketResult", nodes]);
}

/** ListMultipartUploads, in one page. */
export function listUploads({ name: prefix, query }: ObjectRequest, { bucket, bucketName, quirks }: ListCircumstances): Answer {
  const encode = encoderOf(query, quirks);
  const uploads = [...bucket.uploads.values()].filter((it) => it.name.startsWith(prefix)).sort(byName);
  const nodes: XmlNode[] = [
    ["Bucket", bucketName],
    ["Prefix", encode(prefix)],
    ["MaxUploads", "1000"],
    ...(encode === urlEncoded ? [["EncodingType", "url"] as const] : []),
    ["IsTruncated", "false"],
    ...uploads.map((it): XmlNode => ["Upload", [["Key", encode(it.name)], ["UploadId", it.id], ["Initiated", new Date(it.startedAt).toISOString()]]]),
  ];
  return xmlAnswer(200, ["ListMultipartUploadsResult", nodes]);
}

function entryOf(name: string, bucket: Bucket, encode: (text: string) => string): XmlNode {
  const object = bucket.objects.get(name);
  return [
    "Contents",
    [
      ["Key", encode(name)],
      ["LastModified", new Date(object?.modifiedAt ?? 0).toISOString()],
      ["ETag", object?.etag ?? ""],
      ["Size", String(object?.bytes.byteLength ?? 0)],
      ["StorageClass", "STANDARD"],
    ],
  ];
}

function encoderOf(query: URLSearchParams, { ignoresEncoding = false }: ObjectStoreQuirks): (text: string) => string {
  return query.get("encoding-type") === "url" && !ignoresEncoding ? urlEncoded : asItIs;
}

function urlEncoded(text: string): string {
  return text.split("/").map(encodeURIComponent).join("/");
}

function asItIs(text: string): string {
  return text;
}

function toToken(name: string): string {
  return Buffer.from(`after ${name}`).toString("base64");
}

function readToken(token: string): string | undefined {
  const text = Buffer.from(token, "base64").toString();
  return text.startsWith("after ") ? text.slice("after ".length) : undefined;
}

function byName(one: SimUpload, other: SimUpload): number {
  return Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)) || Buffer.compare(Buffer.from(one.id), Buffer.from(other.id));
}
