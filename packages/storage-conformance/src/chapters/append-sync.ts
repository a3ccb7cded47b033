import { created, KEY } from "../append-file.js";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, sameBytes } from "../expect.js";
import { utf8 } from "../samples.js";

/** Rules of `sync` of a file, and of one that is synced by hand. */
export const syncCases: readonly ConformanceCase[] = [
  ...chapter("append", ["appendable"], {
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
  }),
];
