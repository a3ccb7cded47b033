import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import * as bytes from "../src/index.js";

it("the example in the README runs and prints what it says", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const example = /```ts\nimport \{ .* \} from "@holdfast\/bytes";\n(.*?)```/s.exec(readme)![1]!;
  const printed: unknown[] = [];
  runInNewContext(example, { ...bytes, console: { log: (...values: unknown[]) => printed.push(...values) } });
  expect(printed).toEqual([[1n, 2n ** 64n - 1n], true]);
});
