import assert from "node:assert/strict";
import { storageKey } from "@holdfast/storage";
import fc from "fast-check";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { listed, rejectsWith, sameBytes } from "../expect.js";
import { sampleBytes } from "../samples.js";

const KEY = storageKey("dir/object.bin");
const MAX = Number.MAX_SAFE_INTEGER;

/** Rules of `read` and `stat`. */
export const readCases: readonly ConformanceCase[] = chapter("read", [], {
  "an absent object is undefined, not an error": async ({ backend }) => {
    assert.equal(await backend.read(KEY), undefined);
    assert.equal(await backend.stat(KEY), undefined);
    assert.equal(await backend.read(KEY, { range: { offset: 0, length: 0 } }), undefined);
    assert.equal(await backend.read(KEY, { range: { offset: 10, length: 10 } }), undefined);
    await backend.create(storageKey("dir/other.bin"), sampleBytes(3, 1));
    assert.equal(await backend.read(KEY), undefined);
    assert.equal(await backend.read(storageKey("dir/object.bin2")), undefined);
  },

  "read gives exactly what was written": async ({ backend, reopen }) => {
    for (const [index, length] of [1, 2, 511, 4_096, 65_537, 1_048_577].entries()) {
      const content = sampleBytes(length, length);
      const key = storageKey(`dir/${index}.bin`);
      await backend.create(key, content);
      sameBytes(await backend.read(key), content, `${length} bytes, same handle`);
      sameBytes(await (await reopen()).read(key), content, `${length} bytes, another handle`);
    }
  },

  "an empty object is an empty array, not absent": async ({ backend }) => {
    await backend.create(KEY, new Uint8Array(0));
    sameBytes(await backend.read(KEY), new Uint8Array(0), "whole");
    sameBytes(await backend.read(KEY, { range: { offset: 0, length: 5 } }), new Uint8Array(0), "range");
    assert.equal((await backend.stat(KEY))?.size, 0);
  },

  "a range gives the bytes it names": async ({ backend }) => {
    const content = sampleBytes(100_000, 1);
    await backend.create(KEY, content);
    for (const [offset, length] of [
      [0, 1],
      [0, 100_000],
      [1, 99_998],
      [99_999, 1],
      [4_095, 2],
      [65_535, 10],
    ] as const) {
      const part = await backend.read(KEY, { range: { offset, length } });
      sameBytes(part, content.subarray(offset, offset + length), `${length} bytes at ${offset}`);
    }
  },

  "a range goes into the array that is given for it, and nowhere else in it": async ({ backend }) => {
    const content = sampleBytes(1_000, 1);
    await backend.create(KEY, content);
    const memory = new Uint8Array(600).fill(7);
    const into = memory.subarray(50, 550);
    const part = await backend.read(KEY, { range: { offset: 100, length: 400 }, into });
    sameBytes(part, content.subarray(100, 500), "the answer");
    assert.equal(part?.buffer, memory.buffer);
    assert.equal(part.byteOffset, 50);
    sameBytes(memory.subarray(0, 50), new Uint8Array(50).fill(7), "before it");
    sameBytes(memory.subarray(450), new Uint8Array(150).fill(7), "behind it");
    sameBytes(await backend.read(KEY, { range: { offset: 900, length: 500 }, into }), content.subarray(900), "past the end");
    assert.equal(await backend.read(storageKey("dir/absent.bin"), { range: { offset: 0, length: 5 }, into }), undefined);
  },

  "an array that is too short for the range, or has none, is refused": async ({ backend }) => {
    await backend.create(KEY, sampleBytes(10, 1));
    const into = new Uint8Array(4);
    await rejectsWith(backend.read(KEY, { range: { offset: 0, length: 5 }, into }), "STORAGE_INVALID_ARGUMENT");
    await rejectsWith(backend.read(KEY, { into }), "STORAGE_INVALID_ARGUMENT");
    sameBytes(into, new Uint8Array(4), "untouched");
  },

  "a range of no bytes is an empty array": async ({ backend }) => {
    await backend.create(KEY, sampleBytes(10, 1));
    for (const offset of [0, 5, 10, 11, MAX]) {
      sameBytes(await backend.read(KEY, { range: { offset, length: 0 } }), new Uint8Array(0), `at ${offset}`);
    }
  },

  "a range past the end gives the bytes that are there": async ({ backend }) => {
    const content = sampleBytes(10, 1);
    await backend.create(KEY, content);
    for (const [offset, length] of [
      [0, 11],
      [9, 2],
      [10, 1],
      [11, 1],
      [1_000_000, 1_000_000],
      [0, MAX],
      [5, MAX],
      [MAX, 1],
      [MAX, MAX],
    ] as const) {
      const part = await backend.read(KEY, { range: { offset, length } });
      sameBytes(part, content.subarray(offset, Math.min(offset + length, 10)), `${length} bytes at ${offset}`);
    }
  },

  "any range equals the slice of the content": async ({ backend, propertyRuns }) => {
    const content = sampleBytes(5_000, 7);
    await backend.create(KEY, content);
    await fc.assert(
      fc.asyncProperty(fc.nat(5_100), fc.nat(5_100), async (offset, length) => {
        const part = await backend.read(KEY, { range: { offset, length } });
        sameBytes(part, content.slice(offset, offset + length), `${length} bytes at ${offset}`);
      }),
      { numRuns: propertyRuns },
    );
  },

  "what a write answers, stat and list agree on key and size": async ({ backend }) => {
    for (const size of [0, 1, 70_000]) {
      const key = storageKey(`dir/${size}.bin`);
      const written = await backend.create(key, sampleBytes(size, 1));
      const stat = await backend.stat(key);
      const [fromList] = (await listed(backend, "dir/")).filter((entry) => entry.key === key);
      for (const entry of [written, stat, fromList]) {
        assert.ok(entry !== undefined, "no entry");
        assert.equal(entry.key, key);
        assert.equal(entry.size, size);
        assert.ok(Number.isFinite(entry.modifiedAt), `modifiedAt is ${String(entry.modifiedAt)}`);
      }
    }
  },

  "many reads at the same time each get their own object": async ({ backend }) => {
    const contents = Array.from({ length: 24 }, (_, index) => sampleBytes(1_000 + index, index));
    await Promise.all(contents.map((content, index) => backend.create(storageKey(`dir/${index}.bin`), content)));
    const read = await Promise.all(contents.map((_, index) => backend.read(storageKey(`dir/${index}.bin`))));
    for (const [index, content] of contents.entries()) sameBytes(read[index], content, `object ${index}`);
  },
});
