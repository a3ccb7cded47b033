import { crc32c } from "@holdfast/bytes";
import { StorageError } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { openLog, verifyLog, type Log, type LogOptions } from "../src/index.js";
import { contents, memoryPlace, stores, type Place } from "./support/backends.js";
import { bytesOf, holdfastError, payload, settled, texts, walError } from "./support/expecting.js";
import { History } from "./support/history.js";
import { ManualClock } from "./support/manual-clock.js";
import { smallDisk } from "./support/small-disk.js";

const MIB = 1024 * 1024;

async function openAt(place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", ...options, codec: undefined });
}

function segment(number: number): string {
  return `orders/segment/${String(number).padStart(20, "0")}.wal`;
}

async function segments(place: Place): Promise<number[]> {
  const keys = [...(await place.files()).keys()];
  return keys.filter((it) => it.startsWith("orders/segment/")).map((it) => Number(it.slice(-24, -4)));
}

describe.each(stores)("after a crash, in $name", (store) => {
  test("the last commit is copied, once, and what is behind it continues", async () => {
    const place = await store.make();
    const first = await openAt(place);
    await first.append(bytesOf("a"));
    await first.appendBatch([bytesOf("b"), bytesOf("c")]);
    await place.crash();
    const log = await openAt(place);
    expect(log.recovery).toMatchObject({ copiedRecords: 2, tornTail: undefined, closedCleanly: false, voidSegments: [], readOnlyUntilTrimmed: false });
    expect([log.firstSeq, log.nextSeq, log.durableSeq]).toEqual([1, 4, 3]);
    expect(log.logId).toBe(first.logId);
    expect(await texts(log)).toEqual(["1:a", "2:b", "3:c"]);
    expect(await log.append(bytesOf("d"))).toBe(4);
    await log.close();
    const again = await openAt(place);
    expect(again.recovery).toMatchObject({ copiedRecords: 0, tornTail: undefined, closedCleanly: true });
    expect(await texts(again)).toEqual(["1:a", "2:b", "3:c", "4:d"]);
    await again.close();
  });

  test("opening again and again gives the same", async () => {
    const place = await store.make();
    const history = new History();
    const first = await openAt(place);
    for (let count = 0; count < 3; count++) await history.append(first);
    for (let round = 0; round < 10; round++) {
      await place.crash();
      const log = await openAt(place);
      await history.check(log);
      expect(log.nextSeq).toBe(4);
    }
  });

  test("a torn tail is reported, left alone, and written behind", async () => {
    const place = await store.make();
    const first = await openAt(place);
    await first.append(bytesOf("a"));
    await first.append(bytesOf("b"));
    await place.crash();
    const bytes = (await place.files()).get(segment(1))!;
    const end = 8192 + 48 + 5 + 3 + 48 + 5;
    const torn = Buffer.concat([bytes.subarray(0, end), bytesOf("some bytes of an interrupted write")]);
    await place.put(segment(1), torn);
    const log = await openAt(place);
    expect(log.recovery.tornTail).toEqual({ key: segment(1), offset: end, bytes: 34 });
    expect(log.recovery.copiedRecords).toBe(1);
    await log.append(bytesOf("c"));
    await log.close();
    expect(Buffer.compare((await place.files()).get(segment(1))!, torn)).toBe(0);
    const again = await openAt(place);
    expect(await texts(again)).toEqual(["1:a", "2:b", "3:c"]);
    expect(again.recovery.tornTail).toBeUndefined();
    await again.close();
  });

  test("relaxed logs keep everything that was written", async () => {
    const place = await store.make();
    const options = { durability: { syncEveryMs: 1000 }, clock: new ManualClock() } as const;
    const history = new History();
    const first = await openAt(place, options);
    for (let count = 0; count < 20; count++) await history.append(first, [10, 20]);
    expect(first.durableSeq).toBe(0);
    await place.crash();
    const log = await openAt(place, options);
    expect(log.recovery.copiedRecords).toBe(40);
    await history.check(log);
    await history.append(log);
    await log.close();
    await history.check(await openAt(place));
  });

  test("the first sequence number of a log that was never written to is not settled", async () => {
    const place = await store.make();
    await (await openAt(place, { startSeq: 10 })).close();
    const log = await openAt(place, { startSeq: 20 });
    expect(await log.append(bytesOf("a"))).toBe(20);
    await log.close();
  });
});

