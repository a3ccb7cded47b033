import { HttpPortError, type HttpPort, type HttpRequest, type HttpResponse } from "@holdfast/storage/ports";
import { describe, expect, it } from "vitest";
import { exhaust, formatChoices, mildAdversary, parseChoices, recordedAdversary, recording, seededAdversary, virtualClock, type Adversary } from "../../src/index.js";
import {
  driveClock,
  formatObjectPlan,
  OBJECT_FAULT_OPERATIONS,
  parseObjectPlan,
  SimObjectStore,
  type ObjectFaultKind,
  type SimObjectStoreOptions,
} from "../../src/object-store/index.js";
import { bodyOf } from "./support/store.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function world(options: Partial<SimObjectStoreOptions> = {}) {
  const clock = virtualClock();
  const store = new SimObjectStore({ clock, adversary: mildAdversary, keepTrace: true, ...options });
  const port = store.port();
  const run = <T>(work: Promise<T>): Promise<T> => driveClock(clock, work);
  return { clock, store, port, run };
}

const request = (method: HttpRequest["method"], name: string, more: Partial<HttpRequest> = {}): HttpRequest => ({ method, url: `http://localhost/bucket/${name}`, headers: {}, timeoutMs: 1_000, ...more });

const create = (port: HttpPort, name: string, text: string): Promise<HttpResponse> => port.request(request("PUT", name, { body: bytes(text), headers: { "if-none-match": "*" } }));

/** What a client is told: a status, or what is known of a request without an answer. */
const told = (work: Promise<HttpResponse>): Promise<number | string> =>
  work.then(({ status }) => status, (error: unknown) => (error instanceof HttpPortError ? error.outcome : String(error)));

const content = (store: SimObjectStore, name = "a.x"): string | undefined => {
  const object = store.objects.get(name);
  return object === undefined ? undefined : Buffer.from(object.bytes).toString();
};

describe("a PUT that meets a fault", () => {
  it.each<[ObjectFaultKind, number | string, string | undefined]>([
    ["refuse", "not_applied", undefined],
    ["drop", "unknown", undefined],
    ["lose", "unknown", "mine"],
    ["fail", 500, undefined],
    ["failAfter", 500, "mine"],
    ["twice", 412, "mine"],
    ["slow", 503, undefined],
    ["conflict", 409, undefined],
    ["garble", 400, undefined],
    ["full", 507, undefined],
    ["skew", 403, undefined],
    ["expire", 403, undefined],
    ["redirect", 307, undefined],
  ])("%s: the client is told %s, and the store has %s", async (kind, answer, there) => {
    const { store, port, run } = world({ faults: parseObjectPlan(`PutObject#1=${kind}`) });
    expect(await run(told(create(port, "a.x", "mine")))).toBe(answer);
    expect(content(store)).toBe(there);
    expect(await run(told(create(port, "b.x", "other")))).toBe(200);
  });

  it("late: it arrives in its time, behind what came later, and is refused then if it has to be", async () => {
    const { clock, store, port, run } = world({ faults: parseObjectPlan("PutObject#1x2=late"), adversary: recordedAdversary([2, 0, 2, 0]) });
    expect(await run(told(create(port, "a.x", "first")))).toBe("unknown");
    expect(await run(told(port.request(request("PUT", "b.x", { body: bytes("old") }))))).toBe("unknown");
    expect([content(store), content(store, "b.x"), store.late]).toEqual([undefined, undefined, 2]);
    expect(await run(told(create(port, "a.x", "second")))).toBe(200);
    expect(await run(told(port.request(request("PUT", "b.x", { body: bytes("new") }))))).toBe(200);
    await clock.advance(5_000);
    expect([content(store), content(store, "b.x"), store.late]).toEqual(["second", "old", 0]);
  });

  it("of a process that is killed arrives or not, and nobody is told", async () => {
    const outcomes = new Set<string | undefined>();
    const search = await exhaust(async (adversary) => {
      const { clock, store } = world({ adversary });
      const client = store.client();
      let settled = false;
      void told(create(client.port, "a.x", "mine")).then(() => { settled = true; });
      client.kill();
      await clock.advance(10_000);
      expect(settled).toBe(false);
      outcomes.add(content(store));
    }, { limit: 10 });
    expect(search).toEqual({ runs: 2, complete: true });
    expect(outcomes).toEqual(new Set([undefined, "mine"]));
  });

  it("silence lasts until the attempt's timeout", async () => {
    const { clock, port, run } = world({ faults: parseObjectPlan("PutObject#1=drop"), adversary: recordedAdversary([1]) });
    const startMs = clock.monotonic();
    expect(await run(told(create(port, "a.x", "mine")))).toBe("unknown");
    expect(clock.monotonic() - startMs).toBeGreaterThanOrEqual(1_000);
  });
});

