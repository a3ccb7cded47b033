import assert from "node:assert/strict";
import { storageKey } from "@holdfast/storage";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, listed, sameBytes } from "../expect.js";
import { eachOf, utf8 } from "../samples.js";

/** Names that lie close together, or look like something else to a file system or to JavaScript. Ascending by bytes. */
const AWKWARD_NAMES = [
  "-.0",
  "--help.txt",
  "0.0",
  "00000000000000000001.seg",
  "00000000000000000002.seg",
  "00000000000000000010.seg",
  "__proto__.json",
  "__proto__/constructor.json",
  "_2e_2e/_2e.bin",
  "_.x",
  "a-/a.x",
  "a-b.x",
  "a.lock",
  "a.tmp",
  "a.x",
  "a.x.y.z",
  "a/a.x",
  "a/a/a.x",
  "a/a/a/a/a/a/a/a/a/a.x",
  "a0.x",
  "a0/a.x",
  "a_/a.x",
  "a_b.x",
  "aa.x",
  "constructor.x",
  "hasownproperty/tostring.x",
  "tmp/x.tmp",
  "z.z",
];

/** Rules of names. */
export const keysCases: readonly ConformanceCase[] = chapter("keys", [], {
  "the backend has a name for messages": ({ backend }) => {
    assert.equal(typeof backend.name, "string");
    assert.notEqual(backend.name, "");
    return Promise.resolve();
  },

  "every valid name is an object of its own, and comes back as it was written": async ({ backend, reopen }) => {
    await eachOf(AWKWARD_NAMES, 8, async (name) => {
      const entry = await backend.create(storageKey(name), utf8(`content of ${name}`));
      assert.equal(entry.key, name);
    });
    const other = await reopen();
    await eachOf(AWKWARD_NAMES, 8, async (name) => {
      sameBytes(await other.read(storageKey(name)), utf8(`content of ${name}`), name);
      assert.equal((await other.stat(storageKey(name)))?.key, name);
    });
    const all = await listed(other, "");
    assert.deepEqual(
      all.map((entry) => entry.key),
      [...AWKWARD_NAMES].sort(),
    );
  },

  "a key may be 900 bytes long, or what a view below a prefix leaves of them": async ({ backend, maxKeyBytes }) => {
    // Segments of at most 201 characters: file systems take 255.
    const leaf = `${"f".repeat(196)}.bin`;
    const directories = `${"d".repeat(174)}/`.repeat(4);
    const key = storageKey((directories + leaf).slice(900 - maxKeyBytes).replace(/^\//, "d"));
    assert.equal(key.length, maxKeyBytes);
    await backend.create(key, utf8("deep"));
    await isThere(backend, key, utf8("deep"));
    await backend.remove([key]);
    assert.deepEqual(await listed(backend, ""), []);
  },

  "an object and a directory of the same stem stand side by side": async ({ backend }) => {
    // The object before its directory, and the other way round.
    const names = ["log.seg", "log/seg.a", "log/seg/a.x", "log/seg/a/b.x", "wal/b.x", "wal.x"];
    for (const name of names) await backend.create(storageKey(name), utf8(name));
    for (const name of names) await isThere(backend, storageKey(name), utf8(name));
    await backend.remove(["log.seg", "log/seg/a.x", "wal/b.x", "wal.x"].map((name) => storageKey(name)));
    const left = await listed(backend, "");
    assert.deepEqual(
      left.map((entry) => entry.key),
      ["log/seg.a", "log/seg/a/b.x"],
    );
  },
});
