import type { HttpRequest, HttpResponse } from "@holdfast/storage/ports";
import { parseObjectPlan, type ObjectFaultKind } from "@holdfast/storage-sim/object-store";
import { recordedAdversary } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { checksumOf } from "../src/checksum.js";
import { abortLeftovers } from "../src/index.js";
import { bytes, key, scriptedPort, storageErrorOf } from "./support/fixtures.js";
import { sim, simOptions } from "./support/sim.js";

const MIB = 1_048_576;
const options = { conditionalWrites: "trusted", partBytes: 5 * MIB } as const;
/** Two parts and a bit. */
const body = new Uint8Array(10 * MIB + 1).fill(7);

describe("a body of more than one part", () => {
  it("goes in parts, and appears with the last step", async () => {
    const it = sim();
    let seen = 0;
    it.store.observe(({ operation, phase }) => {
      if (phase === "sent" && operation !== "CompleteUpload") seen += it.store.objects.size;
    });
    expect(await it.run(it.backend(options).create(key(), body))).toMatchObject({ size: body.byteLength });
    expect(seen).toBe(0);
    expect(it.store.exchanges.map(({ operation }) => operation)).toEqual(["CreateUpload", "UploadPart", "UploadPart", "UploadPart", "CompleteUpload"]);
    expect(Buffer.compare(it.store.objects.get(key())?.bytes ?? bytes(""), body)).toBe(0);
    expect(it.store.uploads).toBe(0);
  });

  it.each<[ObjectFaultKind, number[]]>([["lose", []], ["failAfter", []], ["twice", []], ["drop", []], ["errorInside", [0]], ["errorInside", [1]], ["conflict", []], ["slow", []]])(
    "is created once when its completion meets %s %j",
    async (kind, choices) => {
      const it = sim({ faults: parseObjectPlan(`CompleteUpload#1=${kind}`), adversary: recordedAdversary(choices) });
      expect(await it.run(it.backend(options).create(key(), body))).toMatchObject({ size: body.byteLength });
      expect(it.store.objects.size).toBe(1);
      expect(it.store.uploads).toBe(0);
    },
  );

  it.each<ObjectFaultKind>(["lose", "twice", "failAfter"])("replaces when its completion meets %s", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`CompleteUpload#1=${kind}`) });
    await it.run(it.backend(options).replace(key(), bytes("old")));
    await it.run(it.backend(options).replace(key(), body));
    expect(it.store.objects.get(key())?.bytes.byteLength).toBe(body.byteLength);
  });

  it("sends a part again that was lost", async () => {
    const it = sim({ faults: parseObjectPlan("UploadPart#2=lose;UploadPart#4=drop;CreateUpload#1=slow") });
    await it.run(it.backend(options).create(key(), body));
    expect(Buffer.compare(it.store.objects.get(key())?.bytes ?? bytes(""), body)).toBe(0);
  });

  it("loses to an object that is there, and leaves no parts", async () => {
    const it = sim();
    await it.run(it.backend(options).create(key(), bytes("other")));
    const backend = it.backend(options);
    const error = storageErrorOf(await it.failure(backend.create(key(), body)));
    expect(error).toMatchObject({ code: "STORAGE_ALREADY_EXISTS", outcome: "not_applied" });
    await it.run(backend.close());
    expect(it.store.uploads).toBe(0);
  });

  it("does not say that its own was never there when the upload is gone, and the object too", async () => {
    const it = sim();
    const port = it.store.port();
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.method === "POST" && sent.url.includes("uploadId=")) {
        // A proxy sends the completion twice, and the object is removed in between.
        await port.request(sent);
        await port.request({ method: "DELETE", url: sent.url.slice(0, sent.url.indexOf("?")), headers: {} });
      }
      return port.request(sent);
    };
    const error = storageErrorOf(await it.failure(it.backend({ ...options, port: { ...port, request } }).create(key(), body)));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "unknown", retryable: true });
    expect(it.store.objects.size).toBe(0);
  });

  it("leaves no parts when its source fails, when a part is refused, or when it is aborted", async () => {
    const it = sim({ faults: parseObjectPlan("UploadPart#2=full") });
    const backend = it.backend(options);
    const broken = { async *open() { yield body; throw new Error("the source broke"); } };
    expect(storageErrorOf(await it.failure(backend.create(key(), body))).code).toBe("STORAGE_FULL");
    expect(await it.failure(backend.create(key(), broken))).toMatchObject({ cause: new Error("the source broke"), outcome: "not_applied" });
    const controller = new AbortController();
    const reason = new Error("enough");
    it.store.observe(({ operation, phase }) => {
      if (operation === "UploadPart" && phase === "applied") controller.abort(reason);
    });
    expect(await it.failure(backend.create(key(), body, { signal: controller.signal }))).toBe(reason);
    await it.run(backend.close());
    expect(it.store.uploads).toBe(0);
    expect(it.store.objects.size).toBe(0);
  });

  it.each([{ refusesConditions: "inParts" }, { ignoresConditions: "inParts" }] as const)("is too large where a completion cannot be conditional: %j", async (quirks) => {
    const it = sim({ quirks });
    const backend = it.backend({ partBytes: 5 * MIB });
    const error = storageErrorOf(await it.failure(backend.create(key(), body)));
    expect(error).toMatchObject({ code: "STORAGE_TOO_LARGE", outcome: "not_applied" });
    expect(error.message).toContain("partBytes");
    await it.run(backend.create(key("dir/small.bin"), bytes("fits")));
    await it.run(backend.close());
    expect([...it.store.objects.keys()]).toEqual(["dir/small.bin"]);
    expect(it.store.uploads).toBe(0);
  });

  it("sends a checksum with each part", async () => {
    const it = sim();
    const own = it.store.port();
    const parts: HttpRequest[] = [];
    const request = (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.url.includes("partNumber=")) parts.push(sent);
      return own.request(sent);
    };
    await it.run(it.backend({ ...options, port: { ...own, request } }).create(key(), body));
    expect(parts.map(({ headers }) => headers["x-amz-checksum-crc32c"])).toEqual(parts.map((part) => checksumOf(part.body ?? bytes(""))));
    expect(parts).toHaveLength(3);
  });

  it("waits for the parts under way before it takes more of the body", async () => {
    const it = sim();
    const own = it.store.port();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => { open = resolve; });
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.url.includes("partNumber=")) await gate;
      return own.request(sent);
    };
    let produced = 0;
    const long = {
      async *open() {
        for (; produced < 8; produced += 1) yield new Uint8Array(5 * MIB);
      },
    };
    const created = it.backend({ ...options, port: { ...own, request } }).create(key(), long);
    await it.clock.advance(10);
    expect(produced).toBeLessThanOrEqual(5);
    open();
    expect((await it.run(created)).size).toBe(40 * MIB);
  });

  it("gives up the parts under way when one is refused, and has the store forget them only then", async () => {
    const it = sim();
    const own = it.store.port();
    const order: string[] = [];
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      const { signal } = sent;
      if (sent.method === "DELETE") order.push("forget");
      if (sent.url.includes("partNumber=2")) {
        order.push("refuse 2");
        return { status: 400, headers: {}, body: { async *[Symbol.asyncIterator]() { yield bytes("<Error><Code>InvalidRequest</Code></Error>"); } }, discard: () => undefined };
      }
      if (!sent.url.includes("partNumber=1")) return own.request(sent);
      // It never comes to an end by itself, and takes a while to be given up.
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => { it.clock.setTimer(resolve, 50); }));
      order.push("gave up 1");
      throw signal?.reason;
    };
    const backend = it.backend({ ...options, port: { ...own, request } });
    expect(storageErrorOf(await it.failure(backend.create(key(), body))).message).toContain("InvalidRequest");
    await it.run(backend.close());
    expect(order).toEqual(["refuse 2", "gave up 1", "forget"]);
    expect(it.store.uploads).toBe(0);
  });

  it("close waits until the store has forgotten the parts", async () => {
    const it = sim({ latencyMs: 100, faults: parseObjectPlan("UploadPart#2=full") });
    const backend = it.backend(options);
    expect(storageErrorOf(await it.failure(backend.create(key(), body))).code).toBe("STORAGE_FULL");
    const left = await it.run(backend.close().then(() => it.store.uploads));
    expect(left).toBe(0);
  });

  it("holds a few parts at a time, however long the body", async () => {
    const it = sim();
    let produced = 0;
    let sent = 0;
    let ahead = 0;
    it.store.observe(({ operation, phase }) => {
      if (operation === "UploadPart" && phase === "applied") sent += 1;
    });
    const long = {
      async *open() {
        for (let part = 0; part < 20; part += 1) {
          produced += 1;
          ahead = Math.max(ahead, produced - sent);
          yield new Uint8Array(5 * MIB);
        }
      },
    };
    await it.run(it.backend(options).create(key(), long));
    expect(sent).toBe(20);
    expect(ahead).toBeLessThanOrEqual(5);
  });
});

