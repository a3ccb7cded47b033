import type { HttpPort, HttpRequest, HttpResponse } from "@holdfast/storage/ports";
import { seededAdversary } from "@holdfast/storage-sim";
import { parseObjectPlan, type ObjectStoreQuirks } from "@holdfast/storage-sim/object-store";
import { describe, expect, it } from "vitest";
import { connect } from "../src/connection.js";
import { Probe } from "../src/probe.js";
import { bytes, key, storageErrorOf, text } from "./support/fixtures.js";
import { sim, simOptions, type Sim } from "./support/sim.js";

describe("the first create", () => {
  it.each<[string, ObjectStoreQuirks, string]>([
    ["ignores If-None-Match", { ignoresConditions: "always" }, "it ignores If-None-Match: a conditional PUT on an object that was there did not answer 412"],
    ["lets several win a race", { ignoresConditions: "inRaces" }, "If-None-Match does not decide races: of 8 conditional PUTs at the same time "],
    ["does not know If-None-Match", { refusesConditions: "always" }, "it does not know If-None-Match: it answered NotImplemented"],
    ["replaces what it says it does not", { writesDespite412: true }, "If-None-Match does not protect an object"],
    ["ignores metadata", { ignoresMetadata: true }, "it ignores x-amz-meta- headers"],
  ])("is refused on a store that %s, and nothing is written", async (_, quirks, what) => {
    const it = sim({ quirks, maxTurns: 6, adversary: seededAdversary(1, { temper: "even" }) });
    const backend = it.backend();
    const error = storageErrorOf(await it.failure(backend.create(key(), bytes("x"))));
    expect(error).toMatchObject({ code: "STORAGE_UNSUPPORTED_STORE", outcome: "not_applied", key: key() });
    expect(error.message).toContain(what);
    expect(error.message).toContain("Use a store with conditional writes");
    await it.run(backend.close());
    // The trial cleans up behind itself.
    expect([...it.store.objects.keys()]).toEqual([]);
    // Reading needs no trial.
    expect(await it.run(it.backend().read(key()))).toBeUndefined();
  });

  it("tries the store out, once for all backends over a port, and leaves nothing of it", async () => {
    const it = sim();
    const port = it.store.port();
    const backend = it.backend({ port });
    await it.run(Promise.all([backend.create(key("a/1.bin"), bytes("1")), backend.create(key("a/2.bin"), bytes("2"))]));
    const tried = it.store.requests;
    await it.run(it.backend({ port, prefix: "other" }).create(key("a/3.bin"), bytes("3")));
    expect(it.store.requests - tried).toBeLessThanOrEqual(3);
    expect(tried).toBeLessThan(20);
    await it.run(backend.close());
    expect([...it.store.objects.keys()].sort()).toEqual(["a/1.bin", "a/2.bin", "other/a/3.bin"]);
  });

  it("tries again what failed, with the next create", async () => {
    const it = sim({ faults: parseObjectPlan("PutObject#1x3=fail") });
    const backend = it.backend({ attempts: 1 });
    await it.run(backend.create(key(), bytes("x")));
    expect(text(it.store.objects.get(key())?.bytes)).toBe("x");
    const down = sim({ faults: parseObjectPlan("PutObject#1x100=slow") });
    const other = down.backend({ attempts: 2 });
    const error = storageErrorOf(await down.failure(other.create(key(), bytes("x"))));
    expect(error).toMatchObject({ code: "STORAGE_WRITE_FAILED", outcome: "not_applied", retryable: true });
    expect(error.message).toContain("could not be tried out");
    down.store.clearFaults();
    await down.run(other.create(key(), bytes("x")));
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))("comes to the right result although every third answer is lost (seed %i)", async (seed) => {
    const adversary = seededAdversary(seed, { temper: "even" });
    const chance = { kinds: ["lose", "drop", "late", "twice", "failAfter"], faults: 3, outOf: 10 } as const;
    const good = sim({ adversary, chance, maxTurns: 3 });
    expect(await good.run(good.backend({ attempts: 50 }).create(key(), bytes("x")))).toMatchObject({ size: 1 });
    const bad = sim({ adversary, chance, maxTurns: 3, quirks: { ignoresConditions: "always" } });
    expect(storageErrorOf(await bad.failure(bad.backend({ attempts: 50 }).create(key(), bytes("x")))).code).toBe("STORAGE_UNSUPPORTED_STORE");
  });

  it("relies on the store where it is told to", async () => {
    const it = sim();
    await it.run(it.backend({ conditionalWrites: "trusted" }).create(key(), bytes("x")));
    expect(it.store.requests).toBe(1);
  });
});

describe("the trial of uploads in parts", () => {
  const failure = { operation: "create", key: key(), outcome: "not_applied" } as const;
  const tried = (world: Sim): Promise<boolean> => {
    const { store } = connect({ ...simOptions(world.store, world.clock, 1), attempts: 50 }, "test");
    return world.run(new Probe(store, ".probe/", { conditionalPut: undefined, conditionalParts: undefined }).hasConditionalParts(failure));
  };

  it.each<[string, ObjectStoreQuirks, boolean]>([
    ["obeys conditions", {}, true],
    ["answers a completion once more as the first time", { repeatsCompletions: true }, true],
    ["ignores conditions of completions", { ignoresConditions: "inParts" }, false],
    ["does not know conditions of completions", { refusesConditions: "inParts" }, false],
  ])("of a store that %s comes to the right result, also although every third answer is lost", async (_, quirks, expected) => {
    expect(await tried(sim({ quirks }))).toBe(expected);
    const chance = { kinds: ["lose", "drop", "late", "twice", "failAfter", "errorInside", "conflict"], faults: 3, outOf: 10 } as const;
    for (let seed = 0; seed < 30; seed += 1) {
      const adversary = seededAdversary(seed, { temper: "even" });
      expect(await tried(sim({ quirks, adversary, chance, maxTurns: 3 })), `seed ${seed}`).toBe(expected);
    }
  });

  it("is made again where a completion that was sent twice finds its upload gone", async () => {
    const it = sim();
    const port = it.store.port();
    let completions = 0;
    const request = async (sent: HttpRequest): Promise<HttpResponse> => {
      if (sent.method === "POST" && sent.url.includes("uploadId=")) completions += 1;
      // The second one is where nothing is; stores differ in what they look at first.
      return completions === 2 && sent.method === "POST" ? twice(port, sent) : port.request(sent);
    };
    const { store } = connect({ ...simOptions(it.store, it.clock, 1), port: { ...port, request } }, "test");
    const probe = new Probe(store, ".probe/", { conditionalPut: undefined, conditionalParts: undefined });
    expect(await it.run(probe.hasConditionalParts(failure))).toBe(true);
  });
});

/** Sends a completion, and once more without its condition, so that the answer is that the upload is gone. */
async function twice(port: HttpPort, sent: HttpRequest): Promise<HttpResponse> {
  await port.request(sent);
  return port.request({ ...sent, headers: Object.fromEntries(Object.entries(sent.headers).filter(([name]) => name !== "if-none-match")) });
}
