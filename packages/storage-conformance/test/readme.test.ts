import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { conformanceCases } from "../src/index.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the README names every chapter, in the order in which they run", () => {
  const named = Array.from(readme.matchAll(/^\| (?!chapter)([a-z]+) \| /gm), ([, chapter]) => chapter);
  expect(named).toEqual([...new Set(conformanceCases.map((each) => each.chapter))]);
});