describe("many short lives", () => {
  test("1,000 crashes and openings without an append leave at most one more file", async () => {
    const place = memoryPlace();
    const history = new History();
    const first = await openAt(place);
    await history.append(first, [10_000]);
    await history.append(first, [10_000]);
    for (let round = 0; round < 1000; round++) {
      await place.crash();
      const log = await openAt(place);
      expect(log.nextSeq).toBe(3);
    }
    await settled();
    expect((await segments(place)).length).toBeLessThanOrEqual(2);
    await place.crash();
    await history.check(await openAt(place));
  });

  test("1,000 crashes and openings with one append each lose nothing", { timeout: 30_000 }, async () => {
    const place = memoryPlace();
    const history = new History();
    for (let round = 0; round < 1000; round++) {
      const log = await openAt(place);
      expect(log.nextSeq).toBe(round + 1);
      await history.append(log, [256]);
      await settledMicrotasks();
      await place.crash();
    }
    const log = await openAt(place);
    await history.check(log);
    // The records alone are 0.26 MB; a file whose writer died keeps the space that was prepared.
    expect(await size(place)).toMatchObject({ files: 34, megabytes: 3 });
    await log.close();
  });

  test("1,000 openings and closings with one append each lose nothing", { timeout: 30_000 }, async () => {
    const place = memoryPlace();
    const history = new History();
    for (let round = 0; round < 1000; round++) {
      const log = await openAt(place);
      await history.append(log, [256]);
      await log.close();
    }
    const log = await openAt(place);
    await history.check(log);
    expect(await size(place)).toMatchObject({ files: 33, megabytes: 1 });
    await log.close();
  });
});

