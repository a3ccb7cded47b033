import { HttpPortError } from "@holdfast/storage/ports";
import { parseObjectPlan } from "@holdfast/storage-sim/object-store";
import { describe, expect, it } from "vitest";
import { bytes, key, scriptedPort, storageErrorOf, text } from "./support/fixtures.js";
import { sim } from "./support/sim.js";

describe("requests that fail", () => {
  it("are tried again with pauses that grow, and end", async () => {
    const it = sim({ faults: parseObjectPlan("GetObject#1+=slow") });
    const at: number[] = [];
    it.store.observe(({ phase }) => {
      if (phase === "sent") at.push(it.clock.monotonic());
    });
    // Always the longest pause that chance allows.
    const backend = it.backend({ random: { bytes: (length) => new Uint8Array(length).fill(255) } });
    const error = storageErrorOf(await it.failure(backend.read(key())));
    expect(error).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: true, operation: "read", key: key() });
    expect(error.message).toContain("503 SlowDown");
    const pauses = at.slice(1).map((it, index) => Math.round(it - (at[index] ?? 0)));
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200]);
  });

  it("wait as long as the store asks, within bounds", async () => {
    const it = sim();
    const port = scriptedPort((_, index) => (index === 0 ? { status: 503, headers: { "retry-after": "2" } } : { status: 404, body: "<Error><Code>NoSuchKey</Code></Error>" }));
    const startMs = it.clock.monotonic();
    expect(await it.run(it.backend({ port }).read(key()))).toBeUndefined();
    expect(it.clock.monotonic() - startMs).toBeGreaterThanOrEqual(2_000);
  });

  it("wait no longer than five seconds, whatever the store asks", async () => {
    const it = sim();
    const port = scriptedPort((_, index) => (index === 0 ? { status: 503, headers: { "retry-after": "99999" } } : { status: 404, body: "<Error><Code>NoSuchKey</Code></Error>" }));
    const startMs = it.clock.monotonic();
    expect(await it.run(it.backend({ port }).read(key()))).toBeUndefined();
    expect(it.clock.monotonic() - startMs).toBeLessThan(10_000);
  });

  it("wait by chance, so that those who failed together do not come back together", async () => {
    const pauses: number[] = [];
    for (const chance of [0, 128]) {
      const it = sim({ faults: parseObjectPlan("GetObject#1+=slow") });
      const at: number[] = [];
      it.store.observe(({ phase }) => {
        if (phase === "sent") at.push(it.clock.monotonic());
      });
      await it.failure(it.backend({ attempts: 4, random: { bytes: (length) => new Uint8Array(length).fill(chance) } }).read(key()));
      pauses.push(Math.round((at.at(-1) ?? 0) - (at[0] ?? 0)));
    }
    expect(pauses[0]).toBe(0);
    expect(pauses[1]).toBeGreaterThan(150);
    expect(pauses[1]).toBeLessThan(200);
  });

  it("are tried again when there were too many of them, which did nothing", async () => {
    const it = sim();
    const port = scriptedPort((_, index) => (index === 0 ? { status: 429 } : { status: 404, body: "<Error><Code>NoSuchKey</Code></Error>" }));
    expect(await it.run(it.backend({ port }).read(key()))).toBeUndefined();
    const always = it.backend({ port: scriptedPort(() => ({ status: 429 })), attempts: 2, conditionalWrites: "trusted" });
    expect(storageErrorOf(await it.failure(always.create(key(), bytes("x"))))).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied", retryable: true });
  });

  it("ask for what is stored, not for a coding of it, and leave no timer", async () => {
    const it = sim();
    const port = scriptedPort(() => ({ status: 404, body: "<Error><Code>NoSuchKey</Code></Error>" }));
    expect(await it.run(it.backend({ port }).read(key()))).toBeUndefined();
    expect(port.sent[0]?.headers).toMatchObject({ "accept-encoding": "identity" });
    expect(it.clock.timers).toBe(0);
  });

  it("stop being tried again when the budget of the backend is used up, and are tried again when it is refilled", async () => {
    const it = sim({ faults: parseObjectPlan("GetObject[down/*]#1+=slow") });
    const backend = it.backend();
    await it.run(backend.create(key("up/a.bin"), bytes("x")));
    const before = it.store.requests;
    for (let call = 0; call < 40; call += 1) await it.failure(backend.read(key("down/a.bin")));
    // A hundred retries, and one attempt for each call.
    expect(it.store.requests - before).toBe(140);
    for (let call = 0; call < 50; call += 1) await it.run(backend.read(key("up/a.bin")));
    const refilled = it.store.requests;
    for (let call = 0; call < 5; call += 1) await it.failure(backend.read(key("down/a.bin")));
    expect(it.store.requests - refilled).toBe(5 + 10);
  });

  it("are not tried again when they were refused for good", async () => {
    const port = scriptedPort(() => ({ status: 400, body: "<Error><Code>InvalidRequest</Code></Error>" }));
    const it = sim();
    const error = storageErrorOf(await it.failure(it.backend({ port }).read(key())));
    expect(error).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: false });
    expect(port.sent).toHaveLength(1);
  });

  it("are as many at a time as maxConcurrency says", async () => {
    const it = sim({ latencyMs: 100 });
    let under = 0;
    let most = 0;
    const own = it.store.port();
    const port = {
      ...own,
      async request(request: Parameters<typeof own.request>[0]) {
        under += 1;
        most = Math.max(most, under);
        return own.request(request).finally(() => { under -= 1; });
      },
    };
    const backend = it.backend({ port, maxConcurrency: 3 });
    await it.run(Promise.all(Array.from({ length: 20 }, (_, index) => backend.stat(key(`dir/${index}.bin`)))));
    expect(most).toBe(3);
  });

  it("say whether they were the connection's fault, without the query and the headers", async () => {
    const it = sim();
    const port = scriptedPort(() => new HttpPortError("GET localhost: ECONNRESET", { outcome: "unknown" }));
    const error = storageErrorOf(await it.failure(it.backend({ port, attempts: 2 }).read(key())));
    expect(error.message).toBe(`read ${key()}: no answer: GET localhost: ECONNRESET`);
    expect(port.sent).toHaveLength(2);
  });
});

