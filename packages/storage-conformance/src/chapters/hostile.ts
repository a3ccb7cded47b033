import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { isHoldfastError, storageKey, storagePrefix } from "@holdfast/storage";
import type { StorageErrorCode, StorageKey, StoragePrefix } from "@holdfast/storage";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase, ConformanceContext } from "../case.js";
import { isAbsent, isThere, listed, rejection, rejectsWith, rejectsWithReason, sameBytes, streamed } from "../expect.js";
import { choppedBody, collected, gatedBody, lookedAtLater, oneTurn, piecesBody, sampleBytes, utf8 } from "../samples.js";

const KEY = storageKey("dir/object.bin");
const FREE = storageKey("dir/free.bin");
const NOT_SIZES = [-1, -Number.MAX_SAFE_INTEGER, 0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER + 1];

/** Names that would leave the root, clash on some backend, or cannot be told apart on another. */
const NOT_KEYS = [
  "",
  ".",
  "..",
  "/",
  "a",
  "a/",
  "/a.x",
  "a//b.x",
  "./a.x",
  "../a.x",
  "a/../b.x",
  "a/./b.x",
  "a.x/..",
  "..\\a.x",
  "a\\b.x",
  "a.b/c.x",
  ".x",
  "a.",
  "a..x",
  "a/.lock",
  ".lock",
  "A.x",
  "a.X",
  "a/B/c.x",
  "é.x",
  "e\u0301.x",
  "😀.x",
  "\ud800.x",
  "a\0.x",
  "a .x",
  "a.x ",
  "a.x\n",
  "%2e%2e/a.x",
  "c:a.x",
  "a*.x",
  `${"a/".repeat(449)}a.xx`,
];
const NOT_PREFIXES = ["/", "//", "a//", "../", "a/../", "./", "a.b/", "A/", "a\\", "a/\n", "a/\0/", "a/".repeat(451)];

