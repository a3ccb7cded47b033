import assert from "node:assert/strict";
import { hasCode, isHoldfastError, storageKey } from "@holdfast/storage";
import type { ReadOptions, StorageBackend } from "@holdfast/storage";
import fc from "fast-check";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { sameBytes, streamed } from "../expect.js";
import { collected, joined, sampleBytes } from "../samples.js";

const KEY = storageKey("dir/object.bin");
const MAX = Number.MAX_SAFE_INTEGER;
const BIG = 8 * 1_048_576;
/** No piece may be longer, however big the object is: that is what "bounded memory" means to who receives it. */
const MAX_PIECE = 1_048_576;

/** Rules of `stream`. */
export const streamCases: readonly ConformanceCase[] = chapter("stream", [], {
  "an absent object has no stream": async ({ backend }) => {
    assert.equal(await backend.stream(KEY), undefined);
    assert.equal(await backend.stream(KEY, { range: { offset: 0, length: 0 } }), undefined);
  },

  "the pieces make up the object": async ({ backend, reopen }) => {
    const other = await reopen();
    for (const length of [0, 1, 65_536, 300_001]) {
      const key = storageKey(`dir/${length}.bin`);
      const content = sampleBytes(length, length);
      await backend.create(key, content);
      sameBytes(await streamed(backend, key), content, `${length} bytes, same handle`);
      sameBytes(await streamed(other, key), content, `${length} bytes, another handle`);
    }
  },

  "a big object comes in pieces of at most 1 MiB": async ({ backend }) => {
    const content = sampleBytes(BIG, 3);
    await backend.create(KEY, content);
    const pieces = await collected(await started(backend));
    const longest = Math.max(...pieces.map((piece) => piece.length));
    assert.ok(longest <= MAX_PIECE, `a piece of ${longest} bytes`);
    sameBytes(joined(pieces), content, "all pieces");
  },

  "a range gives the bytes it names, and past the end those that are there": async ({ backend }) => {
    const content = sampleBytes(200_000, 1);
    await backend.create(KEY, content);
    for (const [offset, length] of [
      [0, 0],
      [0, 200_000],
      [1, 199_998],
      [65_535, 2],
      [199_999, 1],
      [199_999, 2],
      [200_000, 1],
      [100_000, MAX],
      [MAX, MAX],
    ] as const) {
      const part = joined(await collected(await started(backend, { range: { offset, length } })));
      sameBytes(part, content.slice(offset, offset + length), `${length} bytes at ${offset}`);
    }
  },

  "any range equals the slice of the content": async ({ backend, propertyRuns }) => {
    const content = sampleBytes(200_000, 7);
    await backend.create(KEY, content);
    await fc.assert(
      fc.asyncProperty(fc.nat(201_000), fc.nat(201_000), async (offset, length) => {
        const part = joined(await collected(await started(backend, { range: { offset, length } })));
        sameBytes(part, content.slice(offset, offset + length), `${length} bytes at ${offset}`);
      }),
      { numRuns: propertyRuns },
    );
  },

  "a stream goes on with its version when the object is replaced": async ({ backend, reopen }) => {
    const other = await reopen();
    const versions = [sampleBytes(BIG, 1), sampleBytes(BIG, 2)] as const;
    await backend.replace(KEY, versions[0]);
    const pieces: Uint8Array[] = [];
    for await (const piece of await started(backend)) {
      if (pieces.length === 0) await other.replace(KEY, versions[1]);
      pieces.push(piece);
    }
    sameBytes(joined(pieces), versions[0], "stream begun before the replace");
    sameBytes(await streamed(backend, KEY), versions[1], "stream begun after the replace");
  },

  "a stream goes on when the object is removed": async ({ backend, reopen }) => {
    const other = await reopen();
    const content = sampleBytes(BIG, 1);
    await backend.create(KEY, content);
    const pieces: Uint8Array[] = [];
    for await (const piece of await started(backend)) {
      if (pieces.length === 0) await other.remove([KEY]);
      pieces.push(piece);
    }
    sameBytes(joined(pieces), content, "stream begun before the remove");
  },

  "a stream that is started late gives one version, the one before or the one after a replace": async ({ backend }) => {
    const before = sampleBytes(3_000_000, 1);
    const after = sampleBytes(2_000_000, 2);
    await backend.replace(KEY, before);
    const late = await started(backend);
    await backend.replace(KEY, after);
    const seen = joined(await collected(late));
    sameBytes(seen, seen.length === before.length ? before : after, "stream started late");
  },

  "streams that were left early, or never started, hold nothing up": async ({ backend, reopen }) => {
    const content = sampleBytes(BIG, 1);
    await backend.create(KEY, content);
    for (let turn = 0; turn < 128; turn += 1) {
      await started(backend);
      for await (const piece of await started(backend)) {
        assert.ok(piece.length > 0);
        break;
      }
    }
    sameBytes(await backend.read(KEY, { range: { offset: 0, length: 9 } }), content.subarray(0, 9), "read behind them");
    await backend.replace(KEY, sampleBytes(5, 2));
    await backend.remove([KEY]);
    await backend.close();
    assert.equal(await (await reopen()).read(KEY), undefined);
  },

  "a stream that is read a second time gives everything or fails, and is not silently empty": async ({ backend }) => {
    const content = sampleBytes(100_000, 1);
    await backend.create(KEY, content);
    const stream = await started(backend);
    sameBytes(joined(await collected(stream)), content, "the first time");
    const again = await (async () => collected(stream))().catch((error: unknown) => {
      if (isHoldfastError(error)) return undefined;
      throw error;
    });
    if (again !== undefined) sameBytes(joined(again), content, "the second time");
  },

  "several streams of one object do not disturb each other": async ({ backend }) => {
    const content = sampleBytes(500_000, 1);
    await backend.create(KEY, content);
    const streams = await Promise.all(Array.from({ length: 8 }, () => streamed(backend, KEY)));
    for (const [index, stream] of streams.entries()) sameBytes(stream, content, `stream ${index}`);
  },

  "a stream that is open when the backend is closed ends whole or with STORAGE_CLOSED": async ({ backend }) => {
    const content = sampleBytes(BIG, 1);
    await backend.create(KEY, content);
    const pieces: Uint8Array[] = [];
    let closing: Promise<void> | undefined;
    let whole = true;
    try {
      for await (const piece of await started(backend)) {
        pieces.push(piece);
        closing ??= backend.close();
      }
    } catch (error) {
      if (!hasCode(error, "STORAGE_CLOSED")) throw error;
      whole = false;
    }
    await closing;
    const seen = joined(pieces);
    sameBytes(seen, whole ? content : content.subarray(0, seen.length), "what came before the end");
  },
});

async function started(backend: StorageBackend, options?: ReadOptions): Promise<AsyncIterable<Uint8Array>> {
  const stream = await backend.stream(KEY, options);
  assert.ok(stream !== undefined, "the object has no stream");
  return stream;
}
