import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";

import { crc32c, crc32cPure, useCrc32c } from "@holdfast/bytes";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";

import { preloadInChildren } from "../src/child.js";
import type * as Child from "../src/child.js";
import type * as Crc32c from "../src/crc32c.js";
import { useCrc32cOf } from "../src/crc32c.js";
import { RefusedError } from "../../../scripts/command-line.js";

const BYTES = import.meta.resolve("@holdfast/bytes");
const long = Uint8Array.from({ length: 1000 }, (_, index) => index % 251);
/** Of a module in CommonJS: the bitwise definition, which counts how often it is asked. */
const COUNTING = `(bytes, initial) => {
  globalThis.crc32cAsked = (globalThis.crc32cAsked ?? 0) + 1;
  let crc = ~initial;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}`;

let directory = "";

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "holdfast-bench-")));
  vi.spyOn(process, "cwd").mockReturnValue(directory);
});

afterEach(async () => {
  vi.restoreAllMocks();
  useCrc32c(undefined);
  preloadInChildren(undefined);
  await rm(directory, { recursive: true });
});

async function moduleFile(name: string, text: string): Promise<string> {
  const file = join(directory, name);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, text);
  return file;
}

/** How often the module's function is asked for one checksum of 1,000 bytes. */
function timesAsked(): number {
  const counter = globalThis as { crc32cAsked?: number };
  counter.crc32cAsked = 0;
  expect(crc32c(long)).toBe(crc32cPure(long));
  return counter.crc32cAsked;
}

describe("--crc32c takes the function", () => {
  it.each([
    ["crc32c of a module in CommonJS", "cjs", `exports.crc32c = ${COUNTING};`],
    ["checksums.crc32c of one", "cjs", `exports.checksums = { crc32c: ${COUNTING} };`],
    ["of one whose names cannot be seen without running it", "cjs", `Object.assign(module.exports, { ["crc" + "32c"]: ${COUNTING} });`],
    ["checksums.crc32c of one like that", "cjs", `Object.assign(module.exports, { ["check" + "sums"]: { crc32c: ${COUNTING} } });`],
    ["crc32c of an ES module", "mjs", `export const crc32c = ${COUNTING};`],
    ["checksums.crc32c of an ES module", "mjs", `export const checksums = { crc32c: ${COUNTING} };`],
  ])("%s", async (_name, extension, text) => {
    await useCrc32cOf(await moduleFile(`mine.${extension}`, text));
    expect(timesAsked()).toBe(1);
  });

  it("of a path from the current directory, and of a package or a file in one that is installed there", async () => {
    await moduleFile("mine.cjs", `exports.crc32c = ${COUNTING};`);
    await moduleFile("node_modules/theirs/package.json", `{ "name": "theirs", "main": "./index.js" }`);
    await moduleFile("node_modules/theirs/index.js", `exports.checksums = require("./dist/checksums");`);
    await moduleFile("node_modules/theirs/dist/checksums.js", `exports.crc32c = ${COUNTING};`);
    for (const name of ["./mine.cjs", "theirs", "theirs/dist/checksums"]) {
      useCrc32c(undefined);
      expect(timesAsked()).toBe(0);
      await useCrc32cOf(name);
      expect(timesAsked()).toBe(1);
    }
  });
});

describe("--crc32c is refused", () => {
  it.each([
    ["that cannot be loaded", `throw new Error("no such processor\\nand more");`, /cannot be loaded: no such processor\.$/],
    ["without such a function", `exports.crc32 = () => 0; exports.crc32c = 7; exports.checksums = null;`, /has no function crc32c or checksums\.crc32c\.$/],
    ["with a function that computes something else", `exports.crc32c = () => 1;`, /does not compute CRC-32C: the function answered 1 and not 3808858755/],
    ["with a function that throws", `exports.crc32c = () => { throw new Error("not today"); };`, /does not compute CRC-32C: .*\(not today\)\.$/],
  ])("for a module %s", async (_name, text, message) => {
    const refused = useCrc32cOf(await moduleFile("mine.cjs", text));
    await expect(refused).rejects.toThrow(RefusedError);
    await expect(refused).rejects.toThrow(message);
    expect(timesAsked()).toBe(0);
  });

  it("for a module of Node", async () => {
    for (const name of ["fs", "node:zlib"]) await expect(useCrc32cOf(name)).rejects.toThrow(`--crc32c: ${name} has no function`);
  });

  it("for a module that is not there", async () => {
    await expect(useCrc32cOf("no-such-package")).rejects.toThrow(RefusedError);
    await expect(useCrc32cOf("./none.js")).rejects.toThrow("./none.js is not installed here and is no path of a module: Cannot find module");
  });
});

describe("the program as it is built", () => {
  const dist = (file: string): string => new URL(`../dist/${file}`, import.meta.url).href;

  it("hands the function to its children, too", async () => {
    const { useCrc32cOf: useBuilt } = (await import(dist("crc32c.js"))) as typeof Crc32c;
    const { lastReport, preloadInChildren: preloadBuilt } = (await import(dist("child.js"))) as typeof Child;
    onTestFinished(() => {
      preloadBuilt(undefined);
    });
    const child = await moduleFile(
      "child.mjs",
      `import { writeSync } from "node:fs";
      import { crc32c } from ${JSON.stringify(BYTES)};
      globalThis.crc32cAsked = 0;
      writeSync(3, crc32c(new Uint8Array(1000)) + " " + globalThis.crc32cAsked + "\\n");`,
    );
    const zeros = crc32cPure(new Uint8Array(1000));
    expect(await lastReport(pathToFileURL(child), [])).toBe(`${zeros} 0`);
    await useBuilt(await moduleFile("all & 100% of it/mine.cjs", `Object.assign(module.exports, { ["crc" + "32c"]: ${COUNTING} });`));
    expect(await lastReport(pathToFileURL(child), [])).toBe(`${zeros} 1`);
  });

  it("ends with code 2 and one line for a module that it refuses", () => {
    const args = ["--only", "^stat-beside-logs$", "--crc32c", "no-such-package"];
    const { status, stderr, stdout } = spawnSync(process.execPath, [fileURLToPath(dist("main.js")), ...args], { cwd: directory, encoding: "utf8" });
    expect({ status, stderr, stdout }).toEqual({ status: 2, stdout: "", stderr: "--crc32c: no-such-package is not installed here and is no path of a module: Cannot find module 'no-such-package'.\n" });
  });
});
