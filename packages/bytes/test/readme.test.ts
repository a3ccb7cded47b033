import { readFileSync } from "node:fs";
import { compileFunction } from "node:vm";
import { expect, it } from "vitest";
import * as bytes from "../src/index.js";

it("the example in the README runs and prints what it says", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = /```ts\nimport \{ (.*) \} from "@holdfast\/bytes";\n(.*?)```/s.exec(readme);
  const names = example![1]!.split(", ");
  const printed: unknown[] = [];
  const run = compileFunction(example![2]!, ["console", ...names]);
  run({ log: (...values: unknown[]) => printed.push(...values) }, ...names.map((name) => bytes[name as keyof typeof bytes]));
  expect(printed).toEqual([[1n, 2n ** 64n - 1n], true]);
});
