import type { HttpRequest, HttpResponse } from "@holdfast/storage/ports";
import { parseObjectPlan, type ObjectFaultKind } from "@holdfast/storage-sim/object-store";
import { recordedAdversary } from "@holdfast/storage-sim";
import { describe, expect, it } from "vitest";
import { abortLeftovers } from "../src/index.js";
import { bytes, key, storageErrorOf } from "./support/fixtures.js";
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