describe("a body that meets a fault", () => {
  const read = async (kind: ObjectFaultKind, adversary: Adversary) => {
    const { clock, port, run } = world({ faults: parseObjectPlan(`GetObject#1=${kind}`), adversary });
    await run(create(port, "a.x", "0123456789"));
    const startMs = clock.monotonic();
    const response = await run(port.request(request("GET", "a.x")));
    const got = await run(bodyOf(response).then((it) => it.toString(), (error: unknown) => error));
    return { got, length: response.headers["content-length"], tookMs: clock.monotonic() - startMs };
  };

  it("cut: breaks off, after any number of bytes", async () => {
    for (const at of [0, 5, 10]) expect((await read("cut", recordedAdversary([at]))).got).toBeInstanceOf(HttpPortError);
  });

  it("short: ends early, and its length still says otherwise", async () => {
    expect(await read("short", recordedAdversary([4]))).toMatchObject({ got: "0123", length: "10" });
  });

  it("flip: has one wrong bit", async () => {
    expect((await read("flip", recordedAdversary([8]))).got).toBe("0023456789");
  });

  it("drip: is whole, and takes its time", async () => {
    const { got, tookMs } = await read("drip", seededAdversary(1, { temper: "even" }));
    expect(got).toBe("0123456789");
    expect(tookMs).toBeGreaterThan(100);
  });

  it("stall: stops until nothing has moved for too long", async () => {
    const { got, tookMs } = await read("stall", recordedAdversary([4]));
    expect(got).toBeInstanceOf(HttpPortError);
    expect(tookMs).toBeGreaterThanOrEqual(1_000);
  });
});

