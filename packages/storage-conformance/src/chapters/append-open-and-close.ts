import assert from "node:assert/strict";
import { hasCode, storageKey } from "@holdfast/storage";
import { continued, created, KEY } from "../append-file.js";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, listed, rejectsWith } from "../expect.js";
import { joined, sampleBytes, utf8 } from "../samples.js";

/** Rules of `appendable.open`, of what it finds, and of `close` of the file that it gives. */
export const openAndCloseCases: readonly ConformanceCase[] = [
  ...chapter("append", ["appendable"], {
    "a created file is empty, has its key, and takes appends in order": async ({ backend, reopen }) => {
      const file = await created(backend);
      assert.equal(file.key, KEY);
      assert.equal(file.size, 0);
      await file.append(utf8("one "));
      assert.equal(file.size, 4);
      await file.append(utf8("two"));
      assert.equal(file.size, 7);
      await file.close();
      await isThere(backend, KEY, utf8("one two"));
      await isThere(await reopen(), KEY, utf8("one two"));
    },

    "a file to which nothing was appended is an empty object": async ({ backend, reopen }) => {
      await (await created(backend)).close();
      await isThere(await reopen(), KEY, new Uint8Array(0));
    },

    "create rejects STORAGE_ALREADY_EXISTS where an object is, however it came there": async ({ backend, reopen }) => {
      const other = await reopen();
      const byCreate = storageKey("dir/by-create.bin");
      await backend.create(byCreate, utf8("content"));
      const file = await created(backend);
      await file.append(utf8("content"));
      for (const handle of [backend, other]) {
        await rejectsWith(appendableOf(handle).open(byCreate, { mode: "create" }), "STORAGE_ALREADY_EXISTS");
        await rejectsWith(appendableOf(handle).open(KEY, { mode: "create", reserveBytes: 4_096 }), "STORAGE_ALREADY_EXISTS");
        await rejectsWith(handle.create(KEY, utf8("other")), "STORAGE_ALREADY_EXISTS");
      }
      await file.append(utf8(" and more"));
      await file.close();
      await isThere(backend, byCreate, utf8("content"));
      await isThere(backend, KEY, utf8("content and more"));
    },

    "of many that create the same file at the same time one succeeds": async ({ backend, reopen }) => {
      const other = await reopen();
      const attempts = Array.from({ length: 8 }, async (_, index) => {
        try {
          return await appendableOf(index % 2 === 0 ? backend : other).open(KEY, { mode: "create" });
        } catch (error) {
          if (hasCode(error, "STORAGE_ALREADY_EXISTS")) return undefined;
          throw error;
        }
      });
      const files = (await Promise.all(attempts)).filter((file) => file !== undefined);
      assert.equal(files.length, 1, "files created");
      await files[0]?.append(utf8("winner"));
      await files[0]?.close();
      await isThere(backend, KEY, utf8("winner"));
    },

    "continue rejects STORAGE_NOT_FOUND where no object is, and makes none": async ({ backend }) => {
      await rejectsWith(appendableOf(backend).open(KEY, { mode: "continue" }), "STORAGE_NOT_FOUND");
      assert.equal(await backend.stat(KEY), undefined);
      await backend.create(storageKey("dir/other.bin"), utf8("content"));
      await rejectsWith(appendableOf(backend).open(KEY, { mode: "continue" }), "STORAGE_NOT_FOUND");
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },

    "continue finds the size and goes on behind it": async ({ backend, reopen }) => {
      const file = await created(backend);
      await file.append(utf8("one "));
      await file.close();
      const other = await reopen();
      const continued = await appendableOf(other).open(KEY, { mode: "continue" });
      assert.equal(continued.key, KEY);
      assert.equal(continued.size, 4);
      await continued.append(utf8("two"));
      assert.equal(continued.size, 7);
      await continued.close();
      await isThere(backend, KEY, utf8("one two"));
    },

    "an object that was put whole can be continued": async ({ backend }) => {
      await backend.create(KEY, sampleBytes(10_000, 1));
      const file = await continued(backend);
      assert.equal(file.size, 10_000);
      await file.append(utf8("end"));
      await file.close();
      await isThere(backend, KEY, joined([sampleBytes(10_000, 1), utf8("end")]));
    },

    "a closed file rejects STORAGE_CLOSED, keeps key and size, and closes again": async ({ backend }) => {
      const file = await created(backend);
      await file.append(utf8("content"));
      await Promise.all([file.close(), file.close()]);
      await file.close();
      await file[Symbol.asyncDispose]();
      await rejectsWith(file.append(utf8("late")), "STORAGE_CLOSED");
      await rejectsWith(file.append(new Uint8Array(0)), "STORAGE_CLOSED");
      await rejectsWith(file.truncate(0), "STORAGE_CLOSED");
      await rejectsWith(file.sync(), "STORAGE_CLOSED");
      assert.equal(file.key, KEY);
      assert.equal(file.size, 7);
      await isThere(backend, KEY, utf8("content"));
    },

    "disposing of a file closes it": async ({ backend }) => {
      const file = await created(backend, { reserveBytes: 10_000 });
      await file.append(utf8("content"));
      await file[Symbol.asyncDispose]();
      await rejectsWith(file.append(utf8("late")), "STORAGE_CLOSED");
      await isThere(backend, KEY, utf8("content"));
    },

    "several files grow beside each other": async ({ backend, reopen }) => {
      const names = Array.from({ length: 6 }, (_, index) => storageKey(`d${index % 3}/${index}.seg`));
      const files = await Promise.all(names.map((key) => appendableOf(backend).open(key, { mode: "create", reserveBytes: 1_000 })));
      await Promise.all(
        files.flatMap((file, index) => Array.from({ length: 10 }, (_, turn) => file.append(utf8(`${index}:${turn};`)))),
      );
      await Promise.all(files.map((file) => file.close()));
      const other = await reopen();
      for (const [index, key] of names.entries()) {
        await isThere(other, key, utf8(Array.from({ length: 10 }, (_, turn) => `${index}:${turn};`).join("")));
      }
      assert.equal((await listed(other, "")).length, names.length, "objects listed");
    },
  }),
];
