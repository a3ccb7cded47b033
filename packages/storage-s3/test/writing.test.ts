import { HttpPortError, type HttpPort, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";
import { recordedAdversary } from "@holdfast/storage-sim";
import { parseObjectPlan, type ObjectFaultKind } from "@holdfast/storage-sim/object-store";
import { describe, expect, it } from "vitest";
import { bytes, key, scriptedPort, storageErrorOf, text } from "./support/fixtures.js";
import { sim, type Sim } from "./support/sim.js";

const trusted = { conditionalWrites: "trusted" } as const;

/** Says of each key how often the store was asked to put it. */
const puts = ({ store }: Sim): number => store.exchanges.filter(({ operation }) => operation === "PutObject").length;

describe("create", () => {
  it.each<[ObjectFaultKind, number]>([
    ["conflict", 1],
    ["slow", 1],
    ["fail", 1],
    ["refuse", 1],
    ["garble", 1],
    ["drop", 1],
    // The store did it, and says at the second attempt that the key is taken.
    ["lose", 2],
    ["failAfter", 2],
    ["twice", 2],
  ])("succeeds after %s, and %i PUT reached the store", async (kind, reached) => {
    const it = sim({ faults: parseObjectPlan(`PutObject#1=${kind}`) });
    const backend = it.backend(trusted);
    const entry = await it.run(backend.create(key(), bytes("mine")));
    expect(entry).toMatchObject({ key: key(), size: 4 });
    expect(text(it.store.objects.get(key())?.bytes)).toBe("mine");
    expect(puts(it)).toBe(reached);
  });

  it("succeeds when the first attempt arrives after the second, which then is refused", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1=late"), adversary: recordedAdversary([4]) });
    const entry = await it.run(it.backend(trusted).create(key(), bytes("mine")));
    expect(entry.size).toBe(4);
    it.store.landLate();
    expect(it.store.exchanges.map(({ operation, status }) => `${operation} ${status}`)).toEqual(["PutObject 200", "PutObject 412"]);
  });

  it("is lost at 412, and says so for certain", async () => {
    const it = sim();
    await it.run(it.backend(trusted).create(key(), bytes("other")));
    const error = storageErrorOf(await it.failure(it.backend(trusted).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_ALREADY_EXISTS", operation: "create", key: key(), outcome: "not_applied" });
    expect(text(it.store.objects.get(key())?.bytes)).toBe("other");
  });

  it("is lost to another call with the same bytes", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#2=drop") });
    await it.run(it.backend(trusted).create(key(), bytes("same")));
    const error = storageErrorOf(await it.failure(it.backend(trusted).create(key(), bytes("same"))));
    expect(error.code).toBe("STORAGE_ALREADY_EXISTS");
  });

  it.each<ObjectFaultKind>(["lose", "drop", "failAfter", "fail"])("is lost to another object after %s, and does not say that its own never was there", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`PutObject#1=${kind}`) });
    const port = it.store.port();
    let puts = 0;
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.method === "PUT") puts += 1;
      if (puts === 2) {
        // What the first attempt may have made is gone by then, and somebody else has taken the key.
        await port.request({ method: "DELETE", url: sent.url, headers: {} });
        await port.request({ method: "PUT", url: sent.url, headers: {}, body: bytes("other") });
      }
      return port.request(sent);
    };
    const mine = it.backend({ ...trusted, port: { ...port, request } });
    const error = storageErrorOf(await it.failure(mine.create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_ALREADY_EXISTS", outcome: "unknown" });
    expect(text(it.store.objects.get(key())?.bytes)).toBe("other");
  });

  it("does not say that its own was never there when the object is gone at the look who made it", async () => {
    // A proxy sent it twice: the first one made the object, and the second one was refused.
    const it = sim({ faults: parseObjectPlan("PutObject#1=twice") });
    const port = it.store.port();
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.method === "HEAD") await port.request({ method: "DELETE", url: sent.url, headers: {} });
      return port.request(sent);
    };
    const mine = it.backend({ ...trusted, port: { ...port, request } });
    const error = storageErrorOf(await it.failure(mine.create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_ALREADY_EXISTS", outcome: "unknown" });
  });

  it("does not know, and says so, when the object of a lost answer is gone", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1=lose") });
    // Between the 412 and the look at who wrote it somebody removes the object.
    it.store.observe(({ request, phase }) => {
      if (request === 2 && phase === "applied") void it.store.port().request({ method: "DELETE", url: `http://localhost/bucket/${key()}`, headers: {} });
    });
    const error = storageErrorOf(await it.failure(it.backend(trusted).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "unknown" });
  });

  it.each<[ObjectFaultKind, "not_applied" | "unknown"]>([
    ["refuse", "not_applied"],
    ["slow", "not_applied"],
    ["conflict", "not_applied"],
    ["fail", "unknown"],
    ["drop", "unknown"],
  ])("gives up when every attempt meets %s: %s", async (kind, outcome) => {
    const it = sim({ faults: parseObjectPlan(`PutObject#1+=${kind}`) });
    const error = storageErrorOf(await it.failure(it.backend({ ...trusted, attempts: 3 }).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome, retryable: true });
    expect(it.store.requests).toBe(3);
  });

  it("remembers an attempt in doubt behind refusals", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1=drop;PutObject#2+=slow") });
    const error = storageErrorOf(await it.failure(it.backend({ ...trusted, attempts: 3 }).create(key(), bytes("mine"))));
    expect(error.outcome).toBe("unknown");
  });

  it("does not try again what was refused for good", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1+=full") });
    const error = storageErrorOf(await it.failure(it.backend(trusted).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_FULL", outcome: "not_applied", retryable: false });
    expect(it.store.requests).toBe(1);
  });

  it("sends a checksum, and a hash in the signature", async () => {
    const port = scriptedPort(() => ({ status: 200, headers: { etag: '"e"' } }));
    const it = sim();
    await it.run(it.backend({ ...trusted, port }).create(key(), bytes("hello")));
    const [put] = port.sent;
    expect(put?.headers).toMatchObject({
      "if-none-match": "*",
      "x-amz-checksum-crc32c": "mnG7TA==",
      "x-amz-content-sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    });
    expect(put?.headers["authorization"]).toMatch(/SignedHeaders=[^,]*if-none-match;[^,]*x-amz-checksum-crc32c/);
  });

  it("rejects with the signal's reason while it waits to try again, and tries no more", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1+=slow") });
    const controller = new AbortController();
    const reason = new Error("enough");
    it.store.observe(({ request, phase }) => {
      if (request === 3 && phase === "sent") controller.abort(reason);
    });
    const error = await it.failure(it.backend(trusted).create(key(), bytes("mine"), { signal: controller.signal }));
    expect(error).toBe(reason);
    expect(it.store.requests).toBe(3);
  });
});

