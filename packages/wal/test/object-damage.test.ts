import { crc32c } from "@holdfast/bytes";
import { memoryBackend, storageKey, storagePrefix, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { describe, expect, test } from "vitest";
import { mergeLog, openLog, openLogReader, verifyLog, WalError } from "../src/index.js";
import { all, bytesOf, payload, texts, turns, walError } from "./support/expecting.js";

const PREFIX = "orders";

/**
 * A log with one object of each kind that carries something: claims at 1, 7, 10, a floor at 3, a pack of 4 to 6, the commits 8, 9, 11.
 * Records 3 to 8.
 */
async function makeObjects(): Promise<Map<string, Uint8Array>> {
  const storage = memoryBackend({ appendable: false });
  const a = await openLog({ storage, prefix: PREFIX });
  for (let seq = 1; seq <= 5; seq++) await a.append(bytesOf(`r${seq}`));
  await a.close();
  const b = await openLog({ storage, prefix: PREFIX });
  await b.append(bytesOf("r6"));
  await b.append(bytesOf("r7"));
  await b.trim(3);
  await b.close();
  await mergeLog({ storage, prefix: PREFIX, packObjects: 3 });
  const c = await openLog({ storage, prefix: PREFIX });
  await c.append(bytesOf("r8"));
  await c.close();
  return contentsOf(storage);
}

async function contentsOf(storage: StorageBackend): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const { key } of storage.list(storagePrefix(""))) found.set(key, (await storage.read(key)) ?? new Uint8Array(0));
  return found;
}

async function storageWith(objects: ReadonlyMap<string, Uint8Array>): Promise<StorageBackend> {
  const storage = memoryBackend({ appendable: false });
  for (const [key, bytes] of objects) await storage.replace(storageKey(key), bytes);
  return storage;
}

const name = (position: number): string => `${String(position).padStart(20, "0")}.wal`;
const log = (position: number): string => `${PREFIX}/log/${name(position)}`;
const PACK = `${PREFIX}/pack/${name(6).slice(0, 20)}-${name(4)}`;
const FLOOR = `${PREFIX}/trim/${name(3)}`;
const RECORDS = [3, 4, 5, 6, 7, 8].map((seq) => `${seq}:r${seq}`);
/** What the history needs: the claim at position 1 lies below the floor. */
const NEEDED = [PACK, FLOOR, log(7), log(8), log(9), log(10), log(11)];

