import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { freshPrefix, makeBucket, send, server, type RawRequest, type RawResponse } from "./server.js";
import { script } from "./script.js";

describe.skipIf(server === undefined)("the dialect of a real server", () => {
  const answers = new Map<string, RawResponse>();
  const { bucket = "", name: serverName = "" } = server ?? {};
  const prefix = freshPrefix();

  beforeAll(async () => {
    await makeBucket();
    const exchanges: { name: string; request: RawRequest; response: RawResponse }[] = [];
    const said = new Map<string, string>();
    for (const { name, request, keep } of script(bucket, prefix)) {
      const sent = request(said);
      const response = await send(sent);
      answers.set(name, response);
      exchanges.push({ name, request: sent, response });
      const kept = keep?.from === "etag" ? response.headers["etag"] : keep?.from.exec(response.body)?.[1];
      if (keep !== undefined && kept !== undefined) said.set(keep.as, kept);
    }
    const directory = process.env["HOLDFAST_S3_RECORD"];
    if (directory === undefined || directory === "") return;
    await mkdir(directory, { recursive: true });
    const record = { server: serverName, bucket, prefix, exchanges: exchanges.map((it) => ({ ...it, response: kept(it.response) })) };
    const [short = "server"] = serverName.split(" ");
    await writeFile(join(directory, `${short}.json`), `${JSON.stringify(record, undefined, 1)}\n`);
  });

  const statusOf = (name: string): number | undefined => answers.get(name)?.status;
  const codeOf = (name: string): string | undefined => /<Code>([^<]*)</.exec(answers.get(name)?.body ?? "")?.[1];

  it("decides by If-None-Match who creates an object", () => {
    expect(statusOf("conditional PUT, free")).toBe(200);
    expect([statusOf("conditional PUT, taken"), codeOf("conditional PUT, taken")]).toEqual([412, "PreconditionFailed"]);
    expect(statusOf("conditional PUT, taken, same bytes")).toBe(412);
    expect(statusOf("conditional PUT after a DELETE")).toBe(200);
    expect(answers.get("GET of an object")?.body).toBe("hello");
  });

  it("gives back the metadata by which a write is known", () => {
    expect(answers.get("HEAD of an object")?.headers["x-amz-meta-holdfast-write"]).toBe("w1");
  });

  it("tells what is absent from what is refused", () => {
    expect([statusOf("GET of no object"), codeOf("GET of no object")]).toEqual([404, "NoSuchKey"]);
    expect(codeOf("GET in a bucket that is not there")).toBe("NoSuchBucket");
    expect([statusOf("HEAD of no object"), statusOf("HEAD of the bucket"), statusOf("HEAD of a bucket that is not there")]).toEqual([404, 200, 404]);
    expect(statusOf("GET of a range behind the object")).toBe(416);
    expect(statusOf("GET by another ETag")).toBe(412);
  });

  it("lists in the order of names, page by page", () => {
    const keysIn = (name: string): string[] => [...(answers.get(name)?.body ?? "").matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => decodeURIComponent(key ?? "").slice(prefix.length + 1));
    expect(keysIn("LIST in one page")).toEqual(["l/a-.x", "l/a.x", "l/a/b.x", "l/a0.x", "l/a_.x"]);
    expect([...keysIn("LIST, first page of two keys"), ...keysIn("LIST, second page")]).toEqual(["l/a-.x", "l/a.x", "l/a/b.x", "l/a0.x"]);
    expect(keysIn("LIST behind a key")).toEqual(["l/a0.x", "l/a_.x"]);
    expect(keysIn("LIST after the batch DELETE")).toEqual(["l/a/b.x", "l/a0.x", "l/a_.x"]);
  });

  it("shows nothing of an upload in parts before it is complete", () => {
    expect(statusOf("multipart: HEAD before completion")).toBe(404);
    expect(statusOf("multipart: conditional completion, free")).toBe(200);
    expect(statusOf("multipart: HEAD after completion")).toBe(200);
  });
});

/** What a record keeps of a response: what says something about objects, not about the connection. */
function kept({ status, headers, body }: RawResponse): RawResponse {
  const names = ["content-length", "content-range", "content-type", "etag", "last-modified"];
  const entries = Object.entries(headers).filter(([name]) => names.includes(name) || /^x-amz-(?:checksum|meta)-/.test(name));
  return { status, headers: Object.fromEntries(entries), body };
}
