import assert from "node:assert/strict";
import { storageKey, storagePrefix } from "@holdfast/storage";
import type { StorageBackend, StorageLock } from "@holdfast/storage";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase, ConformanceContext } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { isThere, listed, rejectsWith, sameBytes } from "../expect.js";
import { counterName, jobRunner } from "../jobs.js";
import type { JobRunner } from "../jobs.js";
import { repeatUntil, utf8 } from "../samples.js";

const PREFIX = "store/";
const ATTEMPTS = 60;

/** Rules of `appendable.lock`. */
export const lockCases: readonly ConformanceCase[] = [
  ...chapter("lock", ["appendable"], {
    "a held lock is refused to another handle, and the error names the lock file": async ({ backend, reopen }) => {
      const held = await lock(backend);
      assert.notEqual(held.name, "");
      const error = await rejectsWith(lock(await reopen()), "STORAGE_LOCKED");
      assert.ok(error.key?.endsWith(".lock"), `the error's key is ${String(error.key)}`);
      assert.equal(error.operation, "lock");
    },

    "a held lock is refused to the handle that holds it": async ({ backend }) => {
      await lock(backend);
      await rejectsWith(lock(backend), "STORAGE_LOCKED");
      await rejectsWith(lock(backend), "STORAGE_LOCKED");
    },

    "a lock is free again after its release": async ({ backend, reopen }) => {
      const other = await reopen();
      for (let turn = 0; turn < 10; turn += 1) {
        const [holder, loser] = turn % 2 === 0 ? [backend, other] : [other, backend];
        const held = await lock(holder);
        await rejectsWith(lock(loser), "STORAGE_LOCKED");
        await held.release();
        await (await lock(holder)).release();
      }
    },

    "releasing twice resolves, and does not take the lock from its next holder": async ({ backend, reopen }) => {
      const first = await lock(backend);
      await Promise.all([first.release(), first.release()]);
      const second = await lock(backend);
      await first.release();
      await first[Symbol.asyncDispose]();
      await rejectsWith(lock(await reopen()), "STORAGE_LOCKED");
      await rejectsWith(lock(backend), "STORAGE_LOCKED");
      await second.release();
    },

    "disposing of a lock releases it": async ({ backend, reopen }) => {
      const held = await lock(backend);
      await held[Symbol.asyncDispose]();
      await lock(await reopen());
    },

    "closing the backend lets go of its locks": async ({ backend, reopen }) => {
      const held = await lock(backend);
      const other = await reopen();
      await rejectsWith(lock(other), "STORAGE_LOCKED");
      await backend.close();
      const next = await lock(other);
      await held.release();
      await rejectsWith(lock(await reopen()), "STORAGE_LOCKED");
      await next.release();
    },

    "closing a handle that was refused does not take the lock from its holder": async ({ backend, reopen }) => {
      await lock(backend);
      for (let turn = 0; turn < 3; turn += 1) {
        const loser = await reopen();
        await rejectsWith(lock(loser), "STORAGE_LOCKED");
        await loser.close();
        await rejectsWith(lock(await reopen()), "STORAGE_LOCKED");
      }
    },

    "of many that lock at the same time one succeeds": async ({ backend, reopen }) => {
      const handles = [backend, await reopen(), await reopen()];
      const results = await Promise.allSettled(Array.from({ length: 4 }, () => handles.map((handle) => lock(handle))).flat());
      const refused = results.filter((result) => result.status === "rejected");
      assert.equal(results.length - refused.length, 1, "locks taken");
      for (const { reason } of refused) await rejectsWith(Promise.reject(reason as Error), "STORAGE_LOCKED");
    },

    "locks of different prefixes do not hinder each other, nested ones and the root included": async ({ backend, reopen }) => {
      const other = await reopen();
      const prefixes = ["", "a/", "a/b/", "a/b/c/", "aa/", "a-/", "b/"];
      const held: StorageLock[] = [];
      for (const [index, prefix] of prefixes.entries()) held.push(await lock(index % 2 === 0 ? backend : other, prefix));
      assert.equal(new Set(held.map((each) => each.name)).size, prefixes.length, "different names");
      for (const prefix of prefixes) {
        await rejectsWith(lock(backend, prefix), "STORAGE_LOCKED");
        await rejectsWith(lock(other, prefix), "STORAGE_LOCKED");
      }
      await held[2]?.release();
      await lock(backend, "a/b/");
      await rejectsWith(lock(other, "a/"), "STORAGE_LOCKED");
      await rejectsWith(lock(other, "a/b/c/"), "STORAGE_LOCKED");
    },

    "a lock is no object: it is not listed, and hinders no reading or writing": async ({ backend, reopen }) => {
      const other = await reopen();
      const held = await lock(backend);
      assert.deepEqual(await listed(backend, ""), []);
      const key = storageKey(`${PREFIX}a.lock`);
      await other.create(key, utf8("content"));
      await isThere(backend, key, utf8("content"));
      await other.remove([key]);
      await held.release();
      assert.deepEqual(await listed(other, ""), []);
    },

    "a lock survives the removal of everything around it": async ({ backend, reopen }) => {
      const other = await reopen();
      const key = storageKey(`${PREFIX}d/object.bin`);
      await backend.create(key, utf8("content"));
      await lock(backend);
      await other.remove([key]);
      await rejectsWith(lock(other), "STORAGE_LOCKED");
      await other.create(key, utf8("content"));
      await rejectsWith(lock(other), "STORAGE_LOCKED");
    },

    "while its holder rotates, replaces and removes, no other handle gets the lock": async (context) => {
      const { backend, reopen } = context;
      await holdAgainst(context, [jobRunner(backend), jobRunner(await reopen()), jobRunner(await reopen())]);
    },

    "what is counted under the lock is counted exactly, by several handles": async ({ backend, reopen }) => {
      await contendTogether(backend, [jobRunner(backend), jobRunner(backend), jobRunner(await reopen()), jobRunner(await reopen())]);
    },
  }),

  ...chapter("lock", ["appendable", "otherProcess"], {
    "a lock that is held here is refused in other processes and worker threads": async (context) => {
      const elsewhere = await Promise.all([startElsewhere(context, "process"), startElsewhere(context, "thread")]);
      const held = await lock(context.backend);
      for (const { run } of elsewhere) {
        assert.deepEqual(await run({ kind: "tryLock", prefix: PREFIX, attempts: 5 }), [0, 5]);
        assert.deepEqual(await run({ kind: "tryLock", prefix: "other/", attempts: 5 }), [5, 0]);
      }
      await held.release();
      for (const { run } of elsewhere) assert.deepEqual(await run({ kind: "tryLock", prefix: PREFIX, attempts: 5 }), [5, 0]);
    },

    "a lock that is held in another process or worker thread is refused here until it is released": async (context) => {
      for (const kind of ["process", "thread"] as const) {
        const { run } = await startElsewhere(context, kind);
        await run({ kind: "hold", prefix: PREFIX });
        await rejectsWith(lock(context.backend), "STORAGE_LOCKED");
        await lock(context.backend, `${kind}/`);
        await run({ kind: "letGo" });
        await (await lock(context.backend)).release();
      }
    },

    "closing the backend in another process or worker thread lets go of its locks": async (context) => {
      for (const kind of ["process", "thread"] as const) {
        const { run } = await startElsewhere(context, kind);
        await run({ kind: "hold", prefix: PREFIX });
        await rejectsWith(lock(context.backend), "STORAGE_LOCKED");
        await run({ kind: "close" });
        await (await lock(context.backend)).release();
      }
    },

    "a lock is free when the process that held it was killed": async (context) => {
      const killed = await startElsewhere(context, "process");
      await killed.run({ kind: "hold", prefix: PREFIX });
      await rejectsWith(lock(context.backend), "STORAGE_LOCKED");
      await killed.kill();
      const held = await lock(context.backend);
      await rejectsWith(lock(await context.reopen()), "STORAGE_LOCKED");
      await held.release();
    },

    "while its holder rotates, replaces and removes, no process, worker thread or handle gets the lock": async (context) => {
      const elsewhere = await Promise.all([
        startElsewhere(context, "process"),
        startElsewhere(context, "process"),
        startElsewhere(context, "thread"),
      ]);
      await holdAgainst(context, [jobRunner(await context.reopen()), ...elsewhere.map((it) => it.run)]);
    },

    "what is counted under the lock is counted exactly, by processes, worker threads and handles": async (context) => {
      const elsewhere = await Promise.all([
        startElsewhere(context, "process"),
        startElsewhere(context, "process"),
        startElsewhere(context, "thread"),
      ]);
      await contendTogether(context.backend, [
        jobRunner(context.backend),
        jobRunner(await context.reopen()),
        ...elsewhere.map((it) => it.run),
      ]);
    },
  }),
];

