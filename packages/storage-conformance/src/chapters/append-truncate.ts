import assert from "node:assert/strict";
import { continued, created, KEY, NOT_SIZES } from "../append-file.js";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, rejectsWith } from "../expect.js";
import { joined, sampleBytes, utf8 } from "../samples.js";

/** Rules of `truncate` of a file. */
export const truncateCases: readonly ConformanceCase[] = [
  ...chapter("append", ["appendable"], {
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
  }),
];
