import { readdirSync, readFileSync } from "node:fs";
import type { HttpRequest } from "@holdfast/storage/ports";
import { describe, expect, it } from "vitest";
import { mildAdversary, virtualClock } from "../../src/index.js";
import { SimObjectStore, type ObjectStoreQuirks } from "../../src/object-store/index.js";
import { bodyOf } from "./support/store.js";

/** An exchange with a real server, recorded by `npm run test:s3`. */
interface Exchange {
  readonly name: string;
  readonly request: { readonly method: HttpRequest["method"]; readonly path: string; readonly headers?: Record<string, string>; readonly body?: string };
  readonly response: Response;
}

interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Recording {
  readonly server: string;
  readonly bucket: string;
  readonly exchanges: readonly Exchange[];
}

/**
 * Where a server answers otherwise than the simulated store. Every difference that is not here is a failure, and so is every line
 * here that is none any more.
 */
const DIFFERENCES: Readonly<Record<string, readonly string[]>> = {
  minio: [
    'PUT with a wrong checksum: Code "XAmzContentChecksumMismatch", not "BadDigest"',
    "LIST by a token that is none: 501 NotImplemented, not 400 InvalidArgument",
    "multipart: abort once more: 204 , not 404 NoSuchUpload",
  ],
  moto: [
    "LIST by a token that is none: 500 , not 400 InvalidArgument",
    'multipart: LIST of uploads: EncodingType "", not "url"',
    'multipart: conditional completion, free: root "CompleteMultipartUploadResponse", not "CompleteMultipartUploadResult"',
    'multipart: completion once more: root "CompleteMultipartUploadResponse", not "CompleteMultipartUploadResult"',
    "multipart: part of an aborted upload: 500 , not 404 NoSuchUpload",
  ],
  versitygw: [
    'HEAD of the bucket: content-length "", not "0"',
    "LIST by a token that is none: 200 , not 400 InvalidArgument",
    'multipart: completion once more: ChecksumCRC32C "", not "TLmzzg==-1"',
    'multipart: completion with a part that was never sent: ETag ""f4c9385f1902f7334b00b9b4ecd164de"", not ""',
  ],
};

/** What a server does otherwise than S3 in every answer. */
const QUIRKS: Readonly<Record<string, ObjectStoreQuirks>> = {
  moto: { ignoresChecksums: true, ignoresQuiet: true, repeatsCompletions: true },
  versitygw: { ignoresEncoding: true, ignoresQuiet: true, repeatsCompletions: true },
};

const vectors = new URL("../vectors/object-store/", import.meta.url);
const recordings = readdirSync(vectors).map((file) => ({
  short: file.replace(".json", ""),
  recording: JSON.parse(readFileSync(new URL(file, vectors), "utf8")) as Recording,
}));

describe.each(recordings)("the simulated store and $recording.server", ({ short, recording }) => {
  it("answer the same requests alike, but for what is named", async () => {
    const store = new SimObjectStore({ clock: virtualClock(), adversary: mildAdversary, bucket: recording.bucket, quirks: QUIRKS[short] });
    const port = store.port();
    /** What the server calls an upload or a page, and what the simulated store calls it, as values in a query. */
    const names = new Map<string, string>();
    const different: string[] = [];
    for (const { name, request, response } of recording.exchanges) {
      const translate = (path: string): string => [...names].reduce((it, [theirs, ours]) => it.replace(theirs, ours), path);
      const sent: HttpRequest = {
        method: request.method,
        url: `http://localhost${translate(request.path)}`,
        headers: request.headers ?? {},
        ...(request.body === undefined ? {} : { body: new TextEncoder().encode(request.body) }),
      };
      const answer = await port.request(sent);
      const ours = { status: answer.status, headers: answer.headers, body: (await bodyOf(answer)).toString() };
      for (const pattern of [/<UploadId>([^<]+)</, /<NextContinuationToken>([^<]+)</]) {
        const [theirName, ourName] = [response, ours].map((it) => pattern.exec(it.body)?.[1]);
        if (theirName !== undefined && ourName !== undefined) names.set(`=${encodeURIComponent(theirName)}`, `=${encodeURIComponent(ourName)}`);
      }
      different.push(...differences(essenceOf(request.method, ours), essenceOf(request.method, response)).map((it) => `${name}: ${it}`));
    }
    expect(different).toEqual(DIFFERENCES[short]);
  });
});

it("the recordings are of at least two servers, and of everything that is asked", () => {
  expect(recordings.length).toBeGreaterThanOrEqual(2);
  const [first] = recordings;
  for (const { recording } of recordings) expect(recording.exchanges.map(({ name }) => name)).toEqual(first?.recording.exchanges.map(({ name }) => name));
  expect(first?.recording.exchanges.length).toBeGreaterThan(40);
});

/** What a client acts on: status, error code, the headers that say something of the object, names and sizes in documents. */
function essenceOf(method: string, { status, headers, body }: Response): Record<string, string> {
  const all = (name: string): string => [...body.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, text]) => decodeURIComponent(text ?? "").replaceAll("&#34;", '"')).join(" ");
  const isDocument = body.startsWith("<?xml");
  const ofObject = status < 300 && (method === "GET" || method === "HEAD" || method === "PUT") && !isDocument;
  const shown = ofObject ? ["etag", "content-range", "x-amz-checksum-crc32c", "x-amz-checksum-type", "x-amz-meta-holdfast-write"] : [];
  return {
    status: String(status),
    ...Object.fromEntries(shown.map((name) => [name, headers[name] ?? ""])),
    ...(ofObject && method !== "PUT" ? { "content-length": headers["content-length"] ?? "", body } : {}),
    ...(isDocument && method !== "HEAD"
      ? {
          root: /<(?!\?)(\w+)/.exec(body)?.[1] ?? "",
          keys: status === 200 ? all("Key").replaceAll(/test-\d+-\w+-\d+\//g, "") : "",
          ...Object.fromEntries(["Code", "Size", "IsTruncated", "KeyCount", "EncodingType", "ETag", "ChecksumCRC32C"].map((name) => [name, all(name)])),
        }
      : {}),
  };
}

function differences(ours: Record<string, string>, theirs: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  if (ours["status"] !== theirs["status"]) return [`${theirs["status"] ?? ""} ${theirs["Code"] ?? ""}, not ${ours["status"] ?? ""} ${ours["Code"] ?? ""}`];
  return names.filter((name) => ours[name] !== theirs[name]).map((name) => `${name} "${theirs[name] ?? ""}", not "${ours[name] ?? ""}"`);
}
