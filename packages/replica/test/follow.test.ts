import { virtualClock } from "@holdfast/storage-sim";
import { memoryBackend, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replicaClient } from "../src/replica-client.js";
import { storages } from "./support/storages.js";

const GENERATION = "0123456789abcdef";
const content = Uint8Array.of(1, 2, 3);

describe.each(storages)("following a generation on %s", (_, open) => {
  it("gives what is there and what comes, each once and in order", async () => {
    const place = await open();
    const client = replicaClient({ storage: place.storage, prefix: "backup", layout: "litestream-v0.4" });
    const stop = new AbortController();
    const got: string[] = [];
    const write = (index: number, offset: number): Promise<unknown> =>
      client.writeWalSegment({ generation: GENERATION, index: BigInt(index), offset: BigInt(offset) }, content);
    const written: string[] = [];
    const work = async (): Promise<void> => {
      const following = (async () => {
        for await (const { index, offset } of client.follow(GENERATION, { signal: stop.signal })) {
          got.push(`${index}/${offset}`);
          if (got.length === 40) stop.abort();
        }
      })();
      for (let index = 0; index < 8; index++) {
        for (let offset = 0; offset < 5; offset++) {
          await write(index, offset);
          written.push(`${index}/${offset}`);
        }
      }
      await following;
    };
    await place.run(work());
    expect(got).toEqual(written);
    await place.close();
  });
});

it("misses and repeats nothing, whenever a segment is written", async () => {
  // A storage whose lists take some turns, so that writes fall before, into and behind them.
  const delayed = (inner: StorageBackend, turns: readonly number[]): StorageBackend => {
    let call = 0;
    const wait = async (): Promise<void> => {
      for (let left = turns[call++ % turns.length] ?? 0; left > 0; left--) await Promise.resolve();
    };
    return {
      ...delegate(inner),
      create: async (key, body, options) => {
        await wait();
        return inner.create(key, body, options);
      },
      async *list(prefix, options) {
        await wait();
        for await (const entry of inner.list(prefix, options)) {
          await wait();
          yield entry;
        }
      },
    };
  };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 12 }), async (turns, count) => {
      const client = replicaClient({ storage: delayed(memoryBackend(), turns), prefix: "", layout: "native" });
      const stop = new AbortController();
      const got: bigint[] = [];
      const following = (async () => {
        for await (const { offset } of client.follow(GENERATION, { signal: stop.signal })) {
          got.push(offset);
          if (got.length === count) stop.abort();
        }
      })();
      for (let offset = 0; offset < count; offset++) await client.writeWalSegment({ generation: GENERATION, index: 0n, offset: BigInt(offset) }, content);
      await following;
      expect(got).toEqual(Array.from({ length: count }, (_, at) => BigInt(at)));
    }),
    { numRuns: 100 },
  );
});

it("sees what others write when it looks", async () => {
  const storage = memoryBackend();
  const clock = virtualClock();
  const writer = replicaClient({ storage, prefix: "", layout: "native" });
  const reader = replicaClient({ storage, prefix: "", layout: "native", clock });
  const stop = new AbortController();
  const following = reader.follow(GENERATION, { signal: stop.signal, pollMs: 500, fromIndex: 1n })[Symbol.asyncIterator]();
  for (const index of [0n, 1n]) await writer.writeWalSegment({ generation: GENERATION, index, offset: 0n }, content);
  expect((await following.next()).value).toMatchObject({ index: 1n });
  const next = following.next();
  await writer.writeWalSegment({ generation: GENERATION, index: 2n, offset: 0n }, content);
  for (let turn = 0; turn < 20; turn++) await clock.advance(100);
  expect((await next).value).toMatchObject({ index: 2n });
  const last = following.next();
  stop.abort();
  expect((await last).done).toBe(true);
});

it("refuses to look more often than it can", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "native" });
  await expect(client.follow(GENERATION, { pollMs: 0 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "REPLICA_INVALID_ARGUMENT" });
});

it("makes iterators that read an index when its turn comes", async () => {
  const client = replicaClient({ storage: memoryBackend(), prefix: "", layout: "litestream-v0.3" });
  const write = (index: bigint, offset: bigint): Promise<unknown> => client.writeWalSegment({ generation: GENERATION, index, offset }, content);
  await write(0n, 0n);
  await write(1n, 0n);
  const iterator = await client.walSegmentIterator(GENERATION);
  expect(iterator.pendingIndexes).toEqual([0n, 1n]);
  await write(1n, 3n);
  const got: string[] = [];
  for await (const { index, offset } of iterator) got.push(`${index}/${offset}`);
  expect(got).toEqual(["0/0", "1/0", "1/3"]);
});
