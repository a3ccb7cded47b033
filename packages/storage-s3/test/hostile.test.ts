import { inspect } from "node:util";
import type { HttpRequest } from "@holdfast/storage/ports";
import { storagePrefix, type StorageBackend } from "@holdfast/storage";
import { parseObjectPlan } from "@holdfast/storage-sim/object-store";
import { describe, expect, it } from "vitest";
import { key, bytes, scriptedPort, storageErrorOf, type Reply } from "./support/fixtures.js";
import { CREDENTIALS, sim } from "./support/sim.js";

const all = async (backend: StorageBackend): Promise<string[]> => {
  const keys = [];
  for await (const entry of backend.list(storagePrefix(""))) keys.push(entry.key);
  return keys;
};

/** What `work` rejects with when the store answers that. */
async function failureOn(reply: Reply, work: (backend: StorageBackend) => Promise<unknown>): Promise<{ error: ReturnType<typeof storageErrorOf>; sent: readonly HttpRequest[] }> {
  const it = sim();
  const port = scriptedPort(() => reply);
  const error = storageErrorOf(await it.failure(work(it.backend({ port, attempts: 2, conditionalWrites: "trusted" }))));
  return { error, sent: port.sent };
}

describe("a redirect", () => {
  it.each([301, 302, 307, 308])("%i is not followed, whoever it points to, and the error says what to correct", async (status) => {
    const headers = { location: "https://elsewhere.example/bucket/dir/object.bin", "x-amz-bucket-region": "eu-central-1" };
    const { error, sent } = await failureOn({ status, headers }, (backend) => backend.create(key(), bytes("x")));
    expect(sent).toHaveLength(1);
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied", retryable: false });
    expect(error.message).toContain("correct endpoint and region (the bucket is in eu-central-1)");
    expect(error.message).not.toContain("elsewhere.example");
  });

  it("of the simulated store is refused too", async () => {
    const it = sim({ faults: parseObjectPlan("GetObject#1=redirect") });
    expect(storageErrorOf(await it.failure(it.backend().read(key()))).message).toContain("not followed");
  });
});

