import { memoryBackend, StorageError } from "@holdfast/storage";
import type { RandomSource } from "@holdfast/storage/ports";
import { quiet, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { openLog, type Log } from "@holdfast/wal";
import { describe, expect, it } from "vitest";
import type { ReplicaClient } from "../src/replica-client.js";
import { replicaClient } from "../src/replica-client.js";
import { openReplicator, type Replicator, type ReplicatorOptions } from "../src/replicator.js";
import { verify } from "../src/restore.js";
import { before } from "./support/before.js";

/** A log and its replica, by a clock that the test moves. What is written to the replica passes `gate` first. */
interface Bench {
  readonly clock: VirtualClock;
  readonly log: Log;
  readonly client: ReplicaClient;
  readonly replicator: Replicator;
  /** When a WAL segment was to be written, in milliseconds by the clock. */
  readonly writes: number[];
  gate: (signal: AbortSignal | undefined) => Promise<void>;
  append(bytes?: number): Promise<number>;
  end(): Promise<void>;
}

const BATCH_MS = 1000;
/** Of a claim and a begin; of the head of a commit and the length of a record. */
const [OPENING_BYTES, COMMIT_BYTES] = [112, 44];

async function openBench(options: Partial<ReplicatorOptions> = {}): Promise<Bench> {
  const clock = virtualClock();
  const startMs = clock.now();
  const log = await openLog({ storage: memoryBackend({ clock }), prefix: "log", clock });
  const client = replicaClient({ storage: memoryBackend({ clock }), prefix: "", layout: "native", clock });
  await log.append(new Uint8Array(1));
  const writes: number[] = [];
  const target = before(client, async ({ offset }, { signal }) => {
    if (offset === 0n) return;
    writes.push(clock.now() - startMs);
    await bench.gate(signal);
  });
  let gate: Bench["gate"] = () => Promise.resolve();
  const replicator = await openReplicator({ source: log, target, clock, batchMs: BATCH_MS, random: always(255), ...options });
  const bench: Bench = {
    clock,
    log,
    client,
    replicator,
    writes,
    get gate() {
      return gate;
    },
    set gate(next) {
      gate = next;
    },
    append: (bytes = 100) => log.append(new Uint8Array(bytes)),
    async end() {
      gate = () => Promise.resolve();
      const closing = replicator.close({ flushTimeoutMs: 0 });
      await clock.advance(60_000);
      await closing;
      const closed = log.close();
      await clock.advance(60_000);
      await closed;
    },
  };
  await quiet();
  return bench;
}

const refused = (): Promise<void> => Promise.reject(new StorageError("STORAGE_WRITE_FAILED", "no room", { operation: "create", outcome: "not_applied" }));

/** A source of chance that says the same each time: with 0 the shortest wait, with 255 nearly the longest. */
function always(byte: number): RandomSource {
  return { bytes: (length) => new Uint8Array(length).fill(byte) };
}

/** A promise, and what resolves it. */
function opening(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}

/** Lets a promise go on by the clock of a bench and says how it ended. */
function outcomeOf(promise: Promise<unknown>): { state: string; error?: unknown } {
  const outcome: { state: string; error?: unknown } = { state: "pending" };
  promise.then(
    () => (outcome.state = "resolved"),
    (error: unknown) => Object.assign(outcome, { state: "rejected", error }),
  );
  return outcome;
}

describe("status", () => {
  it("says where the replica is, how far behind, and what was written", async () => {
    const bench = await openBench();
    const { clock, replicator } = bench;
    const first = OPENING_BYTES - 72 + COMMIT_BYTES + 1;
    const { generation, pos } = replicator.status();
    expect(replicator.status()).toMatchObject({ seq: 1, sourceSeq: 1, lagBytes: 0, lagMs: 0, puts: 1, putBytes: first, failures: 0, lastError: undefined, state: "running" });
    expect(pos).toEqual({ generation, index: 0n, offset: BigInt(72 + first) });

    bench.gate = refused;
    await clock.advance(BATCH_MS / 2);
    await bench.append(100);
    await bench.append(50);
    await clock.advance(BATCH_MS / 2);
    // Read, and refused.
    const behind = { seq: 1, sourceSeq: 3, lagBytes: 2 * COMMIT_BYTES + 150, puts: 1, putBytes: first, failures: 1, state: "running", pos };
    expect(replicator.status()).toMatchObject({ ...behind, lagMs: BATCH_MS / 2, lastError: { code: "STORAGE_WRITE_FAILED" } });
    clock.step(7000);
    expect(replicator.status()).toMatchObject({ ...behind, lagMs: BATCH_MS / 2 + 7000 });
    clock.step(-60_000);
    expect(replicator.status().lagMs).toBe(0);

    bench.gate = () => Promise.resolve();
    await clock.advance(100);
    const second = first + 2 * COMMIT_BYTES + 150;
    expect(replicator.status()).toMatchObject({ seq: 3, sourceSeq: 3, lagBytes: 0, lagMs: 0, puts: 2, putBytes: second, failures: 0, lastError: undefined });
    expect(replicator.status().pos).toEqual({ generation, index: 0n, offset: BigInt(72 + second) });
    await bench.end();
    expect(replicator.status().state).toBe("closed");
  });

  it("says that it was given up, and why", async () => {
    const bench = await openBench();
    const { clock, log, client, replicator } = bench;
    const other = await openReplicator({ source: log, target: client, clock });
    await bench.append();
    await clock.advance(BATCH_MS);
    expect(replicator.status()).toMatchObject({ state: "failed", lastError: { code: "REPLICA_FENCED" } });
    await expect(replicator.sync()).rejects.toMatchObject({ code: "REPLICA_FENCED" });
    await expect(replicator.waitFor(99)).rejects.toMatchObject({ code: "REPLICA_FENCED" });
    const closing = other.close();
    await quiet();
    await closing;
    await bench.end();
  });
});

describe("after a failure", () => {
  it.each([
    ["the shortest times", 0, [50, 100, 200, 400, 500, 500]],
    ["nearly the longest", 255, [100, 200, 400, 799, 999, 999]],
  ])("waits twice as long each time, up to a limit, less by chance: %s", async (_, chance, waits) => {
    const bench = await openBench({ random: always(chance), retry: { minMs: 100, maxMs: 1000 } });
    bench.gate = refused;
    await bench.append();
    await bench.clock.advance(10_000);
    const between = bench.writes.slice(1).map((atMs, at, all) => atMs - (all[at - 1] ?? atMs));
    expect(bench.writes[1]).toBe(BATCH_MS);
    expect(between.slice(1, 1 + waits.length)).toEqual(waits);
    expect(bench.replicator.status().failures).toBe(bench.writes.length - 1);
    await bench.end();
  });

  it("begins with the shortest wait again when it has succeeded", async () => {
    const bench = await openBench({ retry: { minMs: 100, maxMs: 60_000 } });
    const { clock, replicator } = bench;
    bench.gate = refused;
    await bench.append();
    await clock.advance(BATCH_MS + 100 + 200 + 400);
    bench.gate = () => Promise.resolve();
    await clock.advance(800);
    expect(replicator.status()).toMatchObject({ seq: 2, failures: 0 });
    bench.gate = refused;
    await bench.append();
    const from = bench.writes.length;
    await clock.advance(BATCH_MS + 150);
    const [failedMs = 0, ...again] = bench.writes.slice(from);
    expect(again).toEqual([failedMs + 100]);
    await bench.end();
  });

  it("is not hurried by a sync", async () => {
    const bench = await openBench({ retry: { minMs: 60_000, maxMs: 60_000 } });
    bench.gate = refused;
    await bench.append();
    const synced = outcomeOf(bench.replicator.sync());
    await bench.clock.advance(50_000);
    expect(bench.writes.length).toBe(2);
    bench.gate = () => Promise.resolve();
    expect(synced.state).toBe("pending");
    await bench.clock.advance(10_000);
    expect(synced.state).toBe("resolved");
    await bench.end();
  });
});

describe("sync and waitFor", () => {
  it("ship at once, and wait for the next look", async () => {
    const bench = await openBench();
    const { clock, replicator } = bench;
    await bench.append();
    const waited = outcomeOf(replicator.waitFor(2));
    await clock.advance(BATCH_MS - 1);
    expect([waited.state, bench.writes.length]).toEqual(["pending", 1]);
    await clock.advance(1);
    expect([waited.state, bench.writes.length]).toEqual(["resolved", 2]);
    await bench.append();
    const synced = outcomeOf(replicator.sync());
    await quiet();
    expect([synced.state, bench.writes.length, replicator.status().seq]).toEqual(["resolved", 3, 3]);
    // What is there is not waited for.
    await replicator.waitFor(3);
    await bench.end();
  });

  it("do not tell of what a pass that began before them did not see", async () => {
    const bench = await openBench();
    const { replicator } = bench;
    const first = opening();
    bench.gate = () => first.promise;
    await bench.append();
    const before = outcomeOf(replicator.sync());
    await quiet();
    await bench.append();
    const behind = outcomeOf(replicator.sync());
    const waited = outcomeOf(replicator.waitFor(3));
    const second = opening();
    bench.gate = () => second.promise;
    first.resolve();
    await quiet();
    expect([before.state, behind.state, waited.state, replicator.status().seq]).toEqual(["resolved", "pending", "pending", 2]);
    second.resolve();
    await quiet();
    expect([behind.state, waited.state, replicator.status().seq]).toEqual(["resolved", "resolved", 3]);
    await bench.end();
  });

  it("are abandoned by their signal alone", async () => {
    const bench = await openBench();
    const { clock, replicator } = bench;
    bench.gate = refused;
    await bench.append();
    const { signal: isLate } = new AbortController();
    const controller = new AbortController();
    const reason = new Error("enough");
    const [kept, waited, synced] = [outcomeOf(replicator.waitFor(2, { signal: isLate })), outcomeOf(replicator.waitFor(2, controller)), outcomeOf(replicator.sync(controller))];
    await clock.advance(BATCH_MS);
    controller.abort(reason);
    await quiet();
    expect([kept.state, waited, synced]).toEqual(["pending", { state: "rejected", error: reason }, { state: "rejected", error: reason }]);
    await expect(replicator.sync(controller)).rejects.toBe(reason);
    bench.gate = () => Promise.resolve();
    await clock.advance(BATCH_MS);
    expect(kept.state).toBe("resolved");
    await bench.end();
  });
});

describe("close", () => {
  it("ships what was appended before it, also behind the pass that is running", async () => {
    const bench = await openBench();
    const { client, log, replicator } = bench;
    const open = opening();
    bench.gate = () => open.promise;
    await bench.append();
    void replicator.sync();
    await quiet();
    await bench.append();
    const closing = outcomeOf(replicator.close());
    await quiet();
    expect(closing.state).toBe("pending");
    open.resolve();
    await quiet();
    expect([closing.state, replicator.status().seq]).toEqual(["resolved", 3]);
    expect((await verify({ from: client })).seq).toBe(log.nextSeq - 1);
    await expect(replicator.sync()).rejects.toMatchObject({ code: "REPLICA_CLOSED" });
    await expect(replicator.waitFor(99)).rejects.toMatchObject({ code: "REPLICA_CLOSED" });
    expect(bench.clock.timers).toBe(1);
    await bench.end();
  });

  it("gives up after its time, and tells who waits", async () => {
    const bench = await openBench();
    const { clock, replicator } = bench;
    // Nothing answers but the signal.
    bench.gate = (signal) => new Promise((_, reject) => signal?.addEventListener("abort", () => { reject(new Error("stopped", { cause: signal.reason })); }));
    await bench.append();
    const waited = outcomeOf(replicator.waitFor(2));
    await clock.advance(BATCH_MS);
    const closing = outcomeOf(replicator.close({ flushTimeoutMs: 5000 }));
    const again = outcomeOf(replicator.close({ flushTimeoutMs: 1 }));
    await clock.advance(4999);
    expect([closing.state, waited.state]).toEqual(["pending", "pending"]);
    await clock.advance(1);
    expect([closing.state, again.state, waited.state]).toEqual(["resolved", "resolved", "rejected"]);
    expect(waited.error).toMatchObject({ code: "REPLICA_CLOSED" });
    expect(replicator.status()).toMatchObject({ state: "closed", seq: 1 });
    await bench.end();
  });

  it("does not wait for the end of a pause after a failure longer than its time", async () => {
    const bench = await openBench({ retry: { minMs: 3_600_000, maxMs: 3_600_000 } });
    bench.gate = refused;
    await bench.append();
    await bench.clock.advance(BATCH_MS);
    const closing = outcomeOf(bench.replicator.close({ flushTimeoutMs: 5000 }));
    await bench.clock.advance(5000);
    expect(closing.state).toBe("resolved");
    await bench.end();
  });
});
