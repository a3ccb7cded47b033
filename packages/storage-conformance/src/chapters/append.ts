import assert from "node:assert/strict";
import { hasCode, storageKey } from "@holdfast/storage";
import type { AppendFile, AppendOpenOptions, StorageBackend } from "@holdfast/storage";
import fc from "fast-check";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { allZero, isThere, listed, rejectsWith, sameBytes, streamed } from "../expect.js";
import { joined, sampleBytes, utf8 } from "../samples.js";

const KEY = storageKey("dir/file.seg");
const MIB = 1_048_576;
const NOT_SIZES = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1];

/** Rules of `appendable.open` and of the file it gives. */
export const appendCases: readonly ConformanceCase[] = [
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

    "what was appended is seen at once by every handle and by every way of reading": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend);
      let content: Uint8Array = new Uint8Array(0);
      for (let turn = 0; turn < 10; turn += 1) {
        content = joined([content, sampleBytes(1 + turn * 700, turn)]);
        await file.append(content.subarray(file.size));
        for (const handle of [backend, other]) {
          await isThere(handle, KEY, content);
          const range = { offset: content.length - 1, length: 5 };
          sameBytes(await handle.read(KEY, { range }), content.subarray(-1), "the last byte");
        }
      }
      await file.close();
      await isThere(other, KEY, content);
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

    "appends that are not awaited are written in the order of the calls": async ({ backend }) => {
      const file = await created(backend, { reserveBytes: 8_192 });
      const pieces = Array.from({ length: 60 }, (_, index) => sampleBytes((index * 37) % 400, index));
      await Promise.all(pieces.map((piece) => file.append(piece)));
      assert.equal(file.size, joined(pieces).length);
      await file.close();
      await isThere(backend, KEY, joined(pieces));
    },

    "appends, truncates, syncs and close that are not awaited run in the order of the calls": async ({ backend }) => {
      const file = await created(backend);
      await Promise.all([
        file.append(utf8("0123456789")),
        file.truncate(4),
        file.append(utf8("abc")),
        file.sync(),
        file.append(utf8("xyz"), { at: 9 }),
        file.close(),
      ]);
      assert.equal(file.size, 12);
      await isThere(backend, KEY, utf8("0123abc\0\0xyz"));
    },

    "an append at a position behind the end leaves a gap of zeros": async ({ backend, reopen }) => {
      const file = await created(backend);
      await file.append(utf8("head"), { at: 0 });
      await file.append(utf8("tail"), { at: 4_096 });
      assert.equal(file.size, 4_100);
      await file.append(utf8("far"), { at: 200_000 });
      assert.equal(file.size, 200_003);
      await file.append(utf8("next"));
      assert.equal(file.size, 200_007);
      await file.close();
      const expected = new Uint8Array(200_007);
      expected.set(utf8("head"), 0);
      expected.set(utf8("tail"), 4_096);
      expected.set(utf8("farnext"), 200_000);
      await isThere(await reopen(), KEY, expected);
    },

    "an append at a position before the end, or at none, is STORAGE_INVALID_ARGUMENT and harms nothing": async ({ backend }) => {
      const file = await created(backend);
      await file.append(utf8("content"));
      for (const at of [0, 6, ...NOT_SIZES]) {
        await rejectsWith(file.append(utf8("x"), { at }), "STORAGE_INVALID_ARGUMENT");
        assert.equal(file.size, 7);
      }
      await file.append(utf8(" and more"), { at: 7 });
      await file.close();
      await isThere(backend, KEY, utf8("content and more"));
    },

    "an append of no bytes changes nothing": async ({ backend }) => {
      const file = await created(backend);
      await file.append(new Uint8Array(0));
      await file.append(utf8("content"));
      await file.append(new Uint8Array(0));
      assert.equal(file.size, 7);
      await file.close();
      await isThere(backend, KEY, utf8("content"));
    },

    "an append of 5 MiB is written whole": async ({ backend }) => {
      const content = sampleBytes(5 * MIB + 3, 1);
      const file = await created(backend, { reserveBytes: 64 * 1_024 });
      await file.append(content.subarray(0, 3));
      await file.append(content.subarray(3));
      await file.close();
      await isThere(backend, KEY, content);
    },

    "truncate cuts the object, and appends go on there": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend);
      await file.append(sampleBytes(10_000, 1));
      await file.truncate(10_000);
      assert.equal(file.size, 10_000);
      await file.truncate(5_000);
      assert.equal(file.size, 5_000);
      await isThere(other, KEY, sampleBytes(10_000, 1).subarray(0, 5_000));
      await file.append(utf8("end"));
      assert.equal(file.size, 5_003);
      await isThere(other, KEY, joined([sampleBytes(10_000, 1).subarray(0, 5_000), utf8("end")]));
      await file.truncate(0);
      assert.equal(file.size, 0);
      await file.close();
      await isThere(other, KEY, new Uint8Array(0));
    },

    "truncate cuts a continued object": async ({ backend }) => {
      await backend.create(KEY, utf8("one record, half a rec"));
      const file = await continued(backend);
      await file.truncate(11);
      await file.append(utf8(" whole record"));
      await file.close();
      await isThere(backend, KEY, utf8("one record, whole record"));
    },

    "what was cut off does not come back in a gap": async ({ backend }) => {
      const file = await created(backend, { reserveBytes: 64 * 1_024 });
      await file.append(sampleBytes(20_000, 1));
      await file.truncate(100);
      await file.append(utf8("end"), { at: 15_000 });
      await file.close();
      const expected = new Uint8Array(15_003);
      expected.set(sampleBytes(20_000, 1).subarray(0, 100));
      expected.set(utf8("end"), 15_000);
      await isThere(backend, KEY, expected);
    },

    "truncate to more than the size, or to none, is STORAGE_INVALID_ARGUMENT and harms nothing": async ({ backend }) => {
      const file = await created(backend);
      await file.append(utf8("content"));
      for (const size of [8, 1_000_000, ...NOT_SIZES]) {
        await rejectsWith(file.truncate(size), "STORAGE_INVALID_ARGUMENT");
        assert.equal(file.size, 7);
      }
      await file.append(utf8("."));
      await file.close();
      await isThere(backend, KEY, utf8("content."));
    },

    "reserved space reads as zeros behind the size, and close cuts it off": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend, { reserveBytes: 300_000 });
      assert.equal(file.size, 0);
      const content = sampleBytes(150_000, 1);
      for (let at = 0; at < content.length; at += 30_000) {
        await file.append(content.subarray(at, at + 30_000));
        assert.equal(file.size, at + 30_000);
        for (const seen of [await other.read(KEY), await streamed(other, KEY)]) {
          assert.ok(seen !== undefined);
          sameBytes(seen.subarray(0, file.size), content.subarray(0, file.size), "appended");
          allZero(seen.subarray(file.size), "behind the size");
        }
      }
      await file.close();
      assert.equal(file.size, 150_000);
      await isThere(other, KEY, content);
    },

    "nothing is prepared before the second append": async ({ backend, reopen }) => {
      const file = await created(backend, { reserveBytes: 300_000 });
      await isThere(backend, KEY, new Uint8Array(0));
      await file.append(sampleBytes(4096, 1));
      await isThere(await reopen(), KEY, sampleBytes(4096, 1));
      await file.close();
    },

    "reserved space without an append is cut off as well": async ({ backend, reopen }) => {
      const file = await created(backend, { reserveBytes: 300_000 });
      const seen = await backend.read(KEY);
      allZero(seen ?? new Uint8Array(0), "reserved");
      await file.close();
      await isThere(await reopen(), KEY, new Uint8Array(0));
    },

    "appends may go past the reserved space": async ({ backend }) => {
      const content = sampleBytes(100_000, 1);
      const file = await created(backend, { reserveBytes: 10_000 });
      for (let at = 0; at < content.length; at += 3_333) await file.append(content.subarray(at, at + 3_333));
      await file.close();
      await isThere(backend, KEY, content);
    },

    "appends of all sizes keep their bytes while space is being prepared beside them": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend, { reserveBytes: 4 * MIB });
      const sizes = [300, 17, 4_096, 1, 20_000, 700, 300, 65_000];
      const expected = new Uint8Array(6 * MIB);
      let end = 0;
      for (let round = 0; round < 40; round += 1) {
        // Half of them wait for each other, half do not; every fifth begins on the next 4 KiB, as the frames of a log do.
        const appends = sizes.map((size, index) => {
          const bytes = sampleBytes(round % 8 === 7 ? size : Math.min(size, 4_096), round * sizes.length + index);
          const at = (round + index) % 5 === 0 ? Math.ceil(end / 4_096) * 4_096 : end;
          expected.set(bytes, at);
          end = at + bytes.length;
          return () => file.append(bytes, { at });
        });
        if (round % 2 === 0) for (const append of appends) await append();
        else await Promise.all(appends.map((append) => append()));
        assert.equal(file.size, end);
      }
      const seen = await other.read(KEY);
      sameBytes(seen?.subarray(0, end), expected.subarray(0, end), "before close");
      allZero(seen?.subarray(end) ?? new Uint8Array(0), "behind the size");
      await file.close();
      await isThere(other, KEY, expected.subarray(0, end));
    },

    "a reservation that is no number of bytes is STORAGE_INVALID_ARGUMENT and makes nothing": async ({ backend }) => {
      for (const reserveBytes of NOT_SIZES) {
        await rejectsWith(appendableOf(backend).open(KEY, { mode: "create", reserveBytes }), "STORAGE_INVALID_ARGUMENT");
        assert.equal(await backend.stat(KEY), undefined);
      }
    },

    "appends that are synced by hand are seen before the sync and after it": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend, { sync: "manual", reserveBytes: 4_096 });
      await file.append(utf8("one "));
      sameBytes((await other.read(KEY))?.subarray(0, 4), utf8("one "), "before the sync");
      await file.sync();
      await file.append(utf8("two"));
      await Promise.all([file.sync(), file.sync()]);
      sameBytes((await other.read(KEY))?.subarray(0, 7), utf8("one two"), "after the sync");
      await file.close();
      await isThere(other, KEY, utf8("one two"));
    },

    "a continued file can be synced by hand, truncated and appended to": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      const file = await appendableOf(backend).open(KEY, { mode: "continue", sync: "manual" });
      await file.append(utf8(" more"));
      await file.truncate(8);
      await file.append(utf8("end"));
      await file.sync();
      await file.close();
      await isThere(backend, KEY, utf8("content end"));
    },

    "sync resolves where every append is durable anyway": async ({ backend }) => {
      const file = await created(backend, { sync: "each" });
      await file.sync();
      await file.append(utf8("content"));
      await file.sync();
      await file.close();
      await isThere(backend, KEY, utf8("content"));
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

    "any sequence of appends, gaps, truncates and reopenings equals the model": async ({ backend, reopen, propertyRuns }) => {
      const other = await reopen();
      const step = fc.oneof(
        fc.record({ kind: fc.constant("append" as const), gap: fc.oneof(fc.constant(0), fc.nat(5_000)), length: fc.nat(3_000) }),
        fc.record({ kind: fc.constant("truncate" as const), share: fc.nat(100) }),
        fc.record({ kind: fc.constant("continue" as const), sync: fc.constantFrom("each" as const, "manual" as const) }),
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(10_000), async (steps, reserveBytes) => {
          const key = storageKey(`dir/${(run += 1)}.seg`);
          let model: Uint8Array = new Uint8Array(0);
          let file = await appendableOf(backend).open(key, { mode: "create", reserveBytes });
          for (const [index, each] of steps.entries()) {
            if (each.kind === "append") {
              // What an append of no bytes at a distance does is left open by the contract.
              const bytes = sampleBytes(each.length + 1, index);
              await file.append(bytes, { at: file.size + each.gap });
              model = joined([model, new Uint8Array(each.gap), bytes]);
            } else if (each.kind === "truncate") {
              model = model.slice(0, Math.floor((model.length * each.share) / 100));
              await file.truncate(model.length);
            } else {
              await file.close();
              file = await appendableOf(other).open(key, { mode: "continue", sync: each.sync });
            }
            assert.equal(file.size, model.length);
            const seen = await other.read(key);
            assert.ok(seen !== undefined);
            sameBytes(seen.subarray(0, model.length), model, key);
            allZero(seen.subarray(model.length), "behind the size");
          }
          await file.close();
          await isThere(other, key, model);
        }),
        { numRuns: propertyRuns },
      );
    },
  }),

  ...chapter("append", ["appendable", "otherProcess"], {
    "what a process has appended is seen here, and stays when the process is killed": async (context) => {
      for (const sync of ["each", "manual"] as const) {
        const key = storageKey(`dir/${sync}.seg`);
        const killed = await startElsewhere(context, "process");
        await killed.run({ kind: "append", name: key, bytes: 20_500, sync });
        beginsWithSample(await context.backend.read(key), 20_500);
        await killed.kill();
        beginsWithSample(await context.backend.read(key), 20_500);
        beginsWithSample(await streamed(await context.reopen(), key), 20_500);
        // Prepared space that was not cut off is found as a part of the object.
        const found = await appendableOf(context.backend).open(key, { mode: "continue" });
        assert.equal(found.size, (await context.backend.stat(key))?.size);
        await found.truncate(20_500);
        await found.append(utf8("end"));
        await found.close();
        await isThere(context.backend, key, joined([sampleBytes(20_500, 1), utf8("end")]));
      }
    },
  }),
];

/** What `append` of another process wrote, and behind it nothing but zeros. */
function beginsWithSample(seen: Uint8Array | undefined, bytes: number): void {
  sameBytes(seen?.subarray(0, bytes), sampleBytes(bytes, 1), "appended");
  allZero(seen?.subarray(bytes) ?? new Uint8Array(0), "behind the size");
}

function created(backend: StorageBackend, options?: Omit<AppendOpenOptions & { mode: "create" }, "mode">): Promise<AppendFile> {
  return appendableOf(backend).open(KEY, { ...options, mode: "create" });
}

function continued(backend: StorageBackend): Promise<AppendFile> {
  return appendableOf(backend).open(KEY, { mode: "continue" });
}
