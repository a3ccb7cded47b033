import assert from "node:assert/strict";
import { storageKey } from "@holdfast/storage";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, listed, sameBytes, streamed } from "../expect.js";
import { joined, sampleBytes, utf8 } from "../samples.js";

const KEY = storageKey("dir/object.bin");
/** Below and above the sizes at which Node's pooled buffers and a backend's own pieces begin. */
const SIZES = [10, 5_000, 200_000];

/** Rules of whose memory is whose. */
export const buffersCases: readonly ConformanceCase[] = [
  ...chapter("buffers", [], {
    "what was passed in may be changed as soon as the call has settled": async ({ backend, reopen }) => {
      const other = await reopen();
      for (const size of SIZES) {
        const bytes = sampleBytes(size, 1);
        const key = storageKey(`dir/${size}.bin`);
        await backend.create(key, bytes);
        bytes.fill(0xee);
        await isThere(backend, key, sampleBytes(size, 1));
        await isThere(other, key, sampleBytes(size, 1));
        bytes.set(sampleBytes(size, 2));
        await backend.replace(key, bytes);
        bytes.fill(0xee);
        await isThere(backend, key, sampleBytes(size, 2));
        await isThere(other, key, sampleBytes(size, 2));
      }
    },

    "what was passed in is not changed": async ({ backend }) => {
      for (const size of SIZES) {
        const bytes = sampleBytes(size, 1);
        await backend.replace(KEY, bytes);
        await assert.rejects(backend.create(KEY, bytes));
        sameBytes(bytes, sampleBytes(size, 1), "the array that was passed in");
      }
    },

    "pieces of a streamed body may be changed as soon as the call has settled": async ({ backend }) => {
      const pieces = SIZES.map((size) => sampleBytes(size, size));
      const expected = joined(pieces);
      await backend.create(KEY, {
        // eslint-disable-next-line @typescript-eslint/require-await -- The contract takes an async iterable; there is nothing to wait for.
        async *open() {
          yield* pieces;
        },
      });
      for (const piece of pieces) piece.fill(0xee);
      await isThere(backend, KEY, expected);
    },

    "what read returned belongs to the caller": async ({ backend, reopen }) => {
      const other = await reopen();
      for (const size of SIZES) {
        const content = sampleBytes(size, 1);
        const key = storageKey(`dir/${size}.bin`);
        await backend.create(key, content);
        const [first, second, part] = await Promise.all([
          backend.read(key),
          backend.read(key),
          backend.read(key, { range: { offset: 2, length: 5 } }),
        ]);
        first?.fill(0xee);
        sameBytes(second, content, "another read of that time");
        sameBytes(part, content.subarray(2, 7), "a range of that time");
        second?.fill(0xdd);
        part?.fill(0xcc);
        await isThere(backend, key, content);
        await isThere(other, key, content);
      }
    },

    "what stream returned belongs to the caller": async ({ backend, reopen }) => {
      const other = await reopen();
      for (const size of SIZES) {
        const content = sampleBytes(size, 1);
        const key = storageKey(`dir/${size}.bin`);
        await backend.create(key, content);
        const kept: Uint8Array[] = [];
        for await (const piece of (await backend.stream(key)) ?? []) {
          kept.push(piece.slice());
          piece.fill(0xee);
        }
        sameBytes(joined(kept), content, "pieces");
        await isThere(backend, key, content);
        await isThere(other, key, content);
      }
    },

    "pieces of a stream may be kept while it goes on": async ({ backend }) => {
      const content = sampleBytes(1_000_000, 1);
      await backend.create(KEY, content);
      sameBytes(await streamed(backend, KEY), content, "pieces that were kept to the end");
    },

    "what was read does not change when the object does": async ({ backend }) => {
      for (const size of SIZES) {
        await backend.replace(KEY, sampleBytes(size, 1));
        const read = await backend.read(KEY);
        await backend.replace(KEY, sampleBytes(size, 2));
        sameBytes(read, sampleBytes(size, 1), "read before the replace");
        await backend.remove([KEY]);
        sameBytes(read, sampleBytes(size, 1), "read before the remove");
      }
    },

    "views into larger buffers are written from their offset and to their length": async ({ backend }) => {
      for (const [index, view] of viewsOf("content").entries()) {
        const key = storageKey(`dir/${index}.bin`);
        await backend.create(key, view);
        await isThere(backend, key, utf8("content"));
        await backend.replace(key, view);
        await isThere(backend, key, utf8("content"));
      }
      const pieces = viewsOf("content");
      await backend.create(KEY, {
        // eslint-disable-next-line @typescript-eslint/require-await -- As above.
        async *open() {
          yield* pieces;
        },
      });
      await isThere(backend, KEY, utf8("content".repeat(pieces.length)));
    },

    "entries belong to the caller": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      const [fromList] = await listed(backend, "");
      for (const entry of [fromList, await backend.stat(KEY)]) {
        // A frozen entry is as good: it cannot be changed at all.
        if (entry !== undefined && !Object.isFrozen(entry)) Object.assign(entry, { size: 999 });
      }
      await isThere(backend, KEY, utf8("content"));
    },
  }),

  ...chapter("buffers", ["appendable"], {
    "what was appended may be changed as soon as the append has settled": async ({ backend, reopen }) => {
      const file = await appendableOf(backend).open(KEY, { mode: "create", reserveBytes: 4_096 });
      for (const size of SIZES) {
        const bytes = sampleBytes(size, size);
        await file.append(bytes);
        sameBytes(bytes, sampleBytes(size, size), "the array that was passed in");
        bytes.fill(0xee);
      }
      await file.close();
      const expected = joined(SIZES.map((size) => sampleBytes(size, size)));
      await isThere(backend, KEY, expected);
      await isThere(await reopen(), KEY, expected);
    },

    "what was read does not change when the object grows or is cut": async ({ backend }) => {
      const file = await appendableOf(backend).open(KEY, { mode: "create" });
      await file.append(sampleBytes(1_000, 1));
      const read = await backend.read(KEY);
      const part = await backend.read(KEY, { range: { offset: 500, length: 500 } });
      await file.truncate(0);
      await file.append(sampleBytes(2_000, 2));
      sameBytes(read, sampleBytes(1_000, 1), "read before");
      sameBytes(part, sampleBytes(1_000, 1).subarray(500), "range read before");
      read?.fill(0xee);
      part?.fill(0xee);
      await file.append(sampleBytes(10, 3));
      await file.close();
      await isThere(backend, KEY, joined([sampleBytes(2_000, 2), sampleBytes(10, 3)]));
    },

    "views into larger buffers are appended from their offset and to their length": async ({ backend }) => {
      const file = await appendableOf(backend).open(KEY, { mode: "create" });
      const views = viewsOf("content");
      for (const view of views) await file.append(view);
      assert.equal(file.size, 7 * views.length);
      await file.close();
      await isThere(backend, KEY, utf8("content".repeat(views.length)));
    },
  }),
];

/** The same bytes in arrays that begin and end in different places of their buffers. */
function viewsOf(text: string): Uint8Array[] {
  const bytes = utf8(text);
  const around = joined([sampleBytes(13, 1), bytes, sampleBytes(29, 2)]);
  return [
    around.subarray(13, 13 + bytes.length),
    new Uint8Array(around.buffer, around.byteOffset + 13, bytes.length),
    joined([sampleBytes(1, 3), bytes]).subarray(1),
    joined([bytes, sampleBytes(1, 4)]).subarray(0, bytes.length),
    Buffer.from(text),
    Buffer.from(` ${text} `).subarray(1, -1),
  ];
}
