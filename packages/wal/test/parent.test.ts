import { memoryBackend, storageKey } from "@holdfast/storage";
import { describe, expect, test } from "vitest";
import { crc32c } from "@holdfast/bytes";
import { openLog, openLogReader, type LogOptions } from "../src/index.js";
import { everyStore } from "./support/backends.js";
import { bytesOf } from "./support/expecting.js";

const parent = { logId: "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", seq: 9 };

describe.each(everyStore)("on $name", (store) => {
  test("a restored log names its parent, whatever was rotated, trimmed and interrupted since", async () => {
    const place = await store.make();
    const options = { prefix: "log", segmentBytes: 16 * 1024, packObjects: 2 };
    const log = await openLog({ storage: await place.open(), ...options, startSeq: 5, parent });
    expect(await log.parent()).toEqual(parent);
    for (let seq = 5; seq <= 20; seq++) expect(await log.append(new Uint8Array(3000))).toBe(seq);
    await log.trim(15);
    await place.crash();
    for (let life = 1; life <= 2; life++) {
      // What a log begins with is settled: who opens it again cannot change it.
      const again = await openLog({ storage: await place.open(), ...options, ...(life === 1 ? {} : { parent: { logId: "01".repeat(16), seq: 3 } }) });
      expect(await again.parent()).toEqual(parent);
      await again.append(bytesOf("more"));
      await place.crash();
    }
    const reader = await openLogReader({ storage: await place.open(), prefix: "log" });
    expect(reader.firstSeq).toBeGreaterThan(5);
    expect(await reader.parent()).toEqual(parent);
    await reader.close();
  });

  test("another log names none", async () => {
    const place = await store.make();
    const reader = await openLogReader({ storage: await place.open(), prefix: "log" });
    expect(await reader.parent()).toBeUndefined();
    const log = await openLog({ storage: await place.open(), prefix: "log" });
    await log.append(bytesOf("one"));
    expect(await log.parent()).toBeUndefined();
    await log.close();
    expect(await reader.get(1)).toBeDefined();
    expect(await reader.parent()).toBeUndefined();
    await reader.close();
  });
});

test.each([
  [{ parent: { ...parent, logId: "c0" } }, "parent.logId"],
  [{ parent: { ...parent, logId: "00".repeat(16) } }, "parent.logId"],
  [{ parent: { ...parent, logId: parent.logId.toUpperCase() } }, "parent.logId"],
  [{ parent: { ...parent, seq: -1 } }, "parent.seq"],
  [{ parent: { ...parent, seq: 3 }, startSeq: 5 }, "parent.seq"],
])("%j is refused", async (options: Pick<LogOptions, "parent" | "startSeq">, named) => {
  const opening = openLog({ storage: memoryBackend(), prefix: "log", ...options });
  await expect(opening).rejects.toMatchObject({ code: "WAL_INVALID_ARGUMENT", message: expect.stringContaining(named) as string });
});

// As test/object.golden.test.ts: put together from the table by another program.
const CLAIM = [
  "484657414c4f0100 0200000000000000", // magic, version, kind
  "0100000000000000 0100000000000000", // firstPosition, lastPosition
  "0500000000000000 0000000000000000", // firstSeq, recordCount
  "0100000000000000", // term
  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0900000000000000 00000000", // parent's sequence number, bodyCrc
  "0068e5cf8b010000", // committedAtMs
  "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", // parent's id
  "d6e3e3f8", // headerCrc
].join("");

const FIRST = storageKey("log/log/00000000000000000001.wal");

test("the claim of a log with a parent is written and read as it always was", async () => {
  const storage = memoryBackend({ appendable: false });
  await storage.create(FIRST, bytes(CLAIM));
  const reader = await openLogReader({ storage, prefix: "log" });
  expect(reader).toMatchObject({ firstSeq: 5, logId: "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" });
  expect(await reader.parent()).toEqual(parent);
  await reader.close();

  const written = memoryBackend({ appendable: false });
  const ids = ["b0", "a0"].map((first) => Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(first, 16) + at));
  const clock = { now: () => 1_700_000_000_000, monotonic: () => 0, setTimer: () => () => undefined };
  const log = await openLog({ storage: written, prefix: "log", startSeq: 5, parent, clock, random: { bytes: () => ids.shift() ?? new Uint8Array(16) } });
  expect(Buffer.from((await written.read(FIRST)) ?? []).toString("hex")).toBe(CLAIM.replaceAll(" ", ""));
  await log.close();
});

test.each([
  ["departs before the log begins", 1, (claim: Uint8Array) => claim.fill(3, 88, 89)],
  [
    "stands in a later claim",
    2,
    (claim: Uint8Array) => {
      for (const at of [16, 24, 48]) claim[at] = 2;
    },
  ],
  ["has no id", 1, (claim: Uint8Array) => claim.fill(0, 108, 124)],
])("a parent that %s contradicts itself", async (_, position, change) => {
  const name = `${"0".repeat(19)}${position}.wal`;
  const claim = bytes(CLAIM);
  change(claim);
  new DataView(claim.buffer).setUint32(124, crc32c(bytesOf(name), crc32c(claim.subarray(0, 124))), true);
  const storage = memoryBackend({ appendable: false });
  await storage.create(FIRST, bytes(CLAIM));
  await storage.replace(storageKey(`log/log/${name}`), claim);
  await expect(openLogReader({ storage, prefix: "log" })).rejects.toMatchObject({ code: "WAL_CORRUPT", message: expect.stringContaining("contradicts") as string });
});

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
}