describe("a store", () => {
  it("never lets two win, in any order of requests", async () => {
    const winners = new Map<number, number>();
    await exhaust(async (adversary) => {
      const { store, run } = world({ adversary, maxTurns: 3 });
      const answers = await run(Promise.all([0, 1].map((writer) => told(create(store.port(), "a.x", String(writer))))));
      expect(answers.toSorted()).toEqual([200, 412]);
      const winner = answers.indexOf(200);
      expect(content(store)).toBe(String(winner));
      winners.set(winner, (winners.get(winner) ?? 0) + 1);
    }, { limit: 1_000 });
    expect(winners.size).toBe(2);
  });

  it("that ignores conditions lets two win: always, or in races only", async () => {
    for (const [ignoresConditions, later] of [["always", 200], ["inRaces", 412]] as const) {
      const { store, port, run } = world({ quirks: { ignoresConditions } });
      expect(await run(Promise.all([told(create(port, "a.x", "1")), told(create(port, "a.x", "2"))]))).toEqual([200, 200]);
      expect(await run(told(create(port, "a.x", "3")))).toBe(later);
      expect(store.requests).toBe(3);
    }
  });

  it("refuses what is not in the dialect, as a mistake of the test", async () => {
    const { port } = world();
    await expect(port.request(request("PUT", "a.x", { headers: { "Content-Type": "x" } }))).rejects.toThrow("not a header for a port");
    await expect(port.request({ method: "POST", url: "http://localhost/bucket", headers: {} })).rejects.toThrow("not a request in the dialect of S3");
  });

  it("rejects with the signal's reason; what was sent arrives all the same", async () => {
    const { clock, store, port } = world({ latencyMs: 100 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const answer = told(port.request(request("PUT", "a.x", { body: bytes("mine"), signal: controller.signal })));
    controller.abort(reason);
    expect(await answer).toBe(String(reason));
    await clock.advance(1_000);
    expect(content(store)).toBe("mine");
  });
});

describe("a run", () => {
  const play = async (adversary: Adversary): Promise<string> => {
    const { store, run } = world({ adversary, maxTurns: 4, chance: { kinds: ["lose", "drop", "late", "twice", "slow", "cut"], faults: 1, outOf: 3 } });
    const port = store.port();
    await run(Promise.all(Array.from({ length: 20 }, (_, index) => told(create(port, `${index % 7}.x`, String(index))))));
    store.landLate();
    return store.hash;
  };

  it("is the same for the same choices, which print as one line", async () => {
    const hashes = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const recorder = recording(seededAdversary(seed, { temper: "even" }));
      const hash = await play(recorder);
      hashes.add(hash);
      const line = formatChoices(recorder.made.map(({ chosen }) => chosen));
      expect(await play(recordedAdversary(parseChoices(line)))).toBe(hash);
      expect(await play(seededAdversary(seed, { temper: "even" }))).toBe(hash);
    }
    expect(hashes.size).toBe(20);
  });

  it("hands out no more faults than its limit, so that all of them can be searched", async () => {
    const kinds = ["lose", "drop"] as const;
    const search = await exhaust(async (adversary) => {
      const { store, run } = world({ adversary, chance: { kinds, faults: 1, outOf: 2, limit: 1 } });
      const port = store.port();
      for (const name of ["a.x", "b.x", "c.x"]) await run(told(create(port, name, "x")));
      expect(store.exchanges.filter(({ fault }) => fault !== undefined).length).toBeLessThanOrEqual(1);
    }, { limit: 1_000 });
    // No fault, or one of two kinds, shown in one of two ways, at one of three requests.
    expect(search).toEqual({ runs: 13, complete: true });
  });
});

describe("a plan", () => {
  it("is one line, and back", () => {
    const line = "PutObject[log/*]#3=lose;GetObject#1+=cut;*#2x4=slow;ListObjects[a%3Bb]#1=page";
    expect(formatObjectPlan(parseObjectPlan(line))).toBe(line);
    expect(formatObjectPlan([])).toBe("-");
    expect(parseObjectPlan("-")).toEqual([]);
  });

  it.each(["", "PutObject", "PutObject#0=lose", "PutObject#1=nothing", "Put#1=lose", "GetObject#1=lose", "PutObject#1x0=lose", "PutObject#1=lose:EIO"])("%j is none", (line) => {
    expect(() => parseObjectPlan(line)).toThrow(RangeError);
  });

  it("counts the requests that match it", async () => {
    const { store, port, run } = world({ faults: parseObjectPlan("PutObject[b.*]#2=fail") });
    const answers = [];
    for (const name of ["a.x", "b.x", "a.y", "b.y", "b.z"]) answers.push(await run(told(create(port, name, "x"))));
    expect(answers).toEqual([200, 200, 200, 500, 200]);
    store.addFault({ operation: "*", nth: 1, times: Infinity, kind: "slow" });
    expect(await run(told(create(port, "c.x", "x")))).toBe(503);
    store.clearFaults();
    expect(await run(told(create(port, "c.x", "x")))).toBe(200);
  });

  it("can hit something with every kind", () => {
    for (const [kind, operations] of Object.entries(OBJECT_FAULT_OPERATIONS)) expect(operations.length, kind).toBeGreaterThan(0);
  });
});
