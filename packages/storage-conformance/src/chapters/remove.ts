import assert from "node:assert/strict";
import { storageKey } from "@holdfast/storage";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isAbsent, isThere, listed } from "../expect.js";
import { sampleBytes, utf8 } from "../samples.js";

/** Rules of `remove`. */
export const removeCases: readonly ConformanceCase[] = chapter("remove", [], {
  "a removed object is absent, for every handle": async ({ backend, reopen }) => {
    const key = storageKey("dir/object.bin");
    await backend.create(key, sampleBytes(1_000, 1));
    const other = await reopen();
    await isThere(other, key, sampleBytes(1_000, 1));
    await backend.remove([key]);
    await isAbsent(backend, key);
    await isAbsent(other, key);
  },

  "removing an absent object succeeds": async ({ backend }) => {
    await backend.remove([storageKey("no/such/object.bin")]);
    await backend.remove([storageKey("nothing.bin")]);
    await backend.create(storageKey("a.bin"), utf8("content"));
    await backend.remove([storageKey("a.bin")]);
    await backend.remove([storageKey("a.bin")]);
  },

  "removing no keys succeeds and changes nothing": async ({ backend }) => {
    await backend.create(storageKey("a.bin"), utf8("content"));
    await backend.remove([]);
    await isThere(backend, storageKey("a.bin"), utf8("content"));
  },

  "of several keys those that are there go, those that are absent do no harm, and a key may be named twice": async ({ backend }) => {
    const there = ["a.bin", "d/b.bin", "d/e/c.bin"].map((name) => storageKey(name));
    for (const key of there) await backend.create(key, utf8("content"));
    const absent = ["0.bin", "d/0.bin", "z/z.bin"].map((name) => storageKey(name));
    await backend.remove([...absent, ...there, ...there, ...absent]);
    for (const key of there) await isAbsent(backend, key);
    assert.deepEqual(await listed(backend, ""), []);
  },

  "only the named objects go": async ({ backend, reopen }) => {
    const stays = ["a.b.c", "a/a.b", "a/b.c", "a-.b", "aa.b", "b/a.b"];
    for (const name of [...stays, "a.b"]) await backend.create(storageKey(name), utf8(name));
    await backend.remove([storageKey("a.b")]);
    await backend.remove([storageKey("a/a.bb"), storageKey("b/a.c")]);
    await isAbsent(backend, storageKey("a.b"));
    const other = await reopen();
    for (const name of stays) await isThere(other, storageKey(name), utf8(name));
  },

  "a directory whose last object was removed can be used again": async ({ backend, reopen }) => {
    const other = await reopen();
    const key = storageKey("d/e/f/object.bin");
    for (let turn = 0; turn < 5; turn += 1) {
      await backend.create(key, utf8(`turn ${turn}`));
      await isThere(other, key, utf8(`turn ${turn}`));
      await other.remove([key]);
      await isAbsent(backend, key);
    }
    await other.create(storageKey("d/e.x"), utf8("beside"));
    await isThere(backend, storageKey("d/e.x"), utf8("beside"));
  },

  "removes and creates in one directory at the same time do not disturb each other": async ({ backend, reopen }) => {
    const other = await reopen();
    const names = Array.from({ length: 40 }, (_, index) => storageKey(`d/${index}.bin`));
    await Promise.all(names.map((key) => backend.create(key, utf8(key))));
    const fresh = Array.from({ length: 40 }, (_, index) => storageKey(`d/new${index}.bin`));
    await Promise.all([
      ...names.map((key, index) => (index % 2 === 0 ? backend : other).remove([key])),
      ...fresh.map((key, index) => (index % 2 === 0 ? other : backend).create(key, utf8(key))),
    ]);
    const left = await listed(other, "");
    assert.deepEqual(
      left.map((entry) => entry.key),
      [...fresh].sort(),
    );
  },

  "one object removed by many at the same time is removed": async ({ backend, reopen }) => {
    const other = await reopen();
    const key = storageKey("d/object.bin");
    await backend.create(key, utf8("content"));
    await Promise.all(Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? backend : other).remove([key])));
    await isAbsent(other, key);
  },
});
