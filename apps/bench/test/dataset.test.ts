import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { prepareDataset, splitLines } from "../src/proof/dataset.js";
import { RefusedError } from "../src/refused.js";

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

describe("prepareDataset", () => {
  it("takes 20,000 real flights, no two alike, so that a swap is always seen", async () => {
    const file = join(directory, "input.ndjson");
    const dataset = await prepareDataset(undefined, "quick", file);
    expect(dataset.records).toHaveLength(20_000);
    expect(new Set(texts(dataset.records)).size).toBe(20_000);
    expect(JSON.parse(texts(dataset.records)[0] ?? "")).toEqual({ date: "2001/01/01 00:47", delay: 66, distance: 1750, origin: "DTW", destination: "LAS" });
    expect((await readFile(file)).equals(Buffer.concat(dataset.records.flatMap((record) => [record, Buffer.from("\n")])))).toBe(true);
  });

  it("takes the user's lines as they are, even if they are no JSON", async () => {
    const input = join(directory, "mine.ndjson");
    await writeFile(input, '{"a": 1}\n\nnot json\n');
    const dataset = await prepareDataset(input, "quick", join(directory, "copy"));
    expect(texts(dataset.records)).toEqual(['{"a": 1}', "not json"]);
    expect(dataset.emptyLines).toBe(1);
  });

  it("refuses a file that is not there, and one without a record", async () => {
    const copy = join(directory, "copy");
    await expect(prepareDataset(join(directory, "missing"), "quick", copy)).rejects.toThrow(RefusedError);
    const empty = join(directory, "empty");
    await writeFile(empty, "\n\n");
    await expect(prepareDataset(empty, "quick", copy)).rejects.toThrow("holds no record");
  });
});
