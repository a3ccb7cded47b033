import assert from "node:assert/strict";
import { created, KEY, NOT_SIZES } from "../append-file.js";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { allZero, isThere, rejectsWith, sameBytes, streamed } from "../expect.js";
import { sampleBytes } from "../samples.js";

const MIB = 1_048_576;

/** Rules of `reserveBytes`: what space that is prepared for appends shows. */
export const reserveCases: readonly ConformanceCase[] = [
  ...chapter("append", ["appendable"], {
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
  }),
];
