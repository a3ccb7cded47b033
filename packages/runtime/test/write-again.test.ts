import { memoryBackend, storageKey, type StorageBackend, type StorageBody } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { expect, it } from "vitest";
import { hasBytesOf, markOf, markWith } from "../src/files/file-mark.js";
import { writeAgain } from "../src/files/write-again.js";

const KEY = storageKey("runtimes/id-6c6162/events.jsonl");
const MIB = 2 ** 20;

it("writes a file of 256 MiB again in a few of them", async () => {
  const piece = Buffer.alloc(MIB / 16, '{"id":1}\n');
  const pieces = 256 * 16;
  let mark = markOf(new Uint8Array(0));
  for (let index = 0; index < pieces; index++) mark = markWith(mark, piece);
  let peak = 0;
  const baseline = process.memoryUsage().arrayBuffers;
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - baseline);
  };
  let [given, taken] = [0, 0];
  const storage = hugeFile({
    stream: async function* () {
      for (let index = 0; index < pieces; index++) {
        if (index % 256 === 0) look();
        given += piece.length;
        yield await Promise.resolve(piece);
      }
    },
    replace: async (body) => {
      if (body instanceof Uint8Array) throw new RangeError("the whole file at once");
      expect(body.bytes).toBe(256 * MIB);
      for await (const one of body.open()) {
        taken += one.length;
        if (given !== taken) throw new RangeError("read ahead");
      }
      look();
    },
  });
  expect(await hasBytesOf(storage, KEY, mark)).toBe(true);
  [given, taken] = [0, 0];
  await writeAgain(storage, KEY, mark);
  expect([given, taken]).toEqual([256 * MIB, 256 * MIB]);
  expect(peak).toBeLessThan(16 * MIB);
}, 60_000);

it("leaves a file alone that is another one by now, or gone", async () => {
  const storage = memoryBackend();
  const mark = markOf(Buffer.from("as it was\n"));
  await expect(writeAgain(storage, KEY, mark)).rejects.toMatchObject({ outcome: "not_applied", cause: { code: "RUNTIME_CORRUPT", key: KEY } });
  expect(await storage.read(KEY)).toBeUndefined();
  await storage.create(KEY, Buffer.from("as it Was\n"));
  await expect(writeAgain(storage, KEY, mark)).rejects.toMatchObject({ outcome: "not_applied", cause: { code: "RUNTIME_CORRUPT", key: KEY } });
  expect(Buffer.from((await storage.read(KEY)) ?? []).toString()).toBe("as it Was\n");
});

/** A storage with one file, which is in no memory. */
function hugeFile({ stream, replace }: { readonly stream: () => AsyncIterable<Uint8Array>; readonly replace: (body: StorageBody) => Promise<void> }): StorageBackend {
  return {
    ...delegate(memoryBackend({ appendable: false })),
    read: () => Promise.reject(new RangeError("the whole file at once")),
    stream: () => Promise.resolve(stream()),
    async replace(key, body) {
      await replace(body);
      return { key, size: 0, modifiedAt: 0 };
    },
  };
}