describe("a disk that is full when the log is opened", () => {
  async function crashed(): Promise<{ place: Place; history: History }> {
    const place = memoryPlace();
    const history = new History();
    const log = await openAt(place, { segmentBytes: MIB, clock: new ManualClock() });
    for (let count = 0; count < 5; count++) await history.append(log, [400_000]);
    await settled();
    await place.crash();
    return { place, history };
  }

  test.each([
    ["a file", 0],
    ["its begin", 5000],
    ["the copies", 20_000],
  ])("leaves it readable and trimmable without room for %s, and whole when something was trimmed", async (_what, freeBytes) => {
    const { place, history } = await crashed();
    const disk = smallDisk(await place.open(), freeBytes);
    const log = await openLog({ storage: disk.backend, prefix: "orders", segmentBytes: MIB });
    expect(log.recovery).toMatchObject({ readOnlyUntilTrimmed: true, copiedRecords: 1 });
    expect([log.firstSeq, log.durableSeq, log.nextSeq]).toEqual([1, 4, 6]);
    expect((await texts(log)).length, "what is not durable is not delivered").toBe(4);
    expect((await holdfastError(log.append(bytesOf("refused")), "STORAGE_FULL")).outcome).toBe("not_applied");
    expect((await holdfastError(log.appendBatch([bytesOf("refused")]), "STORAGE_FULL")).outcome).toBe("not_applied");
    expect(log.nextSeq).toBe(6);
    disk.freeBytes += freeBytes === 0 ? 0 : -disk.freeBytes;
    expect(await history.trim(log, 3)).toBeUndefined();
    expect(log.recovery.readOnlyUntilTrimmed).toBe(false);
    expect([log.firstSeq, log.durableSeq, log.nextSeq]).toEqual([3, 5, 6]);
    expect((await texts(log)).length).toBe(3);
    disk.freeBytes = 10 * MIB;
    expect(await history.append(log)).toBeUndefined();
    await log.close();
    const again = await openAt(place);
    await history.check(again);
    expect(again.nextSeq).toBe(7);
    await again.close();
  });

  test("sync does not claim what could not be copied", async () => {
    for (const durability of ["synced", { syncEveryMs: 1000 }] as const) {
      const { place, history } = await crashed();
      const disk = smallDisk(await place.open(), 0);
      const log = await openLog({ storage: disk.backend, prefix: "orders", durability, clock: new ManualClock() });
      await holdfastError(log.sync(), "STORAGE_FULL");
      expect(log.durableSeq).toBe(4);
      expect((await texts(log)).length).toBe(4);
      await log.close();
      expect(log.durableSeq).toBe(4);
      await history.check(await openAt(place));
    }
  });

  test("a relaxed log is trimmed no further than what is durable", async () => {
    const { place } = await crashed();
    const disk = smallDisk(await place.open(), 0);
    const log = await openLog({ storage: disk.backend, prefix: "orders", durability: { syncEveryMs: 1000 }, clock: new ManualClock() });
    await log.trim(100);
    expect(log.firstSeq).toBe(5);
    expect((await texts(log)).length).toBe(1);
    await log.close();
    const again = await openAt(place);
    expect(again.firstSeq).toBe(5);
    expect(again.nextSeq).toBe(6);
    expect((await texts(again)).length).toBe(1);
    await again.close();
  });

  test("a trim without room even so rejects, and the next one tries again", async () => {
    const { place, history } = await crashed();
    const storage = await place.open();
    await storage.remove([...(await place.files()).keys()].filter((it) => it.endsWith("reserve.wal")) as never[]);
    const disk = smallDisk(storage, 0);
    const log = await openLog({ storage: disk.backend, prefix: "orders", segmentBytes: MIB });
    expect((await holdfastError(log.trim(2), "STORAGE_FULL")).outcome).toBe("not_applied");
    expect(log.firstSeq).toBe(1);
    expect(log.recovery.readOnlyUntilTrimmed).toBe(true);
    // Room for the floor, but not for the copies: the first file stays, since record 2 is in it.
    disk.freeBytes = 10_000;
    expect(await history.trim(log, 2), "the floor is durable").toBeUndefined();
    expect(log.firstSeq).toBe(2);
    expect(log.recovery.readOnlyUntilTrimmed).toBe(true);
    expect((await holdfastError(log.append(bytesOf("refused")), "STORAGE_FULL")).outcome).toBe("not_applied");
    disk.freeBytes = MIB;
    expect(await history.trim(log, 2), "the same floor once more").toBeUndefined();
    expect(log.recovery.readOnlyUntilTrimmed).toBe(false);
    expect(await history.append(log)).toBeUndefined();
    await log.close();
    await history.check(await openAt(place));
  });

  test("a log that is closed in that state is found as it was", async () => {
    const { place, history } = await crashed();
    for (let round = 0; round < 5; round++) {
      const disk = smallDisk(await place.open(), round * 5000);
      const log = await openLog({ storage: disk.backend, prefix: "orders" });
      expect(log.recovery.readOnlyUntilTrimmed).toBe(true);
      await log.close();
    }
    await history.check(await openAt(place));
  });
});