describe("replace", () => {
  it.each<ObjectFaultKind>(["lose", "drop", "failAfter", "fail", "slow", "twice"])("puts the object once more after %s", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`PutObject#2=${kind}`) });
    const backend = it.backend();
    await it.run(backend.replace(key(), bytes("old")));
    await it.run(backend.replace(key(), bytes("new")));
    expect(text(it.store.objects.get(key())?.bytes)).toBe("new");
  });

  it("needs no trial, since it decides nothing", async () => {
    const it = sim({ quirks: { ignoresConditions: "always" } });
    await it.run(it.backend().replace(key(), bytes("x")));
    expect(it.store.requests).toBe(1);
  });
});

describe("a 200 without an ETag", () => {
  /** Stands between backend and store: answers the first PUT with a bare 200, whether it passes it on or not. */
  const between = (it: Sim, { passesOn }: { readonly passesOn: boolean }): HttpPort => {
    const port = it.store.port();
    let isFirst = true;
    return {
      ...port,
      async request(sent) {
        if (sent.method !== "PUT" || !isFirst) return port.request(sent);
        isFirst = false;
        const answer = passesOn ? await port.request(sent) : await scriptedPort(() => ({ status: 200 })).request(sent);
        return { ...answer, headers: { "content-length": "0" } };
      },
    };
  };

  it.each(["create", "replace"] as const)("is no %s: something else answers for the store, and may have written or not", async (operation) => {
    const it = sim();
    const port = scriptedPort(() => ({ status: 200 }));
    const error = storageErrorOf(await it.failure(it.backend({ ...trusted, port, attempts: 2 })[operation](key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", operation, key: key(), outcome: "unknown", retryable: true });
    expect(error.message).toContain("200 without an ETag");
    expect(port.sent.map(({ method }) => method)).toEqual(["PUT", "PUT"]);
  });

  it("is looked into: the object was written, and its writer is told so", async () => {
    const it = sim();
    const entry = await it.run(it.backend({ ...trusted, port: between(it, { passesOn: true }) }).create(key(), bytes("mine")));
    expect(entry).toMatchObject({ key: key(), size: 4 });
    expect(it.store.exchanges.map(({ operation, status }) => `${operation} ${status}`)).toEqual(["PutObject 200", "PutObject 412", "HeadObject 200"]);
  });

  it.each(["create", "replace"] as const)("is looked into: no %s came through, so it is sent again", async (operation) => {
    const it = sim();
    const entry = await it.run(it.backend({ ...trusted, port: between(it, { passesOn: false }) })[operation](key(), bytes("mine")));
    expect(entry).toMatchObject({ key: key(), size: 4 });
    expect(text(it.store.objects.get(key())?.bytes)).toBe("mine");
    expect(puts(it)).toBe(1);
  });

  it("is named where the trial of conditional writes meets nothing else, and nothing was written", async () => {
    const it = sim();
    const port = scriptedPort(() => ({ status: 200 }));
    const error = storageErrorOf(await it.failure(it.backend({ port }).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied", retryable: true });
    expect(error.message).toContain("200 without an ETag");
    expect(port.sent.filter(({ url }) => url.endsWith(key()))).toEqual([]);
  });
});

describe("an attempt", () => {
  it("fails when nothing moved for too long, and the call when it took too long in all", async () => {
    // Silence, chosen for every lost answer.
    const it = sim({ faults: parseObjectPlan("PutObject#1+=drop"), adversary: { choose: (_, count) => count - 1 } });
    const startMs = it.clock.monotonic();
    const backend = it.backend({ ...trusted, timeoutMs: 1_000, callTimeoutMs: 10_000, attempts: 100 });
    const error = storageErrorOf(await it.failure(backend.create(key(), bytes("mine"))));
    expect(error.message).toContain("not done within 10000 ms");
    expect(error).toMatchObject({ outcome: "unknown", retryable: true });
    expect(it.store.requests).toBeGreaterThan(2);
    expect(it.clock.monotonic() - startMs).toBeLessThan(30_000);
  });

  it("knows a connection that never was", async () => {
    const port = scriptedPort(() => new HttpPortError("nobody there", { outcome: "not_applied" }));
    const it = sim();
    const error = storageErrorOf(await it.failure(it.backend({ ...trusted, port, attempts: 2 }).create(key(), bytes("mine"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied" });
  });
});