/** Rules of bad input, aborted calls, and what comes after them. */
export const hostileCases: readonly ConformanceCase[] = [
  ...chapter("hostile", [], {
    "what cannot be a key or a prefix cannot be made one": () => {
      for (const name of NOT_KEYS) throwsWith(() => storageKey(name), "STORAGE_INVALID_KEY", name);
      for (const name of NOT_PREFIXES) throwsWith(() => storagePrefix(name), "STORAGE_INVALID_KEY", name);
      return Promise.resolve();
    },

    "a name that is no key is refused by every call, also where no compiler was asked": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      for (const name of ["", "..", "../escape.bin", "dir/../escape.bin", "/escape.bin", "dir/object", "dir/Object.bin", "dir/a\0.bin", "dir/.lock"]) {
        if (!isTypedAsKey(name)) throw new Error("never");
        await rejectsWith(backend.read(name), "STORAGE_INVALID_KEY");
        await rejectsWith(backend.stream(name), "STORAGE_INVALID_KEY");
        await rejectsWith(backend.stat(name), "STORAGE_INVALID_KEY");
        await rejectsWith(backend.create(name, utf8("content")), "STORAGE_INVALID_KEY");
        await rejectsWith(backend.replace(name, utf8("content")), "STORAGE_INVALID_KEY");
        await rejectsWith(backend.remove([KEY, name]), "STORAGE_INVALID_KEY");
        await rejectsWith(listed(backend, "", { after: name }), "STORAGE_INVALID_KEY");
        if (backend.appendable !== undefined) await rejectsWith(backend.appendable.open(name, { mode: "create" }), "STORAGE_INVALID_KEY");
      }
      for (const name of ["..", "../", "/", "dir//", "Dir/"]) {
        if (!isTypedAsPrefix(name)) throw new Error("never");
        await rejectsWith(collected(backend.list(name)), "STORAGE_INVALID_KEY");
        if (backend.appendable !== undefined) await rejectsWith(backend.appendable.lock(name), "STORAGE_INVALID_KEY");
      }
      // Of several keys none goes where one of them is none.
      await isThere(backend, KEY, utf8("content"));
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },

    "a range that is no range is STORAGE_INVALID_ARGUMENT": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      for (const bad of NOT_SIZES) {
        for (const range of [
          { offset: bad, length: 1 },
          { offset: 0, length: bad },
        ]) {
          await rejectsWith(backend.read(KEY, { range }), "STORAGE_INVALID_ARGUMENT");
          await rejectsWith(backend.stream(KEY, { range }), "STORAGE_INVALID_ARGUMENT");
        }
      }
      await isThere(backend, KEY, utf8("content"));
    },

    "a limit of 0 gives nothing": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      assert.deepEqual(await listed(backend, "", { limit: 0 }), []);
      assert.deepEqual(await listed(backend, "dir/", { limit: 0, after: FREE }), []);
    },

    "a limit that is no number of entries is STORAGE_INVALID_ARGUMENT": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      for (const limit of [-1, 0.5, Number.NaN]) await rejectsWith(listed(backend, "", { limit }), "STORAGE_INVALID_ARGUMENT");
    },

    "a stated length that no body can have fails not_applied and allocates nothing": async ({ backend }) => {
      for (const bytes of [...NOT_SIZES, Number.MAX_SAFE_INTEGER]) {
        const error = await rejection(backend.create(FREE, piecesBody([utf8("abc")], { bytes })), "a failed write");
        assert.ok(isHoldfastError(error), `is no StorageError: ${String(error)}`);
        assert.equal(error.outcome, "not_applied");
        await isAbsent(backend, FREE);
      }
    },

    "a signal that was aborted before the call rejects it with signal.reason, and nothing happens": async ({ backend }) => {
      await backend.create(KEY, utf8("content"));
      for (const reason of [new Error("stop"), "stop", undefined]) {
        const signal = AbortSignal.abort(reason);
        const options = { signal };
        await rejectsWithReason(backend.read(KEY, options), signal.reason);
        await rejectsWithReason(backend.stream(KEY, options), signal.reason);
        await rejectsWithReason(backend.stat(KEY, options), signal.reason);
        await rejectsWithReason(backend.create(FREE, utf8("late"), options), signal.reason);
        await rejectsWithReason(backend.create(FREE, piecesBody([utf8("late")]), options), signal.reason);
        await rejectsWithReason(backend.create(KEY, utf8("late"), options), signal.reason);
        await rejectsWithReason(backend.replace(KEY, utf8("late"), options), signal.reason);
        await rejectsWithReason(listed(backend, "", options), signal.reason);
        await rejectsWithReason(backend.remove([KEY], options), signal.reason);
        await isAbsent(backend, FREE);
        await isThere(backend, KEY, utf8("content"));
      }
    },

    "a signal that is never aborted changes nothing": async ({ backend }) => {
      const controller = new AbortController();
      const options = { signal: controller.signal };
      await backend.create(KEY, utf8("content"), options);
      sameBytes(await backend.read(KEY, options), utf8("content"), "read");
      assert.equal((await backend.stat(KEY, options))?.size, 7);
      assert.equal((await listed(backend, "", options)).length, 1);
      await backend.replace(KEY, piecesBody([utf8("other")]), options);
      await backend.remove([FREE], options);
      // What has settled cannot be aborted any more.
      controller.abort();
      await isThere(backend, KEY, utf8("other"));
    },

    "a thousand calls may share one signal: to Node it is no leak, and nothing listens to it afterwards": async ({ backend, defer }) => {
      const options = { signal: new AbortController().signal };
      const warnings = leakWarnings(defer);
      const content = sampleBytes(3_000, 1);
      const keys = Array.from({ length: 250 }, (_, index) => storageKey(`dir/${index}.bin`));
      const all = (call: (key: StorageKey) => Promise<unknown>): Promise<unknown> => Promise.all(keys.map(call));
      await all((key) => backend.create(key, choppedBody(content, [1_000]), options));
      await Promise.all([
        all((key) => backend.read(key, options)),
        all((key) => backend.stat(key, options)),
        all((key) => streamed(backend, key, options)),
        all(() => listed(backend, "dir/", { ...options, limit: 3 })),
      ]);
      await all((key) => backend.replace(key, choppedBody(content, [500]), options));
      await all((key) => backend.remove([key], options));
      // Node tells of a leak in a later turn.
      await oneTurn();
      assert.deepEqual(warnings.map(String), [], "warnings");
      assert.equal(getEventListeners(options.signal, "abort").length, 0, "listeners that stay");
      assert.deepEqual(await listed(backend, ""), []);
    },

    "a create that is aborted while it waits for its body rejects with signal.reason and leaves nothing": async ({ backend, reopen, defer }) => {
      const controller = new AbortController();
      const reason = new Error("stop");
      const gated = gatedBody(defer, sampleBytes(1_000_000, 1), utf8("end"));
      const created = lookedAtLater(backend.create(FREE, gated.body, { signal: controller.signal }));
      await Promise.race([gated.asked, created]);
      controller.abort(reason);
      await rejectsWithReason(created, reason);
      await isAbsent(backend, FREE);
      await isAbsent(await reopen(), FREE);
      gated.release();
      await backend.create(FREE, utf8("content"));
      await isThere(backend, FREE, utf8("content"));
    },

    "a replace that is aborted while it waits for its body leaves the object that was there": async ({ backend, reopen, defer }) => {
      await backend.create(KEY, utf8("content"));
      const controller = new AbortController();
      const reason = new Error("stop");
      const gated = gatedBody(defer, sampleBytes(1_000_000, 1), utf8("end"));
      const replaced = lookedAtLater(backend.replace(KEY, gated.body, { signal: controller.signal }));
      await Promise.race([gated.asked, replaced]);
      controller.abort(reason);
      await rejectsWithReason(replaced, reason);
      await isThere(backend, KEY, utf8("content"));
      gated.release();
      await isThere(await reopen(), KEY, utf8("content"));
    },

    "a stream that is aborted rejects its next piece with signal.reason": async ({ backend }) => {
      const content = sampleBytes(8 * 1_048_576, 1);
      await backend.create(KEY, content);
      const controller = new AbortController();
      const reason = new Error("stop");
      const stream = await backend.stream(KEY, { signal: controller.signal });
      assert.ok(stream !== undefined);
      let pieces = 0;
      const reading = (async () => {
        for await (const piece of stream) {
          pieces += 1;
          assert.ok(piece.length > 0);
          controller.abort(reason);
        }
      })();
      await rejectsWithReason(reading, reason);
      assert.equal(pieces, 1, "pieces before the abort");
      sameBytes(await backend.read(KEY), content, "read behind it");
    },

    "a list that is aborted rejects its next entry with signal.reason": async ({ backend }) => {
      for (let index = 0; index < 20; index += 1) await backend.create(storageKey(`d${index % 3}/${index}.x`), utf8("content"));
      const controller = new AbortController();
      const reason = new Error("stop");
      let entries = 0;
      const listing = (async () => {
        for await (const entry of backend.list(storagePrefix(""), { signal: controller.signal })) {
          entries += 1;
          assert.ok(entry.size > 0);
          controller.abort(reason);
        }
      })();
      await rejectsWithReason(listing, reason);
      assert.equal(entries, 1, "entries before the abort");
      assert.equal((await listed(backend, "")).length, 20);
    },

    "a write that is aborted at any moment is there whole or not at all": async (context) => {
      const content = sampleBytes(150_000, 1);
      const body = choppedBody(content, [20_011]);
      const before = utf8("before");
      for (let moment = 0; moment < 40; moment += 1) {
        const fresh = storageKey(`dir/fresh${moment}.bin`);
        const options = abortedAt(moment);
        const [created, replaced] = await Promise.all([
          settledOrAborted(options.signal, context.backend.create(fresh, moment % 2 === 0 ? body : content, options)),
          context.backend.replace(KEY, before).then(() => settledOrAborted(options.signal, context.backend.replace(KEY, body, options))),
        ]);
        const seen = await context.backend.read(fresh);
        if (created || seen !== undefined) sameBytes(seen, content, "aborted create");
        const kept = await context.backend.read(KEY);
        sameBytes(kept, replaced || kept?.length !== before.length ? content : before, "aborted replace");
      }
      await stillUsable(context);
    },

    "reads, lists and removes that are aborted at any moment answer rightly or reject with signal.reason": async (context) => {
      const { backend } = context;
      const content = sampleBytes(300_000, 1);
      for (let moment = 0; moment < 40; moment += 1) {
        const key = storageKey(`dir/${moment}.bin`);
        await backend.create(key, content);
        const options = abortedAt(moment);
        await Promise.all([
          settledOrAborted(options.signal, backend.read(key, options), (read) => {
            sameBytes(read, content, "read");
          }),
          settledOrAborted(options.signal, streamed(backend, key, options), (read) => {
            sameBytes(read, content, "stream");
          }),
          settledOrAborted(options.signal, backend.stat(key, options), (entry) => {
            assert.equal(entry?.size, content.length);
          }),
          settledOrAborted(options.signal, listed(backend, "", options), (entries) => {
            assert.deepEqual(entries.map((entry) => entry.key), [key]);
          }),
        ]);
        if (await settledOrAborted(options.signal, backend.remove([key], options))) await isAbsent(backend, key);
        else await backend.remove([key]);
      }
      assert.deepEqual(await listed(backend, ""), []);
      await stillUsable(context);
    },
  }),

  ...chapter("hostile", ["appendable"], {
    "a lock whose signal was aborted before the call rejects with signal.reason and takes nothing": async ({ backend, reopen }) => {
      const signal = AbortSignal.abort(new Error("stop"));
      await rejectsWithReason(appendableOf(backend).lock(storagePrefix("dir/"), { signal }), signal.reason);
      await appendableOf(await reopen()).lock(storagePrefix("dir/"));
    },

    "a lock that is aborted at any moment is held or free": async ({ backend, reopen }) => {
      const other = await reopen();
      const prefix = storagePrefix("dir/");
      for (let moment = 0; moment < 40; moment += 1) {
        const options = abortedAt(moment);
        const locked = appendableOf(backend).lock(prefix, options);
        if (await settledOrAborted(options.signal, locked)) await (await locked).release();
        await (await appendableOf(other).lock(prefix)).release();
      }
    },
  }),
];