describe("what is refused", () => {
  async function refused(place: Place, code: Parameters<typeof walError>[1]): Promise<Awaited<ReturnType<typeof walError>>> {
    const before = await contents(place);
    const error = await walError(openAt(place), code);
    expect(await contents(place), "nothing was changed").toEqual(before);
    await walError(openAt(place), code);
    const found = await verifyLog({ storage: await place.open(), prefix: "orders" });
    expect(found.findings.map((it) => it.code)).toContain(code);
    expect(await contents(place), "nothing was changed").toEqual(before);
    return error;
  }

  async function threeSegments(place: Place): Promise<void> {
    const log = await openAt(place, { segmentBytes: MIB });
    for (let count = 0; count < 6; count++) await log.append(payload(`r${count}`, 400_000));
    await log.close();
    expect(await segments(place)).toEqual([1, 2, 3]);
  }

  test.each(stores)("a directory that holds something else, in $name", async (store) => {
    const place = await store.make();
    await place.put("orders/notes.txt", bytesOf("mine"));
    expect((await refused(place, "WAL_NOT_A_LOG")).key).toBe("orders/notes.txt");
    const other = await store.make();
    await other.put("orders/segment/readme.md", bytesOf("mine"));
    expect((await refused(other, "WAL_NOT_A_LOG")).key).toBe("orders/segment/readme.md");
  });

  test.each(stores)("a newer version, in $name", async (store) => {
    const place = await store.make();
    await threeSegments(place);
    for (const number of [1, 2, 3]) {
      const bytes = (await place.files()).get(segment(number))!;
      const newer = Buffer.from(bytes);
      newer.writeUInt16LE(2, 8);
      newer.writeInt32LE(crc32c(newer.subarray(0, 124), 0) | 0, 124);
      await place.put(segment(number), newer);
      const error = await refused(place, "WAL_UNSUPPORTED_VERSION");
      expect(error.key).toBe(segment(number));
      await place.put(segment(number), bytes);
    }
    await (await openAt(place)).close();
  });

  test.each(stores)("a missing segment, in $name", async (store) => {
    for (const missing of [1, 2]) {
      const place = await store.make();
      await threeSegments(place);
      await place.remove(segment(missing));
      expect((await refused(place, "WAL_SEGMENT_MISSING")).key).toBe(segment(missing));
    }
  });

  test("a missing first segment is no harm below the floor", async () => {
    const place = memoryPlace();
    await threeSegments(place);
    const log = await openAt(place);
    await log.trim(5);
    await log.append(bytesOf("x"));
    await log.close();
    expect(await segments(place)).not.toContain(1);
    const again = await openAt(place);
    expect(again.firstSeq).toBe(5);
    await again.close();
  });

  test.each(stores)("damage, in $name", async (store) => {
    const damages: [number, number, number][] = [
      [3, 20, 0],
      [3, 4096 + 60, 4096],
      [3, 8192 + 10, 8192],
      [2, 40, 0],
      [2, 4096 + 10, 4096],
      [1, 50, 0],
      [1, 4100, 4096],
    ];
    for (const [number, at, offset] of damages) {
      const place = await store.make();
      await threeSegments(place);
      const bytes = (await place.files()).get(segment(number))!;
      bytes[at]! ^= 0x10;
      await place.put(segment(number), bytes);
      expect(await refused(place, "WAL_CORRUPT"), `${at} of segment ${number}`).toMatchObject({ key: segment(number), offset });
    }
  });

  test("two logs in one directory", async () => {
    const place = memoryPlace();
    await threeSegments(place);
    const other = memoryPlace();
    await threeSegments(other);
    const otherFiles = await other.files();
    for (const number of [1, 2, 3]) {
      const bytes = (await place.files()).get(segment(number))!;
      await place.put(segment(number), otherFiles.get(segment(number))!);
      await refused(place, "WAL_CORRUPT");
      await place.put(segment(number), bytes);
    }
  });

  test("a storage that cannot be read is not taken for damage", async () => {
    const place = memoryPlace();
    await threeSegments(place);
    const before = await contents(place);
    const storage = await place.open();
    for (let failAt = 1; ; failAt++) {
      let calls = 0;
      const fails = (): boolean => ++calls === failAt;
      const eio = (operation: string): Error => new StorageError("STORAGE_READ_FAILED", "EIO", { operation, key: "k" });
      const shaky = {
        ...delegate(storage),
        read: (...args: Parameters<typeof storage.read>) => (fails() ? Promise.reject(eio("read")) : storage.read(...args)),
        stat: (...args: Parameters<typeof storage.stat>) => (fails() ? Promise.reject(eio("stat")) : storage.stat(...args)),
        list: (...args: Parameters<typeof storage.list>) => {
          if (fails()) throw eio("list");
          return storage.list(...args);
        },
      };
      const opened = openLog({ storage: shaky, prefix: "orders" });
      if ((await Promise.allSettled([opened]))[0].status === "fulfilled") {
        await (await opened).close();
        expect(failAt).toBeGreaterThan(5);
        break;
      }
      expect((await walError(opened, "WAL_READ_FAILED")).retryable).toBe(true);
      expect(await contents(place)).toEqual(before);
    }
  });
});

/** Files, and their bytes in megabytes, rounded up. */
async function size(place: Place): Promise<{ files: number; megabytes: number }> {
  const files = [...(await place.files()).values()];
  return { files: files.length, megabytes: Math.ceil(files.reduce((sum, it) => sum + it.length, 0) / 1_000_000) };
}

/** Lets everything happen that waits for promises only. */
async function settledMicrotasks(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
