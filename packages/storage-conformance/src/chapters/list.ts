import assert from "node:assert/strict";
import { storageKey, storagePrefix } from "@holdfast/storage";
import type { ListOptions, StorageBackend } from "@holdfast/storage";
import fc from "fast-check";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { isThere, listed, sameBytes } from "../expect.js";
import { eachOf, sampleBytes, utf8 } from "../samples.js";

/** In ascending order of bytes: `-` < `.` < `/` < `0` < `_` < `a`. A directory sorts as its name with `/`, not as its name. */
const ORDERED = ["a-/x.x", "a-b.x", "a.x", "a/-.x", "a/b.x", "a/b/c.x", "a/b0.x", "a0.x", "a0/x.x", "a_.x", "aa.x", "b/a.x", "b/a/b.x", "c.x"];

/** Few and close, so that random names meet: one is another's directory, or its beginning, or sorts between it and its slash. */
const DIRECTORIES = ["a", "aa", "a-", "a_", "a0", "b", "-", "0", "_"];
const LEAVES = ["a.x", "a-.x", "a.x.y", "aa.x", "a0.x", "b.0", "-.x", "_.x", "0.0"];

/** Rules of `list`. */
export const listCases: readonly ConformanceCase[] = chapter("list", [], {
  "where nothing is, the list is empty": async ({ backend }) => {
    assert.deepEqual(await names(backend, ""), []);
    assert.deepEqual(await names(backend, "no/such/directory/"), []);
    await backend.create(storageKey("a/b.x"), utf8("content"));
    assert.deepEqual(await names(backend, "b/"), []);
    assert.deepEqual(await names(backend, "a/b/"), []);
  },

  "keys come in ascending order of their bytes, directories as their name with a slash": async ({ backend, reopen }) => {
    await createAll(backend, ORDERED);
    assert.deepEqual(await names(backend, ""), ORDERED);
    assert.deepEqual(await names(await reopen(), ""), ORDERED);
  },

  "a prefix is a directory, not the beginning of a name": async ({ backend }) => {
    await createAll(backend, ORDERED);
    for (const prefix of ["a/", "a-/", "a/b/", "a0/", "b/", "b/a/", "aa/", "c/"]) {
      assert.deepEqual(
        await names(backend, prefix),
        ORDERED.filter((name) => name.startsWith(prefix)),
        `below ${prefix}`,
      );
    }
  },

  "entries carry key, size and time": async ({ backend }) => {
    await backend.create(storageKey("a/empty.x"), new Uint8Array(0));
    await backend.create(storageKey("a/full.x"), sampleBytes(12_345, 1));
    const entries = await listed(backend, "a/");
    assert.deepEqual(
      entries.map(({ key, size }) => ({ key, size })),
      [
        { key: "a/empty.x", size: 0 },
        { key: "a/full.x", size: 12_345 },
      ],
    );
    for (const { modifiedAt } of entries) assert.ok(Number.isFinite(modifiedAt), `modifiedAt is ${modifiedAt}`);
  },

  "after is exclusive, need not exist, and may lie outside the prefix": async ({ backend }) => {
    await createAll(backend, ORDERED);
    for (const after of [...ORDERED, "-.x", "a/a.x", "a/b/a.x", "a/b/d.x", "a/z/z.x", "a1.x", "b.x", "b/0/0.x", "zz.x"]) {
      for (const prefix of ["", "a/", "a/b/", "b/"]) {
        assert.deepEqual(
          await names(backend, prefix, { after: storageKey(after) }),
          ORDERED.filter((name) => name.startsWith(prefix) && name > after),
          `below "${prefix}" after ${after}`,
        );
      }
    }
  },

  "limit bounds the number of entries": async ({ backend }) => {
    await createAll(backend, ORDERED);
    for (const limit of [1, 2, 5, ORDERED.length, ORDERED.length + 1, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual(await names(backend, "", { limit }), ORDERED.slice(0, limit), `limit ${limit}`);
      assert.deepEqual(
        await names(backend, "a/", { limit, after: storageKey("a/-.x") }),
        ["a/b.x", "a/b/c.x", "a/b0.x"].slice(0, limit),
        `limit ${limit} below a/`,
      );
    }
  },

  "pages by after and limit give every key once": async ({ backend }) => {
    await createAll(backend, ORDERED);
    for (const limit of [1, 2, 3, 5]) {
      const seen: string[] = [];
      // As many pages as it may take and one more, so that pages that repeat come to an end.
      for (let pages = 0; pages <= ORDERED.length; pages += 1) {
        const last = seen.at(-1);
        const page = await names(backend, "", { limit, after: last === undefined ? undefined : storageKey(last) });
        if (page.length === 0) break;
        seen.push(...page);
      }
      assert.deepEqual(seen, ORDERED, `pages of ${limit}`);
    }
  },

  "what was written before the call is in the list, whoever wrote it": async ({ backend, reopen }) => {
    const other = await reopen();
    for (let turn = 0; turn < 10; turn += 1) {
      const key = storageKey(`t${turn}/a.x`);
      assert.deepEqual(await names(other, `t${turn}/`), []);
      await backend.create(key, utf8("content"));
      assert.deepEqual(await names(other, `t${turn}/`), [key]);
      assert.deepEqual(await names(backend, `t${turn}/`), [key]);
      await other.replace(key, utf8("longer content"));
      assert.deepEqual((await listed(backend, `t${turn}/`)).map((entry) => entry.size), [14]);
      await other.remove([key]);
      assert.deepEqual(await names(backend, `t${turn}/`), []);
      await other.create(storageKey(`t${turn}/b/c/d.x`), utf8("content"));
      assert.deepEqual(await names(backend, `t${turn}/`), [`t${turn}/b/c/d.x`]);
    }
  },

  "keys removed while listing do not break it, and the others all come": async ({ backend, reopen }) => {
    const other = await reopen();
    const all = Array.from({ length: 120 }, (_, index) => `d${index % 4}/e${index % 3}/${digits(index)}.x`).sort();
    await createAll(backend, all);
    const goes = (name: string): boolean => all.indexOf(name) % 3 !== 0;
    const seen: string[] = [];
    for await (const { key } of backend.list(storagePrefix(""))) {
      if (seen.length === 0) await other.remove(all.filter((name) => goes(name)).map((name) => storageKey(name)));
      seen.push(key);
    }
    assert.deepEqual(seen, [...new Set(seen)].sort(), "ascending, each once");
    const stays = all.filter((name) => !goes(name));
    assert.deepEqual(seen.filter((name) => !goes(name)), stays, "keys that were not removed");
    assert.deepEqual(await names(backend, ""), stays);
  },

  "keys created while listing leave it ascending, and nothing comes twice": async ({ backend, reopen }) => {
    const other = await reopen();
    const all = Array.from({ length: 60 }, (_, index) => `d${index % 4}/${digits(index)}.x`).sort();
    await createAll(backend, all);
    const seen: string[] = [];
    for await (const { key } of backend.list(storagePrefix(""))) {
      await other.create(storageKey(`d${seen.length % 5}/${digits(1_000 + seen.length)}.x`), utf8("new"));
      seen.push(key);
      assert.ok(seen.length <= 200, "the list does not end");
    }
    assert.deepEqual(seen, [...new Set(seen)].sort(), "ascending, each once");
    assert.deepEqual(seen.filter((name) => all.includes(name)), all, "keys that were there before");
  },

  "a list that was left early, or never started, holds nothing up": async ({ backend, reopen }) => {
    await createAll(backend, ORDERED);
    for (let turn = 0; turn < 64; turn += 1) {
      backend.list(storagePrefix(""));
      for await (const { key } of backend.list(storagePrefix(""))) {
        assert.equal(key, ORDERED[0]);
        break;
      }
    }
    await backend.remove(ORDERED.map((name) => storageKey(name)));
    assert.deepEqual(await names(backend, ""), []);
    await backend.close();
    assert.deepEqual(await names(await reopen(), ""), []);
  },

  "more than a thousand keys are listed, paged and removed": async ({ backend, reopen }) => {
    const all = Array.from({ length: 1_050 }, (_, index) => `many/${digits(index)}.x`);
    await createAll(backend, all);
    const other = await reopen();
    assert.deepEqual(await names(other, "many/"), all);
    assert.deepEqual(await names(other, "", { limit: 1_001 }), all.slice(0, 1_001));
    assert.deepEqual(await names(other, "many/", { after: storageKey("many/00000999.x") }), all.slice(1_000));
    await backend.remove(all.map((name) => storageKey(name)));
    assert.deepEqual(await names(other, ""), []);
  },

  "any list equals the model": async ({ backend, propertyRuns }) => {
    const directory = fc.array(fc.constantFrom(...DIRECTORIES), { maxLength: 3 }).map((parts) => parts.map((part) => `${part}/`).join(""));
    const name = fc.tuple(directory, fc.constantFrom(...LEAVES)).map((parts) => parts.join(""));
    const question = fc.record({
      prefix: directory,
      after: fc.option(name, { nil: undefined }),
      limit: fc.option(fc.nat(14), { nil: undefined }),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { maxLength: 12 }), fc.array(question, { minLength: 1, maxLength: 6 }), async (keys, questions) => {
        // A directory of its own for every run: nothing needs to be removed between them.
        const base = `run${(run += 1)}/`;
        await createAll(backend, keys.map((key) => base + key));
        for (const { prefix, after, limit } of questions) {
          const found = await names(backend, base + prefix, { limit, after: after === undefined ? undefined : storageKey(base + after) });
          const expected = keys.filter((key) => key.startsWith(prefix) && (after === undefined || key > after));
          assert.deepEqual(found, expected.sort().slice(0, limit).map((key) => base + key));
        }
      }),
      { numRuns: propertyRuns },
    );
  },

  "any sequence of writes by two handles reads and lists as a map would": async ({ backend, reopen, propertyRuns }) => {
    const handles = [backend, await reopen()] as const;
    const step = fc.record({
      kind: fc.constantFrom("create", "replace", "remove"),
      writer: fc.constantFrom(0, 1),
      reader: fc.constantFrom(0, 1),
      name: fc.constantFrom("a.x", "a/a.x", "a/b.x", "a/b/a.x", "b/a.x"),
      content: fc.uint8Array({ maxLength: 20 }),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const base = `run${(run += 1)}/`;
        const model = new Map<string, Uint8Array>();
        for (const { kind, writer, reader, name, content } of steps) {
          const key = storageKey(base + name);
          if (kind === "remove") {
            await handles[writer].remove([key]);
            model.delete(key);
          } else if (kind === "replace" || !model.has(key)) {
            await handles[writer][kind](key, content);
            model.set(key, content.slice());
          } else {
            await assert.rejects(handles[writer].create(key, content), { code: "STORAGE_ALREADY_EXISTS" });
          }
          const expected = model.get(key);
          const seen = await handles[reader].read(key);
          if (expected === undefined) assert.equal(seen, undefined);
          else sameBytes(seen, expected, key);
          assert.deepEqual(await names(handles[reader], base), [...model.keys()].sort());
        }
        for (const [key, content] of model) await isThere(backend, storageKey(key), content);
      }),
      { numRuns: propertyRuns },
    );
  },
});

async function names(backend: StorageBackend, prefix: string, options?: ListOptions): Promise<string[]> {
  return (await listed(backend, prefix, options)).map((entry) => entry.key);
}

async function createAll(backend: StorageBackend, all: readonly string[]): Promise<void> {
  // Not in the order in which they must be listed.
  await eachOf([...all].reverse(), 16, async (name) => {
    await backend.create(storageKey(name), utf8(name));
  });
}

function digits(number: number): string {
  return String(number).padStart(8, "0");
}