/** Reads as another process would. Answers the error's code, or the records. */
async function readAs(storage: StorageBackend): Promise<WalError | readonly string[]> {
  try {
    const reader = await openLogReader({ storage, prefix: PREFIX });
    return await texts(reader);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
}

/** What is wrong with these objects must be told, wherever it is met, and nothing be changed. */
async function expectDamage(objects: ReadonlyMap<string, Uint8Array>, key: string, what: string, codes: readonly string[] = ["WAL_CORRUPT"]): Promise<void> {
  const storage = await storageWith(objects);
  const found = await readAs(storage);
  expect(found, what).toBeInstanceOf(WalError);
  if (!(found instanceof WalError)) return;
  expect(codes, what).toContain(found.code);
  expect(found.key, what).toBe(key);
  expect(found.message, what).not.toMatch(/r[3-8]/);
  const { findings } = await verifyLog({ storage, prefix: PREFIX });
  expect(findings[0]?.key, what).toBe(key);
}

describe("damage", () => {
  test("there is none to begin with", async () => {
    const objects = await makeObjects();
    expect([...objects.keys()].sort()).toEqual([log(1), ...NEEDED].sort());
    expect(await readAs(await storageWith(objects))).toEqual(RECORDS);
    expect((await verifyLog({ storage: await storageWith(objects), prefix: PREFIX })).findings).toEqual([]);
  });

  test.each([
    ["a commit", log(8)],
    ["the newest commit", log(11)],
    ["a claim", log(7)],
    ["a pack", PACK],
    ["a floor", FLOOR],
  ])("every bit of %s", { timeout: 60_000 }, async (_, key) => {
    const objects = await makeObjects();
    const bytes = objects.get(key)!;
    const storage = await storageWith(objects);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const harmed = bytes.slice();
      harmed[bit >> 3]! ^= 1 << (bit & 7);
      await storage.replace(storageKey(key), harmed);
      const found = await readAs(storage);
      expect(found, `bit ${bit}`).toMatchObject({ code: "WAL_CORRUPT", key });
    }
    // And it is told by verify, and by whoever opens the log for writing, when it comes by.
    await expectDamage(new Map([...objects, [key, bytes.map((byte, at) => (at === 60 ? byte ^ 1 : byte))]]), key, key);
  });

  test("of the claim at position 1 ends a log that was not trimmed", async () => {
    const objects = await makeObjects();
    const bytes = objects.get(log(1))!.slice();
    bytes[73]! ^= 1;
    expect(await readAs(await storageWith(new Map([...objects, [log(1), bytes]]))), "below the floor it is not looked at").toEqual(RECORDS);
    const fresh = memoryBackend({ appendable: false });
    const writer = await openLog({ storage: fresh, prefix: PREFIX });
    await writer.append(bytesOf("a"));
    await writer.close();
    const claim = (await fresh.read(storageKey(log(1))))!;
    for (let bit = 0; bit < claim.length * 8; bit++) {
      const harmed = claim.slice();
      harmed[bit >> 3]! ^= 1 << (bit & 7);
      await fresh.replace(storageKey(log(1)), harmed);
      expect(await readAs(fresh), `bit ${bit}`).toMatchObject({ code: "WAL_CORRUPT", key: log(1), position: 1 });
    }
    await walError(openLog({ storage: fresh, prefix: PREFIX }), "WAL_CORRUPT");
    expect((await contentsOf(fresh)).size, "nothing is written then").toBe(2);
  });

  test("objects that were cut, at every length, and longer ones", { timeout: 60_000 }, async () => {
    const objects = await makeObjects();
    for (const key of [log(8), log(7), PACK, FLOOR]) {
      const bytes = objects.get(key)!;
      for (let length = 0; length < bytes.length; length += key === PACK ? 7 : 1) {
        await expectDamage(new Map([...objects, [key, bytes.slice(0, length)]]), key, `${key} of ${length} bytes`);
      }
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      // A floor and a claim are read by their first 128 bytes where only those are wanted.
      if (key !== FLOOR) await expectDamage(new Map([...objects, [key, longer]]), key, `${key}, longer`);
    }
  });

  test("objects under each other's keys", async () => {
    const objects = await makeObjects();
    for (const one of NEEDED) {
      for (const other of NEEDED) {
        if (one === other) continue;
        const swapped = new Map([...objects, [one, objects.get(other)!], [other, objects.get(one)!]]);
        const found = await readAs(await storageWith(swapped));
        expect(found, `${one} and ${other}`).toMatchObject({ code: "WAL_CORRUPT" });
        expect([one, other]).toContain((found as WalError).key);
        expect((await verifyLog({ storage: await storageWith(swapped), prefix: PREFIX })).findings.map(({ key }) => key)).toContain((found as WalError).key);
      }
    }
  });

  test("objects of another log", async () => {
    const objects = await makeObjects();
    const others = await makeObjects();
    for (const key of NEEDED) {
      const found = await readAs(await storageWith(new Map([...objects, [key, others.get(key)!]])));
      // What the floor says is what everything else is compared with.
      expect(found, key).toMatchObject({ code: "WAL_CORRUPT", key: key === FLOOR ? log(11) : key });
    }
  });

  test("objects that are gone", async () => {
    const objects = await makeObjects();
    for (const key of NEEDED.filter((it) => it !== log(11))) {
      const without = new Map([...objects].filter(([it]) => it !== key));
      const storage = await storageWith(without);
      const found = await readAs(storage);
      if (key === log(7) || key === log(10)) {
        expect(found, "a claim is part of the history").toMatchObject({ code: "WAL_CORRUPT", key });
      } else {
        expect(found).toMatchObject({ code: "WAL_CORRUPT" });
      }
      const before = await contentsOf(storage);
      const verification = await verifyLog({ storage, prefix: PREFIX });
      expect(verification.findings.map(({ code }) => code), key).toContain("WAL_SEGMENT_MISSING");
      expect(await contentsOf(storage), "nothing is changed").toEqual(before);
    }
  });

  test("what is before it and behind it can be read", async () => {
    const objects = await makeObjects();
    const harmed = objects.get(log(8))!.slice();
    harmed[130]! ^= 1;
    const storage = await storageWith(new Map([...objects, [log(8), harmed]]));
    const reader = await openLogReader({ storage, prefix: PREFIX });
    expect(await texts(reader, { to: 5 })).toEqual(RECORDS.slice(0, 3));
    expect(await texts(reader, { from: 7 })).toEqual(RECORDS.slice(4));
    expect(await texts(reader, { from: 7, reverse: true })).toEqual(RECORDS.slice(4).toReversed());
    await walError(all(reader.read({ from: 6, reverse: true })), "WAL_CORRUPT");
    await walError(reader.get(6), "WAL_CORRUPT");
    await reader.close();
    const writer = await openLog({ storage, prefix: PREFIX });
    expect(await writer.append(bytesOf("r9"))).toBe(9);
    const error = await walError(all(writer.read()), "WAL_CORRUPT");
    expect(error).toMatchObject({ key: log(8), position: 8, offset: 0, operation: "read" });
    expect(error.message).toContain("position 8");
    await walError(mergeLog({ storage, prefix: PREFIX, packObjects: 2 }), "WAL_CORRUPT");
    expect((await contentsOf(storage)).get(log(8)), "nothing was removed").toEqual(harmed);
    await writer.close();
  });

  test("is looked for everywhere by verify, and found at once", async () => {
    const objects = await makeObjects();
    const harm = (key: string): [string, Uint8Array] => [key, objects.get(key)!.map((byte, at) => (at === 100 ? byte ^ 4 : byte))];
    const storage = await storageWith(new Map([...objects, harm(PACK), harm(log(9))]));
    const { findings, records } = await verifyLog({ storage, prefix: PREFIX });
    expect(findings.map(({ code, key }) => `${code} ${key}`)).toEqual([`WAL_CORRUPT ${PACK}`, `WAL_CORRUPT ${log(9)}`]);
    expect(records).toBe(2);
  });
});