describe("an answer", () => {
  const listOf = (inner: string): string => `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated>${inner}</ListBucketResult>`;

  it("without end is not taken in", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) {
        given += 1;
        yield new Uint8Array(1_048_576).fill(0x20);
      }
    }
    const { error } = await failureOn({ status: 200, body: { [Symbol.asyncIterator]: endless } }, all);
    expect(error.message).toContain("an answer of more than");
    expect(given).toBeLessThan(40);
  });

  it("that is an error without end is not taken in either", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) {
        given += 1;
        yield new Uint8Array(65_536).fill(0x20);
      }
    }
    const { error, sent } = await failureOn({ status: 400, body: { [Symbol.asyncIterator]: endless } }, (backend) => backend.read(key()));
    expect(error.code).toBe("STORAGE_READ_FAILED");
    expect(given).toBeLessThanOrEqual(2 * sent.length);
  });

  it("that is shorter than it states is not believed, whoever cut it", async () => {
    const headers = { "content-length": "10", etag: '"1"' };
    const { error, sent } = await failureOn({ status: 200, body: "short", headers }, (backend) => backend.read(key()));
    expect(error).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: true });
    expect(sent).toHaveLength(2);
  });

  it.each([
    ["another start", "bytes 0-3/10", "0123"],
    ["another start, and the same end", "bytes 2-6/10", "23456"],
    ["another end", "bytes 3-5/10", "345"],
    ["another length", "bytes 3-6/10", "3456789"],
    ["no range", undefined, "3456"],
  ])("with %s than the range that was asked for is refused", async (_, range, body) => {
    const headers = { etag: '"1"', ...(range === undefined ? {} : { "content-range": range }) };
    const { error } = await failureOn({ status: 206, body, headers }, (backend) => backend.read(key(), { range: { offset: 3, length: 4 } }));
    expect(error.message).toContain("another range");
  });

  it("that states too many bytes is not even read", async () => {
    const { error } = await failureOn({ status: 200, body: listOf(""), headers: { "content-length": "999999999999" } }, all);
    expect(error.message).toContain("an answer of 999999999999 bytes");
  });

  it.each([
    ["with a document type", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "aaaa"><!ENTITY y "&x;&x;&x;&x;">]>${listOf("<Name>&y;</Name>").slice(21)}`],
    ["with an entity of its own", listOf("<Name>&y;</Name>")],
    ["with an external entity", `<!DOCTYPE a SYSTEM "file:///etc/passwd">${listOf("").slice(21)}`],
    ["that was cut off", listOf("<Contents><Key>dir/a.bin</Key>").slice(0, -20)],
    ["that is nested too deep", listOf("<a>".repeat(100) + "</a>".repeat(100))],
    ["that is none", "hello"],
    ["with another root", "<Hello/>"],
    ["with bytes that are no UTF-8", { async *[Symbol.asyncIterator]() { yield Buffer.from(listOf("<Name>\xff</Name>"), "latin1"); } }],
    ["that does not say whether it is whole", "<ListBucketResult></ListBucketResult>"],
    ["that goes on nowhere", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"],
    ["with a name and no size", listOf("<Contents><Key>dir/a.bin</Key></Contents>")],
  ])("%s is no list", async (_, body) => {
    const { error, sent } = await failureOn({ status: 200, body }, all);
    expect(error.code).toBe("STORAGE_READ_FAILED");
    expect(error.message).not.toContain("aaaa");
    expect(sent).toHaveLength(2);
  });

  it("with names in another order is refused, since a list could miss some", async () => {
    const it = sim({ quirks: { listsUnordered: true } });
    const backend = it.backend({ conditionalWrites: "trusted" });
    for (const name of ["a/1.bin", "a/2.bin"]) await it.run(backend.create(key(name), bytes("x")));
    expect(storageErrorOf(await it.failure(all(backend)))).toMatchObject({ code: "STORAGE_UNSUPPORTED_STORE" });
  });

  it("that is an error shows the store's code and request, and nothing else that it says", async () => {
    const body = `<Error><Code>InvalidThing</Code><Message>${CREDENTIALS.secretAccessKey}</Message></Error>`;
    const { error } = await failureOn({ status: 400, body, headers: { "x-amz-request-id": "R1" } }, (backend) => backend.read(key()));
    expect(error.message).toBe(`read ${key()}: the store answered 400 InvalidThing, request R1`);
    const forged = await failureOn({ status: 400, body: "<Error><Code>a b\nc</Code></Error>", headers: { "x-amz-request-id": "a b" } }, (backend) => backend.read(key()));
    expect(forged.error.message).toBe(`read ${key()}: the store answered 400 Unexplained`);
  });
});

describe("credentials", () => {
  it("show in no error and in nothing that can be inspected", async () => {
    const it = sim({ access: () => "none" });
    const port = it.store.port();
    const backend = it.backend({ port });
    const errors = [];
    const works = [() => backend.read(key()), () => backend.create(key(), bytes("x")), () => all(backend), () => backend.remove([key()]), () => backend.stat(key())];
    for (const work of works) errors.push(storageErrorOf(await it.failure(work())));
    for (const error of errors) expect(["STORAGE_ACCESS_DENIED", "STORAGE_REMOVE_FAILED"]).toContain(error.code);
    const shown = [backend, port, ...errors].map((value) => `${inspect(value, { depth: 20, showHidden: true })} ${JSON.stringify(value)}`).join("\n");
    for (const secret of [CREDENTIALS.secretAccessKey, CREDENTIALS.sessionToken, "Signature="]) expect(shown).not.toContain(secret);
  });

  it("that cannot be any are refused without being shown", () => {
    const it = sim();
    for (const secretAccessKey of ["", "a b", "canary\r\nhost: x", "ü"]) {
      let message = "";
      try {
        it.backend({ credentials: { accessKeyId: "a", secretAccessKey } });
      } catch (error) {
        message = storageErrorOf(error).message;
      }
      expect(message).toBe("s3Backend: secretAccessKey must be visible ASCII characters");
    }
  });
});