function lock(backend: StorageBackend, prefix: string = PREFIX): Promise<StorageLock> {
  return appendableOf(backend).lock(storagePrefix(prefix));
}

/** Holds the lock and does what a store does below its prefix, while the others try to get it. */
async function holdAgainst({ backend, defer }: ConformanceContext, others: readonly JobRunner[]): Promise<void> {
  const held = await lock(backend);
  let done = false;
  const stop = (): void => {
    done = true;
  };
  // Also where a call hangs and the case ends by its deadline.
  defer(stop);
  const trying = Promise.all(others.map((run) => run({ kind: "tryLock", prefix: PREFIX, attempts: ATTEMPTS }))).finally(stop);
  let turn = 0;
  // At least four turns, so that every kind of turn has been there, also where the others are quick.
  const rotating = repeatUntil(
    () => done && turn >= 4,
    async () => {
      await rotate(backend, turn);
      turn += 1;
    },
  );
  // Both are waited for, so that nothing goes on behind a failed case; then the first failure is reported.
  await Promise.allSettled([trying, rotating]);
  await rotating;
  for (const [taken, refused] of await trying) {
    assert.deepEqual({ taken, refused }, { taken: 0, refused: ATTEMPTS });
  }
  await held.release();
  for (const run of others) assert.deepEqual(await run({ kind: "tryLock", prefix: PREFIX, attempts: 1 }), [1, 0]);
}

