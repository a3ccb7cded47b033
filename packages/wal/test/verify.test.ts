import { setTimeout as after } from "node:timers/promises";
import { StorageError, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { BLOCK_BYTES, FIRST_FRAME_OFFSET } from "../src/format/segment.js";
import { verifyLog } from "../src/index.js";
import { memoryPlace } from "./support/backends.js";
import { SegmentBuilder } from "./support/segment-builder.js";

const MIB = 1024 * 1024;
const RECORDS = 5;

/** The files of a log of four segments, each with five commits of about 1 MiB and a seal, which is more than two windows. */
function fourSegments(firstTimeOf = (number: number) => 1_700_000_000_000 + number * 1000): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let before: SegmentBuilder | undefined;
  for (let number = 1; number <= 4; number++) {
    const committedAtMs = firstTimeOf(number);
    const segment = new SegmentBuilder({ number }, { ...before?.next(), committedAtMs });
    for (let record = 0; record < RECORDS; record++) segment.commit([new Uint8Array(MIB).fill(number)], { committedAtMs });
    segment.seal({ committedAtMs });
    files.set(keyOf(number), segment.bytes());
    before = segment;
  }
  return files;
}

async function storageWith(files: ReadonlyMap<string, Uint8Array>): Promise<StorageBackend> {
  const place = memoryPlace();
  for (const [key, bytes] of files) await place.put(key, bytes);
  return place.open();
}

/** A byte of the first commit. */
function harmed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[FIRST_FRAME_OFFSET + 1000]! ^= 1;
  return copy;
}

const keyOf = (number: number): string => `orders/segment/${String(number).padStart(20, "0")}.wal`;

describe("verify, of segments that are read side by side,", () => {
  test("counts everything once, and tells how far it is", async () => {
    const files = fourSegments();
    const progress: { readonly bytesRead: number; readonly bytesTotal: number }[] = [];
    const found = await verifyLog({ storage: await storageWith(files), prefix: "orders", onProgress: (it) => progress.push(it) });
    expect(found).toMatchObject({ findings: [], segments: 4, commits: 4 * RECORDS, records: 4 * RECORDS, firstSeq: 1, lastSeq: 4 * RECORDS });
    const { checkedBytes } = found;
    // Of the last segment the seal is no part of it: nothing vouches for that.
    const fileBytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(fileBytes - checkedBytes).toBeGreaterThan(0);
    expect(fileBytes - checkedBytes).toBeLessThan(2 * BLOCK_BYTES);
    expect(progress.length).toBeGreaterThan(4);
    expect(progress.at(-1)).toEqual({ bytesRead: checkedBytes, bytesTotal: checkedBytes });
    expect(progress.map(({ bytesRead }) => bytesRead)).toEqual(progress.map(({ bytesRead }) => bytesRead).sort((a, b) => a - b));
  });

  test("tells of each segment in its order", async () => {
    const files = fourSegments();
    for (const number of [1, 2, 3]) files.set(keyOf(number), harmed(files.get(keyOf(number))!));
    const { findings, records } = await verifyLog({ storage: await storageWith(files), prefix: "orders" });
    expect(findings).toMatchObject([1, 2, 3].map((number) => ({ code: "WAL_CORRUPT", key: keyOf(number), offset: FIRST_FRAME_OFFSET })));
    expect(records).toBe(RECORDS);
  });

  test("tells of a segment that begins before the one before it ended", async () => {
    const storage = await storageWith(fourSegments((number) => 1_700_000_000_000 + (number === 3 ? 1500 : number * 1000)));
    const { findings } = await verifyLog({ storage, prefix: "orders" });
    expect(findings).toMatchObject([{ code: "WAL_CORRUPT", key: keyOf(3), offset: FIRST_FRAME_OFFSET, reason: "a frame is older than the one before it" }]);
  });

  test("tells of a trim whose floor cannot be, also where no one needs it any more", async () => {
    const first = new SegmentBuilder({ number: 1 });
    first.commit([Uint8Array.of(1)]);
    const trim = first.trim({ seq: 3, number: 1 }); // The next record is 2.
    first.seal();
    const committedAtMs = 1_700_000_060_000;
    const second = new SegmentBuilder({ number: 2 }, { ...first.next(), committedAtMs });
    second.commit([Uint8Array.of(2)], { committedAtMs });
    second.seal({ committedAtMs });
    const files = new Map([first, second].map((segment, at) => [keyOf(at + 1), segment.bytes()]));
    expect((await verifyLog({ storage: await storageWith(files), prefix: "orders" })).findings).toMatchObject([{ code: "WAL_CORRUPT", key: keyOf(1), offset: trim.offset }]);
  });

  test("is not misled by what a segment that it gave up still reads", async () => {
    const files = fourSegments();
    files.set(keyOf(1), harmed(files.get(keyOf(1))!));
    const inner = await storageWith(files);
    let thirdIsRead = (): void => undefined;
    let whenThirdIsRead = Promise.resolve();
    const storage: StorageBackend = {
      ...delegate(inner),
      async read(key, options) {
        const isAhead = (options?.range?.offset ?? 0) > FIRST_FRAME_OFFSET;
        if (key === keyOf(1) && !isAhead) whenThirdIsRead = new Promise((resolve) => (thirdIsRead = resolve)); // Anew each time verify looks.
        // The second window of the first segment comes when both of the third one's are there, if they do not wait for it.
        if (key === keyOf(1) && isAhead) await Promise.race([whenThirdIsRead, after(200)]);
        const bytes = await inner.read(key, options);
        if (key === keyOf(3) && isAhead) {
          thirdIsRead();
          await after(20);
        }
        return bytes;
      },
    };
    const { findings } = await verifyLog({ storage, prefix: "orders" });
    expect(findings).toMatchObject([{ key: keyOf(1), offset: FIRST_FRAME_OFFSET }]);
  });

  test("reads nothing any more once it has answered, whatever failed", async () => {
    const inner = await storageWith(fourSegments());
    let reading = 0;
    const storage: StorageBackend = {
      ...delegate(inner),
      async read(key, options) {
        reading++;
        try {
          if (key === keyOf(1) && options?.into !== undefined) throw new StorageError("STORAGE_READ_FAILED", "injected", { operation: "read", key });
          if (key === keyOf(2)) await after(30);
          return await inner.read(key, options);
        } finally {
          reading--;
        }
      },
    };
    const { findings } = await verifyLog({ storage, prefix: "orders" });
    expect(findings).toMatchObject([{ code: "WAL_READ_FAILED", key: keyOf(1) }]);
    expect(reading).toBe(0);
  });
});
