import { memoryBackend, storageKey } from "@holdfast/storage";
import { delegate } from "@holdfast/test-worlds";
import { expect, test } from "vitest";
import { openLog, openLogReader, verifyLog } from "../src/index.js";
import { bytesOf, texts, turns } from "./support/expecting.js";
import { ManualClock } from "./support/manual-clock.js";
import { fill } from "./support/segment-builder.js";

/*
 * The objects of a small log. The bytes were put together from the table of FORMAT.md by a program of its own in another
 * language, with its own CRC-32C. If one of these tests fails, the format has changed: that needs a new format version, not new
 * expectations.
 */

const CLAIM = [
  "484657414c4f0100", // magic, version
  "0200000000000000", // kind
  "0100000000000000", // firstPosition
  "0100000000000000", // lastPosition
  "0500000000000000", // firstSeq
  "0000000000000000", // recordCount
  "0100000000000000", // term
  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0000000000000000", // bodyBytes
  "00000000", // bodyCrc
  "0068e5cf8b010000", // committedAtMs
  "00000000000000000000000000000000", // zeros
  "5688e217", // headerCrc
].join("");

const COMMIT = [
  "484657414c4f0100", // magic, version
  "0100000000000000", // kind
  "0200000000000000", // firstPosition
  "0200000000000000", // lastPosition
  "0500000000000000", // firstSeq
  "0200000000000000", // recordCount
  "0100000000000000", // term
  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0b00000000000000", // bodyBytes
  "edf2f60d", // bodyCrc
  "0268e5cf8b010000", // committedAtMs
  "00000000000000000000000000000000", // zeros
  "f019fb0b", // headerCrc
  "03000000616263", // a record of three bytes
  "00000000", // and an empty one
].join("");

const NEWEST = [
  "484657414c4f0100", // magic, version
  "0100000000000000", // kind
  "0300000000000000", // firstPosition
  "0300000000000000", // lastPosition
  "0700000000000000", // firstSeq
  "0100000000000000", // recordCount
  "0100000000000000", // term
  "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0500000000000000", // bodyBytes
  "5b152286", // bodyCrc
  "0568e5cf8b010000", // committedAtMs
  "00000000000000000000000000000000", // zeros
  "a66cda1c", // headerCrc
  "0100000078", // a record of one byte
].join("");

const PACK = [
  "484657414c4f0100", // magic, version
  "0300000000000000", // kind
  "0100000000000000", // firstPosition
  "0200000000000000", // lastPosition
  "0500000000000000", // firstSeq
  "0200000000000000", // recordCount
  "0000000000000000", // term
  "00000000000000000000000000000000", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0b01000000000000", // bodyBytes
  "e103cdef", // bodyCrc
  "0000000000000000", // committedAtMs
  "00000000000000000000000000000000", // zeros
  "8d51b920", // headerCrc
  CLAIM,
  COMMIT,
].join("");

const FLOOR = [
  "484657414c4f0100", // magic, version
  "0400000000000000", // kind
  "0000000000000000", // firstPosition
  "0200000000000000", // lastPosition
  "0700000000000000", // firstSeq
  "0000000000000000", // recordCount
  "0000000000000000", // term
  "00000000000000000000000000000000", // writerId
  "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", // logId
  "0000000000000000", // bodyBytes
  "00000000", // bodyCrc
  "0000000000000000", // committedAtMs
  "00000000000000000000000000000000", // zeros
  "1bdcab5f", // headerCrc
].join("");

/** In the order in which they are made. */
const OBJECTS: readonly (readonly [string, string])[] = [
  ["orders/log/00000000000000000001.wal", CLAIM],
  ["orders/log/00000000000000000002.wal", COMMIT],
  ["orders/log/00000000000000000003.wal", NEWEST],
  ["orders/pack/00000000000000000002-00000000000000000001.wal", PACK],
  ["orders/trim/00000000000000000002.wal", FLOOR],
];

test("the objects of a log are written as they always were", async () => {
  const written: [string, string][] = [];
  const inner = memoryBackend({ appendable: false });
  const storage = {
    ...delegate(inner),
    create(...[key, body, options]: Parameters<typeof inner.create>) {
      written.push([key, body instanceof Uint8Array ? Buffer.from(body).toString("hex") : "a stream"]);
      return inner.create(key, body, options);
    },
  };
  const ids = [fill(16, 0xb0), fill(16, 0xa0)];
  const clock = new ManualClock(1_700_000_000_000);
  const log = await openLog({ storage, prefix: "orders", clock, random: { bytes: (length) => ids.shift()?.subarray(0, length) ?? new Uint8Array(length) }, startSeq: 5, packObjects: 2 });
  clock.advance(2);
  await log.appendBatch([bytesOf("abc"), new Uint8Array(0)]);
  clock.advance(3);
  await log.append(bytesOf("x"));
  await turns();
  await log.trim(7);
  await log.close();
  expect(written).toEqual(OBJECTS);
});

test.each([
  { name: "unpacked", objects: [0, 1, 2], expected: ["5:abc", "6:", "7:x"] },
  { name: "packed", objects: [0, 2, 3], expected: ["5:abc", "6:", "7:x"] },
  { name: "packed, and not yet removed", objects: [0, 1, 2, 3], expected: ["5:abc", "6:", "7:x"] },
  { name: "trimmed", objects: [0, 2, 4], expected: ["7:x"] },
  { name: "trimmed, and nothing removed", objects: [0, 1, 2, 3, 4], expected: ["7:x"] },
])("and read: $name", async ({ objects, expected }) => {
  const storage = memoryBackend({ appendable: false });
  for (const index of objects) {
    const [key, hex] = OBJECTS[index]!;
    await storage.replace(storageKey(key), Buffer.from(hex, "hex"));
  }
  const reader = await openLogReader({ storage, prefix: "orders" });
  expect(await texts(reader)).toEqual(expected);
  await reader.close();
  expect((await verifyLog({ storage, prefix: "orders" })).findings).toEqual([]);
  const log = await openLog({ storage, prefix: "orders" });
  expect(log.logId).toBe("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
  expect(log.recovery.takeover).toMatchObject({ term: 4, previousTerm: 1 });
  expect(await log.append(bytesOf("next"))).toBe(8);
  await log.close();
});