/** Begins a segment, renames a new hint over the old one, and removes the segment before the last. */
async function rotate(backend: StorageBackend, turn: number): Promise<void> {
  const segment = (number: number) => storageKey(`${PREFIX}segment/${number}.seg`);
  const file = await appendableOf(backend).open(segment(turn), { mode: "create", reserveBytes: 10_000 });
  await file.append(utf8(`segment ${turn}`));
  await file.close();
  await backend.replace(storageKey(`${PREFIX}hint.json`), utf8(String(turn)));
  await backend.replace(storageKey("hint.json"), utf8(String(turn)));
  if (turn > 1) await backend.remove([segment(turn - 2)]);
  // A gap of one turn in which nothing is there but the lock.
  if (turn % 4 === 3) await backend.remove([segment(turn), segment(turn - 1), storageKey(`${PREFIX}hint.json`), storageKey("hint.json")]);
}

/** Everybody counts up one object under the lock. A count that was written twice, or is missing, shows two holders. */
async function contendTogether(backend: StorageBackend, contestants: readonly JobRunner[]): Promise<void> {
  const counts = (await Promise.all(contestants.map((run) => run({ kind: "contend", prefix: PREFIX, attempts: ATTEMPTS }))))
    .flat()
    .sort((a, b) => a - b);
  assert.ok(counts.length > 0, "nobody ever got the lock");
  assert.deepEqual(counts, Array.from({ length: counts.length }, (_, index) => index + 1), "counts written");
  sameBytes(await backend.read(storageKey(counterName(PREFIX))), utf8(String(counts.length)), "the counter");
}