describe("what is no log of objects", () => {
  test("is refused, with nothing changed", async () => {
    const storage = memoryBackend({ appendable: false });
    await storage.replace(storageKey("orders/notes.txt"), bytesOf("mine"));
    expect((await walError(openLog({ storage, prefix: PREFIX }), "WAL_NOT_A_LOG")).key).toBe("orders/notes.txt");
    await walError(openLogReader({ storage, prefix: PREFIX }), "WAL_NOT_A_LOG");
    expect((await verifyLog({ storage, prefix: PREFIX })).findings).toMatchObject([{ code: "WAL_NOT_A_LOG" }]);
    expect((await contentsOf(storage)).size).toBe(1);
  });

  test("a log in files, on storage that cannot append, and the other way round", async () => {
    const files = memoryBackend();
    const inFiles = await openLog({ storage: files, prefix: PREFIX });
    await inFiles.append(bytesOf("a"));
    await inFiles.close();
    const storage = await storageWith(await contentsOf(files));
    expect((await walError(openLog({ storage, prefix: PREFIX }), "WAL_NOT_A_LOG")).message).toContain("a log in files");
    const appendable = memoryBackend();
    for (const [key, bytes] of await makeObjects()) await appendable.replace(storageKey(key), bytes);
    expect((await walError(openLog({ storage: appendable, prefix: PREFIX }), "WAL_NOT_A_LOG")).message).toContain("made of objects");
  });

  test("a log whose restore is not complete, in files and objects", async () => {
    for (const [storage, key] of [
      [memoryBackend(), "orders/segment/restoring.marker"],
      [memoryBackend({ appendable: false }), "orders/log/restoring.marker"],
    ] as const) {
      await storage.replace(storageKey(key), bytesOf(""));
      const error = await walError(openLog({ storage, prefix: PREFIX }), "WAL_NOT_A_LOG");
      expect(error).toMatchObject({ key, message: expect.stringContaining("restore") as string });
      expect((await walError(openLogReader({ storage, prefix: PREFIX }), "WAL_NOT_A_LOG")).message).toBe(error.message);
      expect((await contentsOf(storage)).size).toBe(1);
    }
  });

  test("names that are none, among the objects", async () => {
    for (const key of ["orders/log/1.wal", "orders/log/99999999999999999999.wal", "orders/trim/x.wal", `orders/pack/${name(3).slice(0, 20)}-${name(4)}`]) {
      const objects = await makeObjects();
      const storage = await storageWith(new Map([...objects, [key, bytesOf("?")]]));
      expect((await verifyLog({ storage, prefix: PREFIX })).findings, key).toMatchObject([{ code: "WAL_NOT_A_LOG", key }]);
    }
  });

  test("a newer version", async () => {
    const objects = await makeObjects();
    const bytes = objects.get(log(11))!.slice();
    bytes[6] = 2;
    const crc = crc32c(Buffer.from(name(11)), crc32c(bytes.subarray(0, 124)));
    new DataView(bytes.buffer).setUint32(124, crc, true);
    const storage = await storageWith(new Map([...objects, [log(11), bytes]]));
    await walError(openLog({ storage, prefix: PREFIX }), "WAL_UNSUPPORTED_VERSION");
    await walError(openLogReader({ storage, prefix: PREFIX }), "WAL_UNSUPPORTED_VERSION");
    expect((await verifyLog({ storage, prefix: PREFIX })).findings).toMatchObject([{ code: "WAL_UNSUPPORTED_VERSION", key: log(11) }]);
  });
});

describe("a large object", () => {
  test("that no log has is not read into memory", async () => {
    const objects = await makeObjects();
    const storage = await storageWith(new Map([...objects, [log(8), new Uint8Array(17 * 1024 * 1024)]]));
    const asked: number[] = [];
    const counting: StorageBackend = {
      ...delegate(storage),
      async read(key, options) {
        const bytes = await storage.read(key, options);
        asked.push(bytes?.length ?? 0);
        return bytes;
      },
    };
    const reader = await openLogReader({ storage: counting, prefix: PREFIX });
    await walError(texts(reader), "WAL_CORRUPT");
    expect(Math.max(...asked)).toBeLessThan(1024);
    await reader.close();
  });

  test("that a log has is read and packed", async () => {
    const storage = memoryBackend({ appendable: false });
    const writer = await openLog({ storage, prefix: PREFIX });
    for (let seq = 1; seq <= 4; seq++) await writer.append(payload(`r${seq}`, 5 * 1024 * 1024));
    await turns();
    expect(writer.stats().packs).toBe(1);
    expect((await all(writer.read())).map(({ value }) => Buffer.from(value.subarray(0, 3)).toString())).toEqual(["r1<", "r2<", "r3<", "r4<"]);
    await writer.close();
    expect((await verifyLog({ storage, prefix: PREFIX })).findings).toEqual([]);
  });
});
