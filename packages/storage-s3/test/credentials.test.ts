import { storagePrefix } from "@holdfast/storage";
import { parseObjectPlan } from "@holdfast/storage-sim/object-store";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { s3Backend, type S3Credentials } from "../src/index.js";
import { bytes, key, storageErrorOf, text } from "./support/fixtures.js";
import { sim } from "./support/sim.js";

const keyOf = (authorization: string | undefined): string | undefined => /Credential=([^/]+)/.exec(authorization ?? "")?.[1];

describe("a provider", () => {
  it("is asked once for all who wait, and again before what it gave expires", async () => {
    const it = sim();
    let asked = 0;
    const used: (string | undefined)[] = [];
    const own = it.store.port();
    const port = { ...own, request: (request: Parameters<typeof own.request>[0]) => { used.push(keyOf(request.headers["authorization"])); return own.request(request); } };
    const backend = it.backend({
      port,
      credentials: async (): Promise<S3Credentials> => {
        asked += 1;
        return { accessKeyId: `key${asked}`, secretAccessKey: "s", sessionToken: "t", expiresAtMs: it.clock.now() + 3_600_000 };
      },
    });
    await it.run(Promise.all([backend.stat(key()), backend.stat(key()), backend.stat(key())]));
    expect(asked).toBe(1);
    await it.clock.advance(50 * 60_000);
    await it.run(backend.stat(key()));
    expect(asked).toBe(1);
    await it.clock.advance(6 * 60_000);
    await it.run(backend.stat(key()));
    expect(asked).toBe(2);
    expect(new Set(used)).toEqual(new Set(["key1", "key2"]));
  });

  it("that fails is asked again, and what it gave is used as long as it is good", async () => {
    const it = sim();
    let fails = false;
    const backend = it.backend({
      attempts: 3,
      credentials: () => (fails ? Promise.reject(new Error("no role")) : Promise.resolve({ accessKeyId: "a", secretAccessKey: "s", expiresAtMs: it.clock.now() + 600_000 })),
    });
    await it.run(backend.stat(key()));
    fails = true;
    await it.clock.advance(400_000);
    await it.run(backend.stat(key()));
    await it.clock.advance(300_000);
    const error = storageErrorOf(await it.failure(backend.stat(key())));
    expect(error).toMatchObject({ code: "STORAGE_ACCESS_DENIED", retryable: true });
    fails = false;
    await it.run(backend.stat(key()));
  });

  it("that does not answer holds no call beyond its time or its signal, nor close, and is asked again", async () => {
    const it = sim();
    let asked = 0;
    const answers: ((credentials: S3Credentials) => void)[] = [];
    const backend = it.backend({
      callTimeoutMs: 1_000,
      credentials: () => {
        asked += 1;
        return new Promise((resolve) => answers.push(resolve));
      },
    });
    const startMs = it.clock.monotonic();
    const failures = await Promise.all([it.failure(backend.stat(key())), it.failure(backend.read(key()))]);
    for (const failure of failures) expect(storageErrorOf(failure)).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: true });
    expect(asked).toBe(1);
    expect(it.clock.monotonic() - startMs).toBeLessThan(2_000);
    const controller = new AbortController();
    const aborted = it.failure(backend.read(key(), { signal: controller.signal }));
    controller.abort("enough");
    expect(await aborted).toBe("enough");
    expect(it.store.requests, "nothing was sent").toBe(0);
    const waiting = backend.stat(key());
    await it.clock.advance(1);
    expect(asked).toBe(3);
    // An answer that comes late is as good as any.
    for (const answer of answers) answer({ accessKeyId: "a", secretAccessKey: "s" });
    expect(await it.run(waiting)).toBeUndefined();
    expect(asked).toBe(3);
    const hanging = it.backend({ callTimeoutMs: 1_000, credentials: () => new Promise(() => undefined) });
    const call = it.failure(hanging.stat(key()));
    await it.run(hanging.close());
    expect(storageErrorOf(await call).code).toBe("STORAGE_READ_FAILED");
  });

  it("is asked again when the store says that its credentials have expired", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1=expire") });
    let asked = 0;
    const backend = it.backend({ conditionalWrites: "trusted", credentials: async () => ({ accessKeyId: `key${(asked += 1)}`, secretAccessKey: "s" }) });
    await it.run(backend.create(key(), bytes("x")));
    expect(asked).toBe(2);
  });
});

describe("a clock that is wrong", () => {
  it("is set right by the store's, once", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1=skew") });
    await it.run(it.backend({ conditionalWrites: "trusted" }).create(key(), bytes("x")));
    expect(it.store.objects.size).toBe(1);
    const always = sim({ faults: parseObjectPlan("PutObject#1+=skew") });
    const error = storageErrorOf(await always.failure(always.backend({ conditionalWrites: "trusted" }).create(key(), bytes("x"))));
    expect(error.message).toContain("RequestTimeTooSkewed");
    expect(always.store.requests).toBe(2);
  });
});

describe("read-only credentials", () => {
  it("read, list and stream, and are refused for writing without a trace", async () => {
    const it = sim({ access: (accessKeyId) => (accessKeyId === "reader" ? "read" : "all") });
    await it.run(it.backend().create(key(), bytes("x")));
    const reader = it.backend({ credentials: { accessKeyId: "reader", secretAccessKey: "s" } });
    expect(text(await it.run(reader.read(key())))).toBe("x");
    expect(await it.run(reader.stat(key()))).toMatchObject({ size: 1 });
    const listed: string[] = [];
    await it.run((async () => { for await (const entry of reader.list(storagePrefix(""))) listed.push(entry.key); })());
    expect(listed).toEqual([key()]);
    for (const work of [() => reader.create(key("dir/b.bin"), bytes("y")), () => reader.replace(key(), bytes("y"))]) {
      expect(storageErrorOf(await it.failure(work()))).toMatchObject({ code: "STORAGE_ACCESS_DENIED", outcome: "not_applied", retryable: false });
    }
    expect(text(it.store.objects.get(key())?.bytes)).toBe("x");
  });
});

describe("the environment", () => {
  beforeEach(() => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION"]) vi.stubEnv(name, undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("gives credentials and region where none are given", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "fromenv");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "s");
    vi.stubEnv("AWS_REGION", "eu-north-1");
    const it = sim();
    let signed: string | undefined;
    const own = it.store.port();
    const backend = s3Backend({ bucket: "bucket", clock: it.clock, port: { ...own, request: (request) => { signed = `${request.url} ${request.headers["authorization"] ?? ""}`; return own.request(request); } } });
    await it.run(backend.read(key()));
    expect(signed).toContain("https://bucket.s3.eu-north-1.amazonaws.com/dir/object.bin AWS4-HMAC-SHA256 Credential=fromenv/20000101/eu-north-1/s3/aws4_request");
  });

  it("without credentials is an error at once", () => {
    expect(() => s3Backend({ bucket: "bucket" })).toThrow("no credentials were given, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
  });
});
