import { memoryBackend, memoryDisk } from "@holdfast/storage";
import { json, openLog, openLogReader } from "@holdfast/wal";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkpointManager, checkpointStore, logSource, runCheckpointed, type RunSummary } from "../src/index.js";
import { expectCode } from "./support/history.js";

/* However often a loop dies, each event counts once. */

interface Sums {
  readonly sums: Map<string, number>;
  readonly seen: number[];
}

describe.each([true, false])("a loop over a log, waiting for saves: %s", (waitForSaves) => {
  it("counts each event once, wherever it dies", async () => {
    const crashes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(crashes, fc.integer({ min: 1, max: 12 }), async (lives, interval) => {
        const disk = memoryDisk();
        const log = await openLog({ storage: memoryBackend({ disk }), prefix: "log", codec: json<number>() });
        await log.appendBatch(Array.from({ length: 60 }, (_, index) => index + 1));
        await log.close();
        let replayed = 0;
        let most = 0;
        for (const deadline of [...lives, Infinity]) {
          const { sums, seen } = await life(memoryBackend({ disk }), BigInt(interval), deadline, waitForSaves);
          const first = seen[0];
          if (first !== undefined && first <= most) {
            replayed = most - first + 1;
            expect(replayed).toBeLessThan(waitForSaves ? interval + 1 : 2 * interval + 1);
          }
          most = Math.max(most, ...seen);
          if (deadline === Infinity) expect([...sums]).toEqual(whole());
        }
      }),
      { numRuns: 40 },
    );
  });
});

it("ends when its signal aborts, behind the event that it was at, with a last checkpoint", async () => {
  const storage = memoryBackend();
  const log = await openLog({ storage, prefix: "log", codec: json<number>() });
  await log.appendBatch([1, 2, 3, 4, 5]);
  const stop = new AbortController();
  const store = checkpointStore({ storage, prefix: "c" });
  const manager = checkpointManager({ store, everyEvents: 100n });
  const seen: number[] = [];
  const running = runCheckpointed({
    stream: manager.stream("s"),
    source: logSource({ log, watermarkNs: (value) => BigInt(value) * 7n }),
    process: (value) => {
      seen.push(value);
      if (value === 3) stop.abort();
    },
    signal: stop.signal,
  });
  const summary: RunSummary = await running;
  expect([seen, summary]).toEqual([[1, 2, 3], { recovery: undefined, events: 3n, sequence: 3n }]);
  const { checkpoint } = await store.latest("s");
  expect(checkpoint?.state).toMatchObject({ id: { sequence: 3n }, watermarkNs: 21n, sources: new Map([["log", 4n]]) });
  await log.close();
});

it("follows a log in another process, and is stopped by whoever takes its stream over", async () => {
  const disk = memoryDisk();
  const storage = memoryBackend({ disk });
  const log = await openLog({ storage, prefix: "log", codec: json<number>() });
  const reader = await openLogReader({ storage: memoryBackend({ disk }), prefix: "log", codec: json<number>() });
  const manager = checkpointManager({ store: checkpointStore({ storage, prefix: "c" }), everyEvents: 2n });
  const running = runCheckpointed({ stream: manager.stream("s"), source: logSource({ log: reader }), process: () => undefined, waitForSaves: true });
  const stopped = expectCode(running, "CHECKPOINT_FENCED");
  await log.append(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await checkpointStore({ storage, prefix: "c" }).open("s");
  for (let value = 2; value < 6; value += 1) await log.append(value);
  await log.close();
  await stopped;
  await reader.close();
});

it("tells what the source or the work throws, and takes no checkpoint behind it", async () => {
  const storage = memoryBackend();
  const store = checkpointStore({ storage, prefix: "c" });
  const broken = new Error("broken");
  const source = {
    name: "some",
    async *read() {
      yield { value: 1, next: 1n };
      throw broken;
    },
  };
  const run = (process: () => void): Promise<RunSummary> => runCheckpointed({ stream: checkpointManager({ store, everyEvents: 100n }).stream("s"), source, process });
  await expect(run(() => undefined)).rejects.toBe(broken);
  const other = new Error("other");
  await expect(run(() => { throw other; })).rejects.toBe(other);
  expect(await store.count("s")).toBe(0);
});

/** Works until so many events were processed, and dies without a word. */
async function life(storage: ReturnType<typeof memoryBackend>, interval: bigint, deadline: number, waitForSaves: boolean): Promise<Sums> {
  const manager = checkpointManager({ store: checkpointStore({ storage, prefix: "c" }), everyEvents: interval });
  const stream = manager.stream("sums");
  const sums = new Map<string, number>();
  const seen: number[] = [];
  stream.registerOperator("sums", {
    snapshot: () => new TextEncoder().encode(JSON.stringify([...sums])),
    restore(bytes) {
      sums.clear();
      for (const [name, sum] of JSON.parse(new TextDecoder().decode(bytes)) as [string, number][]) sums.set(name, sum);
    },
  });
  const reader = await openLogReader({ storage, prefix: "log", codec: json<number>() });
  const dead = new Promise<void>((resolve) => {
    const run = runCheckpointed({
      stream,
      source: logSource({ log: reader, follow: false }),
      waitForSaves,
      async process(value) {
        if (seen.length >= deadline) {
          resolve();
          await new Promise(() => undefined);
        }
        seen.push(value);
        const name = String(value % 7);
        sums.set(name, (sums.get(name) ?? 0) + value);
      },
    });
    void run.then(() => { resolve(); });
  });
  await dead;
  return { sums, seen };
}

function whole(): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>();
  for (let value = 1; value <= 60; value += 1) sums.set(String(value % 7), (sums.get(String(value % 7)) ?? 0) + value);
  return [...sums];
}
