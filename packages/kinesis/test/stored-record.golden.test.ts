import { readFileSync } from "node:fs";
import fc from "fast-check";
import { readFkwal2 } from "@holdfast/wal/fkwal2";
import { describe, expect, it } from "vitest";
import { decodeKinesisEntry, decodeStoredRecord, encodeStoredRecord, type KinesisError, type StoredRecord } from "../src/index.js";
import { vector } from "./support/vectors.js";

interface Vectors {
  readonly written: readonly { readonly name: string; readonly hex: string; readonly repeat?: string; readonly times?: number; readonly end?: string }[];
  readonly read: readonly { readonly name: string; readonly hex: string; readonly ok: boolean; readonly partitionKey?: string; readonly data?: string; readonly error?: string }[];
}

/** What the library of the original wrote, and what it reads. */
const vectors = JSON.parse(readFileSync(new URL("vectors/postcard-records.json", import.meta.url), "utf8")) as Vectors;
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

const written: Readonly<Record<string, StoredRecord>> = {
  empty: { partitionKey: "", data: "", approximateArrivalTimestamp: 0 },
  plain: { partitionKey: "key-1", data: "aGVsbG8=", approximateArrivalTimestamp: 1_700_000_000 },
  fraction: { partitionKey: "k", data: "AA==", approximateArrivalTimestamp: 1_712_900_000.123 },
  "negative zero": { partitionKey: "k", data: "", approximateArrivalTimestamp: -0 },
  smallest: { partitionKey: "k", data: "", approximateArrivalTimestamp: 5e-324 },
  infinity: { partitionKey: "k", data: "", approximateArrivalTimestamp: Infinity },
  unicode: { partitionKey: "\ufeffé\u{1f600}\0", data: "\u2028", approximateArrivalTimestamp: -1.5 },
  "127 bytes": { partitionKey: "k".repeat(127), data: "", approximateArrivalTimestamp: 1 },
  "128 bytes": { partitionKey: "k".repeat(128), data: "", approximateArrivalTimestamp: 1 },
  "20000 bytes": { partitionKey: "k", data: "A".repeat(20_000), approximateArrivalTimestamp: 1 },
};

describe("a record that the original wrote is read, and written again to the byte", () => {
  it("every one is known here", () => {
    expect(vectors.written.map(({ name }) => name)).toEqual(Object.keys(written));
  });

  it.each(vectors.written)("$name", ({ name, hex, repeat = "", times = 0, end = "" }) => {
    const bytes = bytesOf(hex + repeat.repeat(times) + end);
    expect(decodeStoredRecord(bytes)).toEqual(written[name]);
    expect(encodeStoredRecord(decodeStoredRecord(bytes))).toEqual(bytes);
  });
});

/** What the errors of the original's library are here. */
const codes: Readonly<Record<string, string>> = { DeserializeBadVarint: "BYTES_OUT_OF_RANGE", DeserializeUnexpectedEnd: "BYTES_TRUNCATED", DeserializeBadUtf8: "BYTES_INVALID_UTF8" };

describe("bytes that the original did not write are read as it reads them, or refused with a place", () => {
  it.each(vectors.read)("$name", ({ hex, ok, partitionKey, data, error: original = "" }) => {
    if (ok) {
      expect(decodeStoredRecord(bytesOf(hex))).toEqual({ partitionKey, data, approximateArrivalTimestamp: 0 });
      return;
    }
    const error = thrown(() => decodeStoredRecord(bytesOf(hex)));
    expect(error).toMatchObject({ code: "KINESIS_INVALID_RECORD", operation: "decodeStoredRecord", outcome: undefined, cause: { code: codes[original] } });
    expect((error as KinesisError).offset).toBeGreaterThanOrEqual(0);
    expect((error as KinesisError).offset).toBeLessThanOrEqual(hex.length / 2);
  });
});

it.each([["wal-large-entry", 150, 0], ["wal-all-fields", 3, 1]])("in %s the original has stored %i records, and %i things that are none", (name, records, others) => {
  const wal = vector(name).files.get("wal.log") ?? new Uint8Array();
  const stored = readFkwal2(wal, { decode: (payload) => ({ value: decodeKinesisEntry(payload) }) }).entries.flatMap(({ value }) => value.records.flatMap((group) => group.records));
  const isRecord = ([, bytes]: (typeof stored)[number]): boolean => {
    try {
      decodeStoredRecord(bytes);
      return true;
    } catch {
      return false;
    }
  };
  expect([stored.filter(isRecord).length, stored.filter((it) => !isRecord(it)).length]).toEqual([records, others]);
  // One of the second case goes on behind the record, which the original passes over.
  for (const [, bytes] of stored.filter(isRecord)) {
    const again = encodeStoredRecord(decodeStoredRecord(bytes));
    expect(again).toEqual(bytes.subarray(0, again.length));
  }
});

it("half a character has no bytes", () => {
  expect(thrown(() => encodeStoredRecord({ partitionKey: "\ud800", data: "", approximateArrivalTimestamp: 0 }))).toMatchObject({ code: "KINESIS_INVALID_RECORD", operation: "encodeStoredRecord", outcome: "not_applied" });
});

const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 300 }), fc.string({ unit: "binary", maxLength: 20 }));

it("what is written is read, and no part of it", () => {
  fc.assert(
    fc.property(fc.record({ partitionKey: text, data: text, approximateArrivalTimestamp: fc.double({ noNaN: true }) }), (record) => {
      const bytes = encodeStoredRecord(record);
      expect(decodeStoredRecord(bytes)).toEqual(record);
      for (const length of [0, 1, Math.floor(bytes.length / 2), bytes.length - 1]) expect(() => decodeStoredRecord(bytes.subarray(0, length))).toThrow();
    }),
  );
});

it("any bytes have an answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeStoredRecord(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "KINESIS_INVALID_RECORD" });
      }
    }),
  );
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
