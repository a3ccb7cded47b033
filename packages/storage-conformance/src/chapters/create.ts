import assert from "node:assert/strict";
import { isHoldfastError, storageKey } from "@holdfast/storage";
import type { StorageBackend, StorageBody } from "@holdfast/storage";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { isAbsent, isThere, listed, rejection, rejectsWith, sameBytes } from "../expect.js";
import { choppedBody, gatedBody, joined, lookedAtLater, piecesBody, sampleBytes, settlesWithin, throwingBody, utf8 } from "../samples.js";

const KEY = storageKey("dir/object.bin");
const BIG = 8 * 1_048_576;

/** Rules of `create`. */
export const createCases: readonly ConformanceCase[] = [
  ...chapter("create", [], {
    "create puts an object and answers its entry": async ({ backend, reopen }) => {
      const entry = await backend.create(KEY, utf8("content"));
      assert.equal(entry.key, KEY);
      assert.equal(entry.size, 7);
      assert.ok(Number.isFinite(entry.modifiedAt));
      await isThere(backend, KEY, utf8("content"));
      await isThere(await reopen(), KEY, utf8("content"));
    },

    "a second create rejects STORAGE_ALREADY_EXISTS and leaves the first object as it was": async ({ backend, reopen }) => {
      const other = await reopen();
      await backend.create(KEY, utf8("first"));
      for (const handle of [backend, other]) {
        for (const body of [utf8("second"), utf8("first"), new Uint8Array(0), piecesBody([utf8("sec"), utf8("ond")])]) {
          await rejectsWith(handle.create(KEY, body), "STORAGE_ALREADY_EXISTS");
        }
      }
      await isThere(backend, KEY, utf8("first"));
      await isThere(other, KEY, utf8("first"));
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },

    "an empty object is there as well: a second create rejects STORAGE_ALREADY_EXISTS": async ({ backend }) => {
      await backend.create(KEY, new Uint8Array(0));
      await rejectsWith(backend.create(KEY, utf8("second")), "STORAGE_ALREADY_EXISTS");
      await isThere(backend, KEY, new Uint8Array(0));
    },

    "the error names the operation and the key": async ({ backend }) => {
      await backend.create(KEY, utf8("first"));
      const error = await rejectsWith(backend.create(KEY, utf8("second")), "STORAGE_ALREADY_EXISTS");
      assert.equal(error.operation, "create");
      assert.ok(error.key?.endsWith(KEY), `the error's key is ${String(error.key)}`);
      assert.ok(!error.message.includes("second"), "the message shows the payload");
      // It says what became of this call, which is what a caller decides by.
      assert.ok(error.outcome === "not_applied" || error.outcome === "unknown", `the error's outcome is ${String(error.outcome)}`);
    },

    "a key that was removed is free again": async ({ backend, reopen }) => {
      const other = await reopen();
      await backend.create(KEY, utf8("first"));
      await backend.remove([KEY]);
      await backend.create(KEY, utf8("second"));
      await isThere(other, KEY, utf8("second"));
      await backend.remove([KEY]);
      await other.create(KEY, utf8("third"));
      await isThere(backend, KEY, utf8("third"));
    },

    "a streamed body is written whole, with and without a stated length": async ({ backend }) => {
      const pieces = [utf8("one"), new Uint8Array(0), utf8("two"), sampleBytes(70_000, 1), utf8("end")];
      const content = joined(pieces);
      const plain = storageKey("dir/plain.bin");
      const stated = storageKey("dir/stated.bin");
      assert.equal((await backend.create(plain, piecesBody(pieces))).size, content.length);
      assert.equal((await backend.create(stated, piecesBody(pieces, { bytes: content.length }))).size, content.length);
      await isThere(backend, plain, content);
      await isThere(backend, stated, content);
    },

    "a streamed body of no bytes makes an empty object": async ({ backend }) => {
      const bodies = [piecesBody([]), piecesBody([], { bytes: 0 }), piecesBody([new Uint8Array(0)]), new Uint8Array(0)];
      for (const [index, body] of bodies.entries()) {
        const key = storageKey(`dir/${index}.bin`);
        assert.equal((await backend.create(key, body)).size, 0);
        await isThere(backend, key, new Uint8Array(0));
      }
    },

    "a body of 8 MiB in odd pieces is written whole": async ({ backend, reopen }) => {
      const content = sampleBytes(BIG, 1);
      await backend.create(KEY, choppedBody(content, [1, 65_537, 3, 999_983, 4_096]));
      await isThere(await reopen(), KEY, content);
    },

    "a body of 8 MiB in one array is written whole": async ({ backend, reopen }) => {
      const content = sampleBytes(BIG, 2);
      await backend.create(KEY, content);
      await isThere(await reopen(), KEY, content);
    },

    "a body is opened by every call that writes it": async ({ backend }) => {
      const content = sampleBytes(10_000, 1);
      const body = choppedBody(content, [77]);
      for (const name of ["dir/a.bin", "dir/b.bin"]) {
        await backend.create(storageKey(name), body);
        await isThere(backend, storageKey(name), content);
      }
      await backend.replace(storageKey("dir/a.bin"), body);
      await isThere(backend, storageKey("dir/a.bin"), content);
    },

    "a body that throws leaves nothing, and its key is free": async ({ backend, reopen }) => {
      const boom = new Error("the source failed");
      for (const before of [[], [utf8("part")], [sampleBytes(3_000_000, 1)]]) {
        const error = await rejection(backend.create(KEY, throwingBody(before, boom)), "the error of the body");
        assert.ok(isCausedBy(error, boom), `does not carry the error of the body: ${String(error)}`);
        await nothingIsLeft(backend);
        await nothingIsLeft(await reopen());
      }
      await backend.create(KEY, utf8("content"));
      await isThere(backend, KEY, utf8("content"));
    },

    "a body of another length than stated fails not_applied, leaves nothing, and its key is free": async ({ backend, reopen }) => {
      const bodies: readonly StorageBody[] = [
        piecesBody([utf8("abc")], { bytes: 4 }),
        piecesBody([utf8("abc")], { bytes: 2 }),
        piecesBody([utf8("abc")], { bytes: 0 }),
        piecesBody([], { bytes: 1 }),
        piecesBody([sampleBytes(2_000_000, 1), sampleBytes(1_000_000, 2)], { bytes: 2_999_999 }),
      ];
      for (const body of bodies) {
        const error = await rejection(backend.create(KEY, body), "a failed write");
        assert.ok(isHoldfastError(error), `is no StorageError: ${String(error)}`);
        assert.equal(error.outcome, "not_applied");
        await nothingIsLeft(backend);
        await nothingIsLeft(await reopen());
      }
      await backend.create(KEY, utf8("content"));
      await isThere(backend, KEY, utf8("content"));
    },

    "nobody sees an object before it is whole": async ({ backend, reopen, defer }) => {
      const other = await reopen();
      const gated = gatedBody(defer, sampleBytes(2_000_000, 1), utf8("end"));
      const created = lookedAtLater(backend.create(KEY, gated.body));
      await Promise.race([gated.asked, created]);
      await nothingIsLeft(backend);
      await nothingIsLeft(other);
      gated.release();
      await created;
      const content = joined([sampleBytes(2_000_000, 1), utf8("end")]);
      await isThere(backend, KEY, content);
      await isThere(other, KEY, content);
    },

    "a slow create and a fast one of the same key: one wins, and the object is the winner's": async ({ backend, reopen, defer }) => {
      const other = await reopen();
      const gated = gatedBody(defer, utf8("slow "), utf8("content"));
      const slow = lookedAtLater(backend.create(KEY, gated.body));
      await Promise.race([gated.asked, slow]);
      const fast = lookedAtLater(other.create(KEY, utf8("fast content")));
      // The fast one wins at once, or the store makes it wait for the slow one: then the gate must not hold both.
      await settlesWithin(250, fast);
      gated.release();
      const results = await Promise.allSettled([slow, fast]);
      const [lost] = results.filter((result) => result.status === "rejected");
      assert.equal(results.filter((result) => result.status === "fulfilled").length, 1, "winners");
      await rejectsWith(Promise.reject(lost?.reason as Error), "STORAGE_ALREADY_EXISTS");
      await isThere(backend, KEY, utf8(results[0].status === "fulfilled" ? "slow content" : "fast content"));
    },

    "creates of different keys at the same time all succeed": async ({ backend, reopen }) => {
      const names = Array.from({ length: 64 }, (_, index) => `d${index % 5}/s${index % 3}/${index}.bin`);
      await Promise.all(names.map((name) => backend.create(storageKey(name), utf8(name))));
      const other = await reopen();
      for (const name of names) sameBytes(await other.read(storageKey(name)), utf8(name), name);
      assert.equal((await listed(other, "")).length, names.length, "objects listed");
    },
  }),

  ...chapter("create", ["otherProcess"], {
    "a process that is killed in the middle of a create leaves nothing, and the key is free": async (context) => {
      const killed = await startElsewhere(context, "process");
      await killed.run({ kind: "beginCreate", name: KEY });
      await nothingIsLeft(context.backend);
      await killed.kill();
      await nothingIsLeft(context.backend);
      await nothingIsLeft(await context.reopen());
      await context.backend.create(KEY, utf8("content"));
      await isThere(context.backend, KEY, utf8("content"));
    },
  }),
];

async function nothingIsLeft(backend: StorageBackend): Promise<void> {
  await isAbsent(backend, KEY);
  assert.deepEqual(await listed(backend, ""), [], "objects listed");
}


function isCausedBy(error: unknown, cause: Error): boolean {
  for (let link = error; link instanceof Error; link = link.cause) if (link === cause) return true;
  return false;
}