describe("abortLeftovers", () => {
  it("goes through all pages, passes over what is not its own, and over what somebody else has removed", async () => {
    const it = sim();
    const upload = (name: string): string => `<Upload><Key>${name}</Key><UploadId>id-${name}</UploadId><Initiated>1999-01-01T00:00:00Z</Initiated></Upload>`;
    const pages = [
      `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>mine/b.bin</NextKeyMarker><NextUploadIdMarker>id-mine/b.bin</NextUploadIdMarker>${upload("another/a.bin")}${upload("mine/b.bin")}</ListMultipartUploadsResult>`,
      `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${upload("mine/c.bin")}${upload("minecraft/d.bin")}</ListMultipartUploadsResult>`,
    ];
    const port = scriptedPort(({ method, url }) => {
      if (method === "GET") return { status: 200, body: pages[url.includes("key-marker=mine%2Fb.bin") ? 1 : 0] ?? "" };
      return url.includes("c.bin") ? { status: 404, body: "<Error><Code>NoSuchUpload</Code></Error>" } : { status: 204 };
    });
    const more = { ...simOptions(it.store, it.clock, 1), port, prefix: "mine", olderThanMs: 1_000 };
    expect(await it.run(abortLeftovers(more))).toBe(2);
    const removed = port.sent.filter(({ method }) => method === "DELETE").map(({ url }) => new URL(url).pathname);
    expect(removed).toEqual(["/bucket/mine/b.bin", "/bucket/mine/c.bin"]);
  });

  it("has the store forget what a dead process began, and leaves what is young or elsewhere", async () => {
    const it = sim();
    const begin = async (prefix: string): Promise<void> => {
      const client = it.store.client();
      it.store.observe(({ operation, phase }) => {
        if (operation === "UploadPart" && phase === "applied") client.kill();
      });
      void it.backend({ ...options, prefix, port: client.port }).create(key(), body);
      await it.clock.advance(1);
    };
    await begin("mine");
    await begin("other");
    await it.clock.advance(3_600_000);
    await begin("mine");
    expect(it.store.uploads).toBe(3);
    const leftovers = { ...simOptions(it.store, it.clock, 9), prefix: "mine", olderThanMs: 1_800_000 };
    expect(await it.run(abortLeftovers(leftovers))).toBe(1);
    expect(it.store.uploads).toBe(2);
    expect(await it.run(abortLeftovers(leftovers))).toBe(0);
    expect(await it.failure(abortLeftovers({ ...leftovers, olderThanMs: 0 }))).toMatchObject({ code: "STORAGE_INVALID_ARGUMENT" });
  });
});
