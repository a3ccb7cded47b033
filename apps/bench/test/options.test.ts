import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";

import { describe, expect, it, onTestFinished } from "vitest";

import { parseOptions } from "../src/options.js";
import { parseS3Options } from "../src/s3/suite-options.js";
import { RefusedError } from "../../../scripts/command-line.js";

/** In each value `@` is a directory with a file `text`. */
const COMMON: readonly (readonly [says: string, ...args: string[]])[] = [
  ['--only: "(" is not a regular expression', "--only", "("],
  ["--only: an empty text", "--only", ""],
  ['--runs: a whole number from 1 to 99, not "0"', "--runs", "0"],
  ["--runs: a whole", "--runs", "100"],
  ["--runs: a whole", "--runs", "-1"],
  ["--runs: a whole", "--runs", ""],
  ['--seed: a whole number from 0 to 4294967295, not ""', "--seed", ""],
  ["--seed: a whole", "--seed", "4294967296"],
  ["@/none/file cannot be written: ENOENT", "--json", "@/none/file"],
  ["@/none/file cannot be written: ENOENT", "--report", "@/none/file"],
  ["--json: @ cannot be written: this is a directory", "--json", "@"],
  ["--report: no path is named", "--report", ""],
  ["--json and --report name the same file: @/same", "--json", "@/same", "--report", "@/./same"],
  ["--dir: no path is named", "--dir", ""],
  ["--dir: @/text cannot be worked in: this is no directory", "--dir", "@/text"],
  ["--dir: @/text/new cannot be worked in: ENOTDIR", "--dir", "@/text/new"],
];

const suites = [
  { suite: "bench", parse: (args: readonly string[]) => parseOptions(["node", "bench", ...args], ["proof"]) },
  { suite: "bench s3", parse: (args: readonly string[]) => parseS3Options(args, ["s3-open"]) },
] as const;

function withDirectory(texts: readonly string[]): { readonly directory: string; readonly filled: readonly string[] } {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  writeFileSync(join(directory, "text"), "not JSON\n");
  return { directory, filled: texts.map((text) => text.replace("@", directory)) };
}

function expectRefusal(parse: (args: readonly string[]) => unknown, texts: readonly string[]): void {
  const { directory, filled } = withDirectory(texts);
  const [says = "", ...args] = filled;
  expect(() => parse(args)).toThrow(RefusedError);
  expect(() => parse(args)).toThrow(says);
  expect(readdirSync(directory)).toEqual(["text"]);
}

describe.each(suites)("$suite refuses", ({ parse }) => {
  it.each(COMMON.map((texts) => ({ texts })))("$texts", ({ texts }) => {
    expectRefusal(parse, texts);
  });
});

describe("bench refuses", () => {
  it.each([
    { texts: ["--input and --json name the same file", "--input", "@/text", "--json", "@/text"] },
    { texts: ["--input: @/none cannot be read: ENOENT", "--input", "@/none"] },
    { texts: ["--input: @ cannot be read: this is a directory", "--input", "@"] },
    { texts: ["--input: /dev/zero cannot be read: this is neither a file nor a pipe", "--input", "/dev/zero"] },
  ])("$texts", ({ texts }) => {
    expectRefusal(suites[0].parse, texts);
  });
});

describe("bench s3 refuses", () => {
  it.each([
    { texts: ['--seconds: a number from 0.1 to 600, not "0"', "--seconds", "0"] },
    { texts: ["--put-price", "--put-price", "-1"] },
    { texts: ["--get-price", "--get-price", "free"] },
  ])("$texts", ({ texts }) => {
    expectRefusal(suites[1].parse, texts);
  });
});

it.each(suites)("$suite takes what can be used", ({ parse }) => {
  const { directory, filled } = withDirectory(["--json", "@/figures", "--report", "@/page", "--runs", "7", "--seed", "0", "--only", "^a", "--crc32c", "theirs"]);
  expect(parse(filled)).toMatchObject({ json: join(directory, "figures"), report: join(directory, "page"), runs: 7, seed: 0, only: /^a/, crc32c: "theirs" });
  expect(parse([])).toMatchObject({ json: undefined, report: undefined, seed: 1, only: undefined, crc32c: undefined });
  expect(readdirSync(directory)).toEqual(["text"]);
});
