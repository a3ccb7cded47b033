import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { prepareDataset, readRecords, splitLines } from "../src/proof/dataset.js";
import { RefusedError } from "../../../scripts/command-line.js";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

const texts = (records: readonly Uint8Array[]): string[] => records.map((record) => Buffer.from(record).toString("latin1"));

describe("splitLines", () => {
  it("answers every line as its bytes, with and without a last line end", () => {
    expect(texts(splitLines(Buffer.from("a\nbc\n")).records)).toEqual(["a", "bc"]);
    expect(texts(splitLines(Buffer.from("a\nbc")).records)).toEqual(["a", "bc"]);
    expect(splitLines(new Uint8Array(0))).toEqual({ records: [], emptyLines: 0 });
  });

  it("changes no byte: carriage returns, zeros and broken UTF-8 stay", () => {
    expect(texts(splitLines(Buffer.from("a\r\n\0\xff\n \n", "latin1")).records)).toEqual(["a\r", "\0\xff", " "]);
  });

  it("counts empty lines, which are no records", () => {
    const { records, emptyLines } = splitLines(Buffer.from("\na\n\n\nb\n"));
    expect(texts(records)).toEqual(["a", "b"]);
    expect(emptyLines).toBe(3);
  });
});

describe("the records", () => {
  it("are 20,000 real flights, no two alike, so that a swap is always seen", async () => {
    const file = join(directory, "input.ndjson");
    const dataset = await prepareDataset(await readRecords(undefined, "quick"), file);
    expect(dataset.records).toHaveLength(20_000);
    expect(new Set(texts(dataset.records)).size).toBe(20_000);
    expect(JSON.parse(texts(dataset.records)[0] ?? "")).toEqual({ date: "2001/01/01 00:47", delay: 66, distance: 1750, origin: "DTW", destination: "LAS" });
    expect((await readFile(file)).equals(Buffer.concat(dataset.records.flatMap((record) => [record, Buffer.from("\n")])))).toBe(true);
  });

  it("are the user's lines as they are, their white space and carriage returns included", async () => {
    const input = join(directory, "mine.ndjson");
    await writeFile(input, '{"a": 1}\n\n "b"\r\n[3]');
    const file = join(directory, "copy");
    const dataset = await prepareDataset(await readRecords(input, "quick"), file);
    expect(texts(dataset.records)).toEqual(['{"a": 1}', ' "b"\r', "[3]"]);
    expect(dataset.emptyLines).toBe(1);
    expect(await readFile(file, "utf8")).toBe('{"a": 1}\n\n "b"\r\n[3]');
  });

  it.each([
    ["a file without a record", "\n\n", /holds no record\.$/],
    ["text", '{"a": 1}\n\nnot json\n', /line 3 of \S+ is not JSON/],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), /line 1 of \S+ is not JSON/],
    ["JSON over several lines", '{\n  "a": 1\n}\n', /line 1 of \S+ is not JSON/],
    ["a record that no log takes", `1\n"${"x".repeat(16 * 2 ** 20)}"\n`, /line 2 of \S+ has over 16777164 bytes/],
  ])("are refused: %s", async (_name, text, message) => {
    const input = join(directory, "mine.ndjson");
    await writeFile(input, text);
    const reading = readRecords(input, "quick");
    await expect(reading).rejects.toThrow(RefusedError);
    await expect(reading).rejects.toThrow(message);
  });

  it("are refused if their file is not there", async () => {
    await expect(readRecords(join(directory, "missing"), "quick")).rejects.toThrow(RefusedError);
  });
});
