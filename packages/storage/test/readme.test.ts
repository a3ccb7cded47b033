import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import * as storage from "../src/index.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it("the example in the README runs and prints what it says", async () => {
  const example = /```ts\nimport \{ .* \} from "@holdfast\/storage";\n(.*?)```\n\nprints\n\n```\n(.*?)```/s.exec(readme);
  const printed: string[] = [];
  const globals = { ...storage, crypto, Uint8Array, console: { log: (...values: unknown[]) => printed.push(values.join(" ")) } };
  await runInNewContext(`(async () => {${example![1]!}})()`, globals);
  expect(printed.map((line) => `${line}\n`).join("")).toBe(example![2]);
});

it("the README explains every code there is, once", () => {
  const source = readFileSync(new URL("../src/errors.ts", import.meta.url), "utf8");
  const declared = Array.from(source.matchAll(/^ {2}\| "(STORAGE_\w+)"/gm), ([, code]) => code);
  const explained = Array.from(readme.matchAll(/^\| `(STORAGE_\w+)` \|/gm), ([, code]) => code);
  expect(declared.length).toBeGreaterThan(10);
  expect(explained).toEqual(declared);
});
