import { createHash } from "node:crypto";
import { checksumOf } from "../../src/checksum.js";
import type { RawRequest } from "./server.js";

/**
 * Requests in the dialect of S3, one after the other: what the backend relies on, and what it has to be able to tell apart. Sent to
 * every server, whose answers are recorded; the simulated store is held against the records.
 */
export interface ScriptStep {
  /** What is asked, in a few words; unique. */
  readonly name: string;
  /** @param said - What earlier answers said: `upload-1` and the like, as {@link keep} names it. */
  readonly request: (said: ReadonlyMap<string, string>) => RawRequest;
  /** Names a piece of the answer for later requests. */
  readonly keep?: { readonly as: string; readonly from: RegExp | "etag" };
}

/** The script for objects below `/bucket/prefix`. */
export function script(bucket: string, prefix: string): readonly ScriptStep[] {
  const at = (name: string, query = ""): string => `/${bucket}/${prefix}/${name}${query}`;
  const list = (query: string): string => `/${bucket}?list-type=2&encoding-type=url&prefix=${prefix}%2F${query}`;
  const put = (name: string, body: string, headers: Record<string, string> = {}): RawRequest => ({
    method: "PUT",
    path: at(name),
    body,
    headers: { "content-type": "application/octet-stream", "x-amz-checksum-crc32c": crc(body), ...headers },
  });
  const begin = (name: string): RawRequest => ({
    method: "POST",
    path: at(name, "?uploads="),
    headers: { "content-type": "application/octet-stream", "x-amz-meta-holdfast-write": "w", "x-amz-checksum-algorithm": "CRC32C" },
  });
  const part = (name: string, upload: string, body = "part"): ScriptStep["request"] => (said) => ({
    method: "PUT",
    path: at(name, `?partNumber=1&uploadId=${encodeURIComponent(need(said, upload))}`),
    body,
    headers: { "x-amz-checksum-crc32c": crc(body) },
  });
  const complete = (name: string, upload: string, etag: string, headers: Record<string, string> = {}): ScriptStep["request"] => (said) => ({
    method: "POST",
    path: at(name, `?uploadId=${encodeURIComponent(need(said, upload))}`),
    headers: { "content-type": "application/xml", ...headers },
    body: `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><PartNumber>1</PartNumber><ETag>${need(said, etag)}</ETag><ChecksumCRC32C>${crc("part")}</ChecksumCRC32C></Part></CompleteMultipartUpload>`,
  });
  const abort = (name: string, upload: string): ScriptStep["request"] => (said) => ({
    method: "DELETE",
    path: at(name, `?uploadId=${encodeURIComponent(need(said, upload))}`),
  });
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/;
  const ifAbsent = { "if-none-match": "*" };
  const plain = (request: RawRequest) => (): RawRequest => request;
  return [
    { name: "HEAD of the bucket", request: plain({ method: "HEAD", path: `/${bucket}` }) },
    { name: "HEAD of a bucket that is not there", request: plain({ method: "HEAD", path: "/holdfast-not-there" }) },
    { name: "GET in a bucket that is not there", request: plain({ method: "GET", path: "/holdfast-not-there/a.txt" }) },
    { name: "conditional PUT, free", request: plain(put("a.txt", "hello", { ...ifAbsent, "x-amz-meta-holdfast-write": "w1" })) },
    { name: "conditional PUT, taken", request: plain(put("a.txt", "again", ifAbsent)) },
    { name: "conditional PUT, taken, same bytes", request: plain(put("a.txt", "hello", { ...ifAbsent, "x-amz-meta-holdfast-write": "w1" })) },
    { name: "HEAD of an object", request: plain({ method: "HEAD", path: at("a.txt") }) },
    { name: "HEAD of no object", request: plain({ method: "HEAD", path: at("none.txt") }) },
    { name: "GET of an object", request: plain({ method: "GET", path: at("a.txt"), headers: { "x-amz-checksum-mode": "ENABLED" } }) },
    { name: "GET of no object", request: plain({ method: "GET", path: at("none.txt") }) },
    { name: "GET of a range", request: plain({ method: "GET", path: at("a.txt"), headers: { range: "bytes=1-2" } }) },
    { name: "GET of a range that ends behind the object", request: plain({ method: "GET", path: at("a.txt"), headers: { range: "bytes=3-99" } }) },
    { name: "GET of a range behind the object", request: plain({ method: "GET", path: at("a.txt"), headers: { range: "bytes=5-9" } }) },
    { name: "GET by another ETag", request: plain({ method: "GET", path: at("a.txt"), headers: { "if-match": '"00000000000000000000000000000000"' } }) },
    { name: "PUT over an object", request: plain(put("a.txt", "hello, again")) },
    { name: "PUT with a wrong checksum", request: plain(put("wrong.txt", "hello", { "x-amz-checksum-crc32c": crc("other") })) },
    { name: "PUT of nothing", request: plain(put("empty.txt", "", ifAbsent)) },
    { name: "GET of an object without bytes", request: plain({ method: "GET", path: at("empty.txt") }) },
    { name: "GET of a range of an object without bytes", request: plain({ method: "GET", path: at("empty.txt"), headers: { range: "bytes=0-9" } }) },
    ...["l/a-.x", "l/a.x", "l/a/b.x", "l/a0.x", "l/a_.x"].map((name) => ({ name: `PUT of ${name}`, request: plain(put(name, "l")) })),
    { name: "LIST in one page", request: plain({ method: "GET", path: list("l%2F") }) },
    {
      name: "LIST, first page of two keys",
      request: plain({ method: "GET", path: list("l%2F&max-keys=2") }),
      keep: { as: "token", from: /<NextContinuationToken>([^<]+)</ },
    },
    {
      name: "LIST, second page",
      request: (said) => ({ method: "GET", path: list(`l%2F&max-keys=2&continuation-token=${encodeURIComponent(need(said, "token"))}`) }),
    },
    { name: "LIST behind a key", request: plain({ method: "GET", path: list(`l%2F&start-after=${prefix}%2Fl%2Fa%2Fb.x`) }) },
    { name: "LIST of nothing", request: plain({ method: "GET", path: list("none%2F") }) },
    { name: "LIST by a token that is none", request: plain({ method: "GET", path: list("l%2F&continuation-token=nonsense") }) },
    { name: "multipart: begin", request: plain(begin("m.bin")), keep: { as: "upload-1", from: uploadId } },
    { name: "multipart: part", request: part("m.bin", "upload-1"), keep: { as: "etag-1", from: "etag" } },
    { name: "multipart: HEAD before completion", request: plain({ method: "HEAD", path: at("m.bin") }) },
    { name: "multipart: LIST of uploads", request: plain({ method: "GET", path: `/${bucket}?uploads=&encoding-type=url&prefix=${prefix}%2Fm.bin` }) },
    { name: "multipart: conditional completion, free", request: complete("m.bin", "upload-1", "etag-1", ifAbsent) },
    { name: "multipart: completion once more", request: complete("m.bin", "upload-1", "etag-1", ifAbsent) },
    { name: "multipart: HEAD after completion", request: plain({ method: "HEAD", path: at("m.bin") }) },
    { name: "multipart: begin on a taken key", request: plain(begin("a.txt")), keep: { as: "upload-2", from: uploadId } },
    { name: "multipart: part on a taken key", request: part("a.txt", "upload-2"), keep: { as: "etag-2", from: "etag" } },
    { name: "multipart: conditional completion, taken", request: complete("a.txt", "upload-2", "etag-2", ifAbsent) },
    { name: "multipart: completion with a part that was never sent", request: complete("a.txt", "upload-2", "other-etag") },
    { name: "multipart: abort", request: abort("a.txt", "upload-2") },
    { name: "multipart: abort once more", request: abort("a.txt", "upload-2") },
    { name: "multipart: part of an aborted upload", request: part("a.txt", "upload-2") },
    {
      name: "batch DELETE, quiet",
      request: plain(batch(bucket, [`${prefix}/l/a-.x`, `${prefix}/l/a.x`, `${prefix}/none.txt`])),
    },
    { name: "LIST after the batch DELETE", request: plain({ method: "GET", path: list("l%2F") }) },
    { name: "DELETE of an object", request: plain({ method: "DELETE", path: at("m.bin") }) },
    { name: "DELETE of no object", request: plain({ method: "DELETE", path: at("m.bin") }) },
    { name: "conditional PUT after a DELETE", request: plain(put("m.bin", "new", ifAbsent)) },
  ];
}

function batch(bucket: string, names: readonly string[]): RawRequest {
  const body = `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${names.map((name) => `<Object><Key>${name}</Key></Object>`).join("")}</Delete>`;
  const headers = {
    "content-type": "application/xml",
    "content-md5": createHash("md5").update(body).digest("base64"),
    "x-amz-checksum-crc32c": crc(body),
  };
  return { method: "POST", path: `/${bucket}?delete=`, body, headers };
}

function crc(text: string): string {
  return checksumOf(new TextEncoder().encode(text));
}

function need(said: ReadonlyMap<string, string>, name: string): string {
  if (name === "other-etag") return "&quot;00000000000000000000000000000000&quot;";
  const value = said.get(name);
  if (value === undefined) throw new Error(`no answer said ${name}`);
  return value;
}
