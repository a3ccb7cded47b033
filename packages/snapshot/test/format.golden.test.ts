import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { SnapshotEncoder } from "../src/format/encoder.js";
import type { SnapshotHeader } from "../src/format/header.js";
import { SnapshotScanner } from "../src/format/scanner.js";

/* The bytes that version 1 of the format is. They do not change; a reader of later versions reads them. */

const vector = new URL("./vectors/snapshot-v1.snap", import.meta.url);

const header: SnapshotHeader = {
  objectId: Uint8Array.from({ length: 16 }, (_, index) => 0xa0 + index),
  seq: 0x1_2345_6789,
  number: 7,
  logId: "00112233445566778899aabbccddeeff",
  createdAtMs: 1_700_000_000_123,
  version: 3,
};

/** More than a block, so that there are two. */
const content = Uint8Array.from({ length: 262_144 + 100 }, (_, index) => (index * index) >> 5);

it("writes the bytes that were recorded", () => {
  const encoder = new SnapshotEncoder(header);
  const bytes = Buffer.concat([encoder.start(), ...encoder.add(content.subarray(0, 1000)), ...encoder.add(content.subarray(1000)), ...encoder.end()]);
  if (process.env["HOLDFAST_RECORD"] === "snapshot") writeFileSync(vector, bytes);
  expect(bytes.equals(readFileSync(vector))).toBe(true);
});

it("reads the bytes that were recorded, and has them where the page says", () => {
  const bytes = new Uint8Array(readFileSync(vector));
  const view = new DataView(bytes.buffer);
  expect(bytes.length).toBe(128 + (4 + 262_144 + 4) + (4 + 100 + 4) + 16);
  expect(Buffer.from(bytes.subarray(0, 8)).toString()).toBe("HFSNAPSH");
  expect([view.getUint16(8, true), view.getUint16(10, true), view.getUint32(12, true)]).toEqual([1, 0, 0]);
  expect(bytes.subarray(16, 32)).toEqual(header.objectId);
  expect([view.getBigUint64(32, true), view.getBigUint64(40, true), view.getBigUint64(64, true)]).toEqual([0x1_2345_6789n, 7n, 1_700_000_000_123n]);
  expect(Buffer.from(bytes.subarray(48, 64)).toString("hex")).toBe(header.logId);
  expect([view.getUint32(72, true), view.getUint32(128, true), view.getUint32(128 + 262_152, true)]).toEqual([3, 262_144, 100]);
  expect([view.getUint32(bytes.length - 16, true), view.getBigUint64(bytes.length - 12, true)]).toEqual([0, 262_244n]);
  const scanner = new SnapshotScanner();
  scanner.feed(bytes);
  const parts = [scanner.next(), scanner.next(), scanner.next(), scanner.finish()];
  expect(parts.map(({ kind }) => kind)).toEqual(["header", "block", "block", "end"]);
  expect(parts[0]).toEqual({ kind: "header", header });
});
