import assert from "node:assert/strict";
import { isHoldfastError, storageKey } from "@holdfast/storage";
import type { StorageBackend } from "@holdfast/storage";
import { chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { isThere, listed, rejection, sameBytes, streamed } from "../expect.js";
import { eachOf, gatedBody, lookedAtLater, piecesBody, repeatUntil, sampleBytes, throwingBody, utf8 } from "../samples.js";

const KEY = storageKey("dir/object.bin");

/** Rules of `replace`. */
export const replaceCases: readonly ConformanceCase[] = [
  ...chapter("replace", [], {
    "replace puts an object where there was none": async ({ backend, reopen }) => {
      const entry = await backend.replace(KEY, utf8("content"));
      assert.equal(entry.key, KEY);
      assert.equal(entry.size, 7);
      await isThere(await reopen(), KEY, utf8("content"));
    },

    "replace puts an object whatever was there, and nothing of that remains": async ({ backend, reopen }) => {
      const other = await reopen();
      await backend.create(KEY, sampleBytes(100_000, 1));
      for (const content of [utf8("short"), new Uint8Array(0), sampleBytes(200_000, 2), utf8("short")]) {
        assert.equal((await backend.replace(KEY, content)).size, content.length);
        await isThere(backend, KEY, content);
        await isThere(other, KEY, content);
      }
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },

    "a streamed body replaces as well": async ({ backend }) => {
      await backend.create(KEY, utf8("before"));
      await backend.replace(KEY, piecesBody([utf8("af"), utf8("ter")], { bytes: 5 }));
      await isThere(backend, KEY, utf8("after"));
    },

    "a body that throws or has another length than stated leaves the object that was there": async ({ backend, reopen }) => {
      const before = sampleBytes(50_000, 1);
      await backend.create(KEY, before);
      await rejection(backend.replace(KEY, throwingBody([sampleBytes(2_000_000, 2)], new Error("the source failed"))), "the error of the body");
      await isThere(backend, KEY, before);
      for (const bytes of [0, 2, 4]) {
        const error = await rejection(backend.replace(KEY, piecesBody([utf8("abc")], { bytes })), "a failed write");
        assert.ok(isHoldfastError(error), `is no StorageError: ${String(error)}`);
        assert.equal(error.outcome, "not_applied");
        await isThere(backend, KEY, before);
      }
      await isThere(await reopen(), KEY, before);
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },

    "the old object is there until the new one is whole": async ({ backend, reopen, defer }) => {
      const other = await reopen();
      await backend.create(KEY, utf8("before"));
      const gated = gatedBody(defer, sampleBytes(2_000_000, 1), utf8("end"));
      const replaced = lookedAtLater(backend.replace(KEY, gated.body));
      await Promise.race([gated.asked, replaced]);
      await isThere(other, KEY, utf8("before"));
      gated.release();
      assert.equal((await replaced).size, 2_000_003);
      assert.equal((await other.stat(KEY))?.size, 2_000_003);
    },

    "readers see one version whole, never a mixture and never nothing": async ({ backend, reopen, defer }) => {
      const other = await reopen();
      const versions = Array.from({ length: 20 }, (_, index) => sampleBytes(20_000 + index, index));
      await backend.create(KEY, version(versions, 0));
      let done = false;
      // Also where a call hangs and the case ends by its deadline.
      defer(() => {
        done = true;
      });
      const reading = (handle: StorageBackend, look: (it: StorageBackend) => Promise<Uint8Array | undefined>): Promise<void> =>
        repeatUntil(
          () => done,
          async () => {
            const seen = await look(handle);
            sameBytes(seen, version(versions, (seen?.length ?? 0) - 20_000), "a version");
          },
        );
      const writing = async (): Promise<void> => {
        try {
          for (const content of versions) await backend.replace(KEY, content);
        } finally {
          done = true;
        }
      };
      await Promise.all([
        writing(),
        reading(backend, (it) => it.read(KEY)),
        reading(other, (it) => it.read(KEY)),
        reading(other, (it) => streamed(it, KEY)),
      ]);
      await isThere(other, KEY, version(versions, 19));
    },

    "replaces of one key at the same time leave one of the bodies, whole": async ({ backend, reopen }) => {
      const other = await reopen();
      const versions = Array.from({ length: 16 }, (_, index) => sampleBytes(30_000 + index, index));
      await eachOf(versions, versions.length, async (content, index) => {
        await (index % 2 === 0 ? backend : other).replace(KEY, content);
      });
      const size = (await other.stat(KEY))?.size ?? 0;
      await isThere(backend, KEY, version(versions, size - 30_000));
      assert.equal((await listed(backend, "")).length, 1, "objects listed");
    },
  }),

  ...chapter("replace", ["otherProcess"], {
    "a process that is killed in the middle of a replace leaves the object that was there": async (context) => {
      await context.backend.create(KEY, utf8("before"));
      const killed = await startElsewhere(context, "process");
      await killed.run({ kind: "beginReplace", name: KEY });
      await killed.kill();
      await isThere(context.backend, KEY, utf8("before"));
      assert.equal((await listed(context.backend, "")).length, 1, "objects listed");
      await context.backend.replace(KEY, utf8("after"));
      await isThere(await context.reopen(), KEY, utf8("after"));
    },
  }),
];

function version(versions: readonly Uint8Array[], index: number): Uint8Array {
  const content = versions[index];
  assert.ok(content !== undefined, `no version has that length (${index})`);
  return content;
}