describe("a read", () => {
  it.each(["slow", "fail", "drop", "refuse", "cut", "short", "flip", "stall", "drip"])("gives the right bytes after %s", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`GetObject#1=${kind}`) });
    const backend = it.backend();
    await it.run(backend.create(key(), bytes("the bytes")));
    expect(text(await it.run(backend.read(key())))).toBe("the bytes");
  });

  it.each(["cut", "stall"])("finds nothing where nothing is, when that answer meets %s", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`GetObject#1=${kind}`) });
    expect(await it.run(it.backend().read(key()))).toBeUndefined();
    expect(it.store.requests).toBe(2);
  });

  it("tells a bucket that is not there from an object that is not there", async () => {
    const it = sim();
    const backend = it.backend({ bucket: "elsewhere" });
    for (const work of [() => backend.read(key()), () => backend.stat(key()), () => backend.stream(key())]) {
      expect(storageErrorOf(await it.failure(work()))).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: false });
    }
  });

  it("takes a range out of everything, from a store that does not know ranges", async () => {
    const it = sim({ quirks: { ignoresRanges: true } });
    const backend = it.backend();
    await it.run(backend.create(key(), bytes("0123456789")));
    expect(text(await it.run(backend.read(key(), { range: { offset: 3, length: 4 } })))).toBe("3456");
  });

  it("of more than maxReadBytes is refused before it is taken in", async () => {
    const it = sim();
    await it.run(it.backend().create(key(), new Uint8Array(1_000)));
    const error = storageErrorOf(await it.failure(it.backend({ maxReadBytes: 999 }).read(key())));
    expect(error).toMatchObject({ code: "STORAGE_TOO_LARGE" });
  });
});

describe("a stream", () => {
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  const all = async (pieces: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> => {
    const got: Buffer[] = [];
    for await (const piece of pieces ?? []) got.push(Buffer.from(piece));
    return Buffer.concat(got);
  };

  it.each(["cut", "stall", "drip"])("goes on where it was after %s, with the same version", async (kind) => {
    const it = sim({ faults: parseObjectPlan(`GetObject#1x2=${kind}`), adversary: { choose: (label, count) => (label.startsWith("how many bytes") ? Math.floor(count / 2) : 0) } });
    const backend = it.backend();
    await it.run(backend.create(key(), content));
    const got = await it.run(backend.stream(key()).then(all));
    expect(got.equals(content)).toBe(true);
  });

  it("ends with an error when it broke and the object is another one now", async () => {
    const it = sim({ faults: parseObjectPlan("GetObject#1=cut"), adversary: { choose: (label, count) => (label.startsWith("how many bytes") ? 100_000 : Math.min(0, count)) } });
    const backend = it.backend();
    await it.run(backend.create(key(), content));
    const stream = (await it.run(backend.stream(key())))?.[Symbol.asyncIterator]();
    expect((await it.run(stream?.next() ?? Promise.reject(new Error("no stream")))).done).toBe(false);
    await it.run(backend.replace(key(), bytes("another")));
    const error = storageErrorOf(await it.failure((async () => { while ((await stream?.next())?.done === false); })()));
    expect(error).toMatchObject({ code: "STORAGE_READ_FAILED", retryable: true });
  });
});