/** As JavaScript calls: whatever it is, nobody has looked at it. */
function isTypedAsKey(name: string): name is StorageKey {
  return name.length >= 0;
}

function isTypedAsPrefix(name: string): name is StoragePrefix {
  return name.length >= 0;
}

function throwsWith(action: () => unknown, code: StorageErrorCode, what: string): void {
  assert.throws(action, (error) => isHoldfastError(error) && error.code === code, `${JSON.stringify(what)} was taken`);
}

/** Options with a signal that is aborted after `moment` turns of the microtask queue, or, every fourth, of the event loop. */
function abortedAt(moment: number): { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const later = async (): Promise<void> => {
    for (let turn = 0; turn < moment; turn += 1) await (moment % 4 === 3 && turn % 8 === 0 ? oneTurn() : Promise.resolve());
    controller.abort(new Error(`stop at ${moment}`));
  };
  void later();
  return { signal: controller.signal };
}

/** Whether the call succeeded, and with a value that passes `check`; `false` where it rejected with the reason of its signal. */
async function settledOrAborted<T>(signal: AbortSignal, call: Promise<T>, check?: (value: T) => void): Promise<boolean> {
  let value: T;
  try {
    value = await call;
  } catch (error) {
    if (signal.aborted && error === signal.reason) return false;
    throw error;
  }
  check?.(value);
  return true;
}

/** What Node says from here on of listeners that look like a leak, until the case has ended. */
function leakWarnings(defer: ConformanceContext["defer"]): readonly Error[] {
  const warnings: Error[] = [];
  const keep = (warning: Error): void => {
    if (warning.name === "MaxListenersExceededWarning") warnings.push(warning);
  };
  process.on("warning", keep);
  defer(() => process.off("warning", keep));
  return warnings;
}

async function stillUsable({ backend, reopen }: ConformanceContext): Promise<void> {
  await backend.create(FREE, utf8("content"));
  await isThere(await reopen(), FREE, utf8("content"));
  await backend.remove([FREE]);
}

