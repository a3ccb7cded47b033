import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { storageKey, storagePrefix } from "@holdfast/storage";
import { expect, test } from "vitest";
import { fsBackend, type FsBackendOptions } from "../src/index.js";
import { tempRoot } from "./temp-root.js";

test("the example in the README runs and prints what it says", async () => {
  const root = await tempRoot();
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, example] = /```ts\n(?:import [^\n]*\n)+(.*?)```/s.exec(readme)!;
  const printed: string[] = [];
  const promised = [...example!.matchAll(/^\/\/ (.*)$/gm)].map(([, line]) => line);
  await runInNewContext(`(async () => {${example!}})()`, {
    fsBackend: (options: FsBackendOptions) => fsBackend({ ...options, root: join(root, options.root) }),
    storageKey,
    storagePrefix,
    TextEncoder,
    console: { log: (...values: unknown[]) => printed.push(values.join(" ")) },
  });
  expect(promised).toHaveLength(2);
  expect(printed).toEqual(promised);
});
