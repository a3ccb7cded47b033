import assert from "node:assert/strict";
import { storageKey, storagePrefix } from "@holdfast/storage";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, listed, rejectsWith } from "../expect.js";
import { collected, joined, lookedAtLater, oneTurn, sampleBytes, utf8 } from "../samples.js";

const KEY = storageKey("dir/object.bin");
const FREE = storageKey("dir/free.bin");

/** Rules of `close`. */
export const closeCases: readonly ConformanceCase[] = [
  ...chapter("close", [], {
    "closing twice, also at the same time, resolves": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      await Promise.all([backend.close(), backend.close()]);
      await backend.close();
      await backend[Symbol.asyncDispose]();
    },

    "disposing of a backend closes it": async ({ backend }) => {
      await backend[Symbol.asyncDispose]();
      await rejectsWith(backend.read(KEY), "STORAGE_CLOSED");
    },

    "calls after close reject STORAGE_CLOSED and do nothing": async ({ backend, reopen }) => {
      await backend.create(KEY, utf8("content"));
      await backend.close();
      await rejectsWith(backend.read(KEY), "STORAGE_CLOSED");
      await rejectsWith(backend.read(FREE), "STORAGE_CLOSED");
      await rejectsWith(backend.stream(KEY), "STORAGE_CLOSED");
      await rejectsWith(backend.stat(KEY), "STORAGE_CLOSED");
      await rejectsWith(backend.create(FREE, utf8("late")), "STORAGE_CLOSED");
      await rejectsWith(backend.create(KEY, utf8("late")), "STORAGE_CLOSED");
      await rejectsWith(backend.replace(KEY, utf8("late")), "STORAGE_CLOSED");
      await rejectsWith(listed(backend, ""), "STORAGE_CLOSED");
      await rejectsWith(backend.remove([KEY]), "STORAGE_CLOSED");
      await rejectsWith(backend.remove([]), "STORAGE_CLOSED");
      const other = await reopen();
      await isThere(other, KEY, utf8("content"));
      assert.equal((await listed(other, "")).length, 1, "objects listed");
    },

    "a list that was called for before close and started after it rejects STORAGE_CLOSED": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      const list = backend.list(storagePrefix(""));
      await backend.close();
      await rejectsWith(collected(list), "STORAGE_CLOSED");
    },

    "close waits for what is in flight": async ({ backend, reopen }) => {
      let settled = 0;
      const count = (): void => {
        settled += 1;
      };
      const keys = Array.from({ length: 8 }, (_, index) => storageKey(`dir/${index}.bin`));
      const writes = keys.map((key, index) => lookedAtLater(backend.create(key, sampleBytes(100_000, index)).finally(count)));
      await backend.close();
      // What settled in the same turn as close may still have its callback before it; give it that turn.
      await oneTurn();
      assert.equal(settled, keys.length, "writes that had settled when close resolved");
      await Promise.all(writes);
      const other = await reopen();
      for (const [index, key] of keys.entries()) await isThere(other, key, sampleBytes(100_000, index));
    },

    "what was written outlives its handle, and other handles outlive it": async ({ backend, reopen }) => {
      const other = await reopen();
      await backend.create(KEY, utf8("content"));
      await backend.close();
      await isThere(other, KEY, utf8("content"));
      await other.create(FREE, utf8("more"));
      await other.close();
      const third = await reopen();
      await isThere(third, KEY, utf8("content"));
      await isThere(third, FREE, utf8("more"));
    },
  }),

  ...chapter("close", ["appendable"], {
    "appendable calls after close reject STORAGE_CLOSED and do nothing": async ({ backend, reopen }) => {
      const appendable = appendableOf(backend);
      await backend.close();
      await rejectsWith(appendable.lock(storagePrefix("dir/")), "STORAGE_CLOSED");
      await rejectsWith(appendable.open(FREE, { mode: "create" }), "STORAGE_CLOSED");
      await rejectsWith(appendable.open(FREE, { mode: "continue" }), "STORAGE_CLOSED");
      const other = await reopen();
      assert.equal(await other.stat(FREE), undefined);
      await (await appendableOf(other).lock(storagePrefix("dir/"))).release();
    },

    "close waits for appends in flight, and what they acknowledged is there": async ({ backend, reopen }) => {
      const file = await appendableOf(backend).open(KEY, { mode: "create" });
      let settled = 0;
      const count = (): void => {
        settled += 1;
      };
      const pieces = Array.from({ length: 8 }, (_, index) => sampleBytes(1_000 + index, index));
      const appends = pieces.map((piece) => lookedAtLater(file.append(piece).finally(count)));
      await backend.close();
      await oneTurn();
      assert.equal(settled, pieces.length, "appends that had settled when close resolved");
      await Promise.all(appends);
      await isThere(await reopen(), KEY, joined(pieces));
    },

    "files that are open when the backend is closed reject STORAGE_CLOSED, and what they acknowledged is there": async ({ backend, reopen }) => {
      const file = await appendableOf(backend).open(KEY, { mode: "create" });
      await file.append(utf8("content"));
      await backend.close();
      await rejectsWith(file.append(utf8("late")), "STORAGE_CLOSED");
      await file.close();
      await isThere(await reopen(), KEY, utf8("content"));
    },
  }),
];
