import { memoryBackend, memoryDisk, storagePrefix, type StorageBackend } from "@holdfast/storage";
import type { Clock } from "@holdfast/storage/ports";
import { seededRandom, virtualClock, type VirtualClock } from "@holdfast/storage-sim";
import { driveClock } from "@holdfast/storage-sim/object-store";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { openLog, type Log } from "../src/index.js";
import { all, bytesOf, texts, walError } from "./support/expecting.js";

/** Storage at a distance: each request is so long on its way, half of it there. */
function distant(inner: StorageBackend, clock: Clock, roundTripMs: () => number): StorageBackend {
  const travel = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      clock.setTimer(resolve, ms);
    });
  const call = async <T>(request: () => Promise<T>): Promise<T> => {
    const halfMs = roundTripMs() / 2;
    await travel(halfMs);
    try {
      return await request();
    } finally {
      await travel(halfMs);
    }
  };
  return {
    ...delegate(inner),
    read: (key, options) => call(() => inner.read(key, options)),
    create: (key, body, options) => call(() => inner.create(key, body, options)),
    remove: (keys, options) => call(() => inner.remove(keys, options)),
    async *list(prefix, options) {
      yield* await call(() => all(inner.list(prefix, options)));
    },
  };
}

interface Bucket {
  readonly clock: VirtualClock;
  readonly from: (roundTripMs: () => number) => StorageBackend;
  readonly keys: () => Promise<string[]>;
}

/** One bucket, one clock, and whoever comes to it from somewhere. */
function bucket(): Bucket {
  const clock = virtualClock();
  const disk = memoryDisk();
  const here = (): StorageBackend => memoryBackend({ disk, appendable: false, clock });
  return {
    clock,
    from: (roundTripMs) => distant(here(), clock, roundTripMs),
    keys: async () => (await all(here().list(storagePrefix("")))).map(({ key }) => key),
  };
}

/** Between these, as often as not nearer to the first. */
function between(seed: number, low: number, high: number): () => number {
  const random = seededRandom(seed);
  return () => low + (high - low) * ((random.bytes(1)[0] ?? 0) / 256) ** 2;
}

/** Appends without a pause until it is refused. Answers what was acknowledged. */
async function commitBackToBack(log: Log): Promise<string[]> {
  const acknowledged: string[] = [];
  for (;;) {
    const text = `r${acknowledged.length + 1}`;
    const seq = await log.append(bytesOf(text)).catch(() => undefined);
    if (seq === undefined) return acknowledged;
    acknowledged.push(`${seq}:${text}`);
  }
}

describe("opening against a writer that never pauses", () => {
  test.each([1, 2, 3])("comes in between two of its commits, although the way there is long (seed %i)", async (seed) => {
    const { clock, from } = bucket();
    await driveClock(
      clock,
      (async () => {
        const writer = await openLog({ storage: from(between(seed, 5, 60)), prefix: "orders", clock });
        const working = commitBackToBack(writer);
        const opener = await openLog({ storage: from(() => 40), prefix: "orders", clock });
        const acknowledged = await working;
        expect(acknowledged.length).toBeGreaterThan(5);
        expect(opener.recovery.takeover?.attempts).toBeGreaterThan(1);
        expect(await texts(opener)).toEqual(acknowledged);
        await walError(writer.append(bytesOf("late")), "WAL_FENCED");
        await writer.close();
        await opener.close();
      })(),
    );
  });

  test("gives up when the time is over, and has left nothing behind", async () => {
    const { clock, from, keys } = bucket();
    await driveClock(
      clock,
      (async () => {
        const writer = await openLog({ storage: from(() => 10), prefix: "orders", clock, packObjects: 4096 });
        const working = commitBackToBack(writer);
        const startedAtMs = clock.monotonic();
        const opening = openLog({ storage: from(() => 40), prefix: "orders", clock, takeoverTimeoutMs: 5000 });
        const error = await walError(opening, "WAL_FENCED");
        expect(error).toMatchObject({ retryable: true, outcome: "not_applied", operation: "openLog", key: "orders/" });
        expect(error.message).toContain("takeoverTimeoutMs");
        expect(clock.monotonic() - startedAtMs).toBeGreaterThanOrEqual(5000);
        expect(clock.monotonic() - startedAtMs).toBeLessThan(5500);
        const before = writer.durableSeq;
        await writer.append(bytesOf("goes on"));
        expect(writer.durableSeq).toBeGreaterThan(before);
        await writer.close();
        await working;
        expect((await keys()).length, "its commits and its claim").toBe(writer.durableSeq + 1);
      })(),
    );
  });
});

describe("openers that come at once", () => {
  test("all come in, one after the other, and the last one keeps the log", async () => {
    const { clock, from } = bucket();
    await driveClock(
      clock,
      (async () => {
        const logs = await Promise.all(
          [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => openLog({ storage: from(between(seed, 10, 50)), prefix: "orders", clock, random: seededRandom(seed) })),
        );
        const terms = logs.map((log) => log.recovery.takeover?.term ?? 0);
        expect(new Set(terms).size).toBe(8);
        for (const [index, log] of logs.entries()) {
          const appended = log.append(bytesOf("a"));
          if (terms[index] === Math.max(...terms)) expect(await appended).toBe(1);
          else await walError(appended, "WAL_FENCED");
          await log.close();
        }
      })(),
    );
  });
});
