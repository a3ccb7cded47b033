import assert from "node:assert/strict";
import { storageKey } from "@holdfast/storage";
import fc from "fast-check";
import { created, KEY, NOT_SIZES } from "../append-file.js";
import { appendableOf, chapter } from "../case.js";
import type { ConformanceCase } from "../case.js";
import { startElsewhere } from "../elsewhere.js";
import { allZero, isThere, rejectsWith, sameBytes, streamed } from "../expect.js";
import { joined, sampleBytes, utf8 } from "../samples.js";

const MIB = 1_048_576;

/** Rules of `append`: which bytes come where, and who sees them. */
export const orderAndPlaceCases: readonly ConformanceCase[] = [
  ...chapter("append", ["appendable"], {
    "what was appended is seen at once by every handle and by every way of reading": async ({ backend, reopen }) => {
      const other = await reopen();
      const file = await created(backend);
      let content: Uint8Array = new Uint8Array(0);
      for (let turn = 0; turn < 10; turn += 1) {
        content = joined([content, sampleBytes(1 + turn * 700, turn)]);
        await file.append(content.subarray(file.size));
        for (const handle of [backend, other]) {
          await isThere(handle, KEY, content);
          const range = { offset: content.length - 1, length: 5 };
          sameBytes(await handle.read(KEY, { range }), content.subarray(-1), "the last byte");
        }
      }
      await file.close();
      await isThere(other, KEY, content);
    },

    "appends that are not awaited are written in the order of the calls": async ({ backend }) => {
      const file = await created(backend, { reserveBytes: 8_192 });
      const pieces = Array.from({ length: 60 }, (_, index) => sampleBytes((index * 37) % 400, index));
      await Promise.all(pieces.map((piece) => file.append(piece)));
      assert.equal(file.size, joined(pieces).length);
      await file.close();
      await isThere(backend, KEY, joined(pieces));
    },

    "appends, truncates, syncs and close that are not awaited run in the order of the calls": async ({ backend }) => {
      const file = await created(backend);
      await Promise.all([
        file.append(utf8("0123456789")),
        file.truncate(4),
        file.append(utf8("abc")),
        file.sync(),
        file.append(utf8("xyz"), { at: 9 }),
        file.close(),
      ]);
      assert.equal(file.size, 12);
      await isThere(backend, KEY, utf8("0123abc\0\0xyz"));
    },

    "an append at a position behind the end leaves a gap of zeros": async ({ backend, reopen }) => {
      const file = await created(backend);
      await file.append(utf8("head"), { at: 0 });
      await file.append(utf8("tail"), { at: 4_096 });
      assert.equal(file.size, 4_100);
      await file.append(utf8("far"), { at: 200_000 });
      assert.equal(file.size, 200_003);
      await file.append(utf8("next"));
      assert.equal(file.size, 200_007);
      await file.close();
      const expected = new Uint8Array(200_007);
      expected.set(utf8("head"), 0);
      expected.set(utf8("tail"), 4_096);
      expected.set(utf8("farnext"), 200_000);
      await isThere(await reopen(), KEY, expected);
    },

    "an append at a position before the end, or at none, is STORAGE_INVALID_ARGUMENT and harms nothing": async ({ backend }) => {
      const file = await created(backend);
      await file.append(utf8("content"));
      for (const at of [0, 6, ...NOT_SIZES]) {
        await rejectsWith(file.append(utf8("x"), { at }), "STORAGE_INVALID_ARGUMENT");
        assert.equal(file.size, 7);
      }
      await file.append(utf8(" and more"), { at: 7 });
      await file.close();
      await isThere(backend, KEY, utf8("content and more"));
    },

    "an append of no bytes changes nothing": async ({ backend }) => {
      const file = await created(backend);
      await file.append(new Uint8Array(0));
      await file.append(utf8("content"));
      await file.append(new Uint8Array(0));
      assert.equal(file.size, 7);
      await file.close();
      await isThere(backend, KEY, utf8("content"));
    },

    "an append of 5 MiB is written whole": async ({ backend }) => {
      const content = sampleBytes(5 * MIB + 3, 1);
      const file = await created(backend, { reserveBytes: 64 * 1_024 });
      await file.append(content.subarray(0, 3));
      await file.append(content.subarray(3));
      await file.close();
      await isThere(backend, KEY, content);
    },

    "any sequence of appends, gaps, truncates and reopenings equals the model": async ({ backend, reopen, propertyRuns }) => {
      const other = await reopen();
      const step = fc.oneof(
        fc.record({ kind: fc.constant("append" as const), gap: fc.oneof(fc.constant(0), fc.nat(5_000)), length: fc.nat(3_000) }),
        fc.record({ kind: fc.constant("truncate" as const), share: fc.nat(100) }),
        fc.record({ kind: fc.constant("continue" as const), sync: fc.constantFrom("each" as const, "manual" as const) }),
      );
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.nat(10_000), async (steps, reserveBytes) => {
          const key = storageKey(`dir/${(run += 1)}.seg`);
          let model: Uint8Array = new Uint8Array(0);
          let file = await appendableOf(backend).open(key, { mode: "create", reserveBytes });
          for (const [index, each] of steps.entries()) {
            if (each.kind === "append") {
              // What an append of no bytes at a distance does is left open by the contract.
              const bytes = sampleBytes(each.length + 1, index);
              await file.append(bytes, { at: file.size + each.gap });
              model = joined([model, new Uint8Array(each.gap), bytes]);
            } else if (each.kind === "truncate") {
              model = model.slice(0, Math.floor((model.length * each.share) / 100));
              await file.truncate(model.length);
            } else {
              await file.close();
              file = await appendableOf(other).open(key, { mode: "continue", sync: each.sync });
            }
            assert.equal(file.size, model.length);
            const seen = await other.read(key);
            assert.ok(seen !== undefined);
            sameBytes(seen.subarray(0, model.length), model, key);
            allZero(seen.subarray(model.length), "behind the size");
          }
          await file.close();
          await isThere(other, key, model);
        }),
        { numRuns: propertyRuns },
      );
    },
  }),

  ...chapter("append", ["appendable", "otherProcess"], {
    "what a process has appended is seen here, and stays when the process is killed": async (context) => {
      for (const sync of ["each", "manual"] as const) {
        const key = storageKey(`dir/${sync}.seg`);
        const killed = await startElsewhere(context, "process");
        await killed.run({ kind: "append", name: key, bytes: 20_500, sync });
        beginsWithSample(await context.backend.read(key), 20_500);
        await killed.kill();
        beginsWithSample(await context.backend.read(key), 20_500);
        beginsWithSample(await streamed(await context.reopen(), key), 20_500);
        // Prepared space that was not cut off is found as a part of the object.
        const found = await appendableOf(context.backend).open(key, { mode: "continue" });
        assert.equal(found.size, (await context.backend.stat(key))?.size);
        await found.truncate(20_500);
        await found.append(utf8("end"));
        await found.close();
        await isThere(context.backend, key, joined([sampleBytes(20_500, 1), utf8("end")]));
      }
    },
  }),
];

/** What `append` of another process wrote, and behind it nothing but zeros. */
function beginsWithSample(seen: Uint8Array | undefined, bytes: number): void {
  sameBytes(seen?.subarray(0, bytes), sampleBytes(bytes, 1), "appended");
  allZero(seen?.subarray(bytes) ?? new Uint8Array(0), "behind the size");
}
