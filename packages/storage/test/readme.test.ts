import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the README explains every code there is, once", () => {
  const source = readFileSync(new URL("../src/errors.ts", import.meta.url), "utf8");
  const declared = Array.from(source.matchAll(/^ {2}\| "(STORAGE_\w+)"/gm), ([, code]) => code);
  const explained = Array.from(readme.matchAll(/^\| `(STORAGE_\w+)` \|/gm), ([, code]) => code);
  expect(declared.length).toBeGreaterThan(10);
  expect(explained).toEqual(declared);
});
