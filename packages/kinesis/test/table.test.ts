import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const table = readFileSync(new URL("README.md", import.meta.url), "utf8");
const rows = [...table.matchAll(/^\| (?<what>.*) \| `(?<file>[^`]*)`: "(?<words>.*)" \|$/gm)].map(({ groups = {} }) => ({ what: groups["what"] ?? "", file: groups["file"] ?? "", words: groups["words"] ?? "" }));

it("every row of the table names a test", () => {
  expect(rows.length).toBe(table.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| behaviour")).length);
});

it.each(rows)("$what: $file has a test of it", ({ file, words }) => {
  const url = new URL(file, import.meta.url);
  expect(existsSync(url)).toBe(true);
  const text = readFileSync(url, "utf8");
  expect(text).toMatch(/from "(?:vitest|@fast-check\/vitest)"/);
  expect(text).toContain(words);
});
