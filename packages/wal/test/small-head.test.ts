import { storageKey, type StorageBackend } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { expect, test } from "vitest";
import { openLog, type Log, type LogOptions } from "../src/index.js";
import { memoryPlace, type Place } from "./support/backends.js";
import { bytesOf, settled, texts, turns } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";

async function openAt(place: Place, options: Partial<LogOptions> = {}): Promise<Log> {
  return openLog({ storage: await place.open(), prefix: "orders", clock: new ManualClock(), ...options, codec: undefined });
}

function segment(number: number): string {
  return `orders/segment/${String(number).padStart(20, "0")}.wal`;
}

async function segments(place: Place): Promise<number[]> {
  const keys = [...(await place.files()).keys()];
  return keys.filter((it) => it.startsWith("orders/segment/")).map((it) => Number(it.slice(-24, -4)));
}

async function life(place: Place, ...records: readonly string[]): Promise<void> {
  const log = await openAt(place);
  for (const record of records) await log.append(bytesOf(record));
  await log.close();
}

test("many short lives leave few files", async () => {
  for (const end of ["crash", "close"]) {
    const place = memoryPlace();
    for (let count = 1; count <= 200; count++) {
      const log = await openAt(place);
      expect(log.nextSeq).toBe(count);
      await log.append(bytesOf(`${count}`));
      if (end === "crash") await place.crash();
      else await log.close();
    }
    const log = await openAt(place);
    expect(await texts(log)).toEqual(Array.from({ length: 200 }, (_, index) => `${index + 1}:${index + 1}`));
    await log.close();
    expect((await segments(place)).length, end).toBeLessThanOrEqual(10);
  }
});

test("lives that end with their first answer, before anything is removed, leave few files", async () => {
  for (const size of [10, 1000]) {
    const place = memoryPlace();
    for (let count = 1; count <= 100; count++) {
      const inner = await place.open();
      // Removing takes longer than appending: a directory is synced for it.
      const storage: StorageBackend = { ...delegate(inner), remove: (keys) => turns(50).then(() => inner.remove(keys)) };
      const log = await openLog({ storage, prefix: "orders", clock: new ManualClock() });
      expect(log.nextSeq).toBe(count);
      await log.append(new Uint8Array(size));
      await place.crash();
    }
    expect((await segments(place)).length).toBeLessThanOrEqual(10);
  }
});

test("a head whose place was taken stays until a durable frame vouches for its records", async () => {
  const place = memoryPlace();
  await life(place, "one", "two");
  await life(place, "three");
  expect(await segments(place)).toEqual([1, 2]);
  const log = await openAt(place, { durability: { syncEveryMs: 60_000 } });
  await log.append(bytesOf("four"));
  await settled();
  expect(log.durableSeq).toBe(3);
  expect(await segments(place), "what is written is not durable: power loss may take the frame that vouches").toEqual([1, 2, 3]);
  await log.sync();
  await settled();
  expect(await segments(place)).toEqual([1, 3]);
  expect(await texts(log)).toEqual(["1:one", "2:two", "3:three", "4:four"]);
  await log.close();
});

test("a marker vouches for the copies when nothing is appended behind them", async () => {
  const place = memoryPlace();
  await life(place, "one");
  const clock = new ManualClock();
  const crashed = await openAt(place);
  await crashed.append(bytesOf("two"));
  await place.crash();
  expect(await segments(place)).toEqual([1, 2]);
  const log = await openAt(place, { clock });
  await settled();
  expect(await segments(place)).toEqual([1, 2, 3]);
  clock.advance(50);
  await settled();
  expect(await segments(place)).toEqual([1, 3]);
  expect(await texts(log)).toEqual(["1:one", "2:two"]);
  await log.close();
});

test("of the files that are of no use any more a newer one goes before an older one that it may name", async () => {
  const place = memoryPlace();
  await life(place, "one", "two");
  await life(place, "three");
  // An opening that was cut short behind its begin: segment 3 follows segment 2.
  const storage = await place.open();
  const log = await openLog({ storage, prefix: "orders", clock: new ManualClock(), codec: undefined });
  await log.trim(2);
  await place.crash();
  expect(await segments(place)).toContain(2);
  expect(await segments(place)).toContain(3);
  const removed: string[][] = [];
  const inner = await place.open();
  const backend: StorageBackend = {
    ...delegate(inner),
    remove: (keys, options) => {
      removed.push([...keys]);
      return inner.remove(keys, options);
    },
  };
  const again = await openLog({ storage: backend, prefix: "orders", clock: new ManualClock(), codec: undefined });
  await again.append(bytesOf("four"));
  await settled();
  const order = removed.flat().filter((it) => it === segment(2) || it === segment(3));
  expect(order).toEqual([segment(3), segment(2)]);
  expect(removed.every((keys) => !(keys.includes(segment(2)) && keys.includes(segment(3)))), "each durably before the next").toBe(true);
  expect(await texts(again)).toEqual(["2:two", "3:three", "4:four"]);
  expect(await backend.stat(storageKey(segment(4)))).toBeDefined();
  await again.close();
});
