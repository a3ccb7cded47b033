import { ESLint } from "eslint";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "./support/repository.js";

/**
 * Each rule of the house is shown a text that breaks it, in place of a file that exists. Types are known, as in a real run.
 */
const offences = [
  ["an import from a higher layer", "packages/bytes/src/u64.ts", 'import { StorageError } from "@holdfast/storage";\nthrow new StorageError();', "no-restricted-imports"],
  ["an import from a sibling", "packages/wal/src/layout.ts", 'export { fsBackend } from "@holdfast/storage-fs";', "no-restricted-imports"],
  ["an import of a path within a higher layer", "packages/storage/src/keys.ts", 'export * from "@holdfast/wal/format";', "no-restricted-imports"],
  ["an import of itself by name", "packages/storage/src/keys.ts", 'export * from "@holdfast/storage";', "no-restricted-imports"],
  ["a path out of the package", "packages/wal/src/format/scan.ts", 'export * from "../../../storage/src/keys.js";', "no-restricted-imports"],
  ["Date.now", "packages/wal/src/layout.ts", "export const now: number = Date.now();", "no-restricted-properties"],
  ["Math.random", "packages/wal/src/layout.ts", "export const chance: number = Math.random();", "no-restricted-properties"],
  ["crypto.randomUUID", "packages/storage-fs/src/root.ts", "export const id: string = crypto.randomUUID();", "no-restricted-properties"],
  ["process.hrtime", "packages/storage-fs/src/root.ts", "export const at: unknown = process.hrtime();", "no-restricted-properties"],
  ["performance.now", "packages/wal/src/layout.ts", "export const now: number = performance.now();", "no-restricted-globals"],
  ["setTimeout", "packages/wal/src/layout.ts", "setTimeout(() => undefined, 1);", "no-restricted-globals"],
  ["setImmediate", "packages/storage-conformance/src/samples.ts", "setImmediate(() => undefined);", "no-restricted-globals"],
  ["the time of new Date()", "packages/wal/src/layout.ts", "export const now: Date = new Date();", "no-restricted-syntax"],
  ["a clock by way of globalThis", "packages/wal/src/layout.ts", "export const now: number = globalThis.Date.now();", "no-restricted-syntax"],
  ["the timers of Node", "packages/wal/src/layout.ts", 'import { setTimeout as wait } from "node:timers/promises";\nawait wait(1);', "no-restricted-syntax"],
  ["a signal with a time", "packages/wal/src/layout.ts", "export const signal: AbortSignal = AbortSignal.timeout(1);", "no-restricted-syntax"],
  ["chance of node:crypto", "packages/storage-fs/src/root.ts", 'import { randomBytes } from "node:crypto";\nrandomBytes(1);', "no-restricted-syntax"],
  ["all of node:crypto", "packages/storage-fs/src/root.ts", 'import * as all from "crypto";\nall.randomBytes(1);', "no-restricted-syntax"],
  ["an import from a higher layer while it runs", "packages/bytes/src/u64.ts", 'export const wal: unknown = import("@holdfast/wal");', "no-restricted-syntax"],
  ["the console", "packages/storage/src/keys.ts", 'console.log("here");', "no-console"],
  ["await in format/", "packages/wal/src/format/scan.ts", "export const value: number = await Promise.resolve(1);", "no-restricted-syntax"],
  ["an async function in bytes", "packages/bytes/src/u64.ts", "export async function f(): Promise<number> {\n  return Promise.resolve(1);\n}", "no-restricted-syntax"],
  ["a node: module in format/", "packages/wal/src/format/scan.ts", 'import { readFileSync } from "node:fs";\nreadFileSync("x");', "no-restricted-syntax"],
  ["a module of Node under its old name in format/", "packages/wal/src/format/scan.ts", 'import { readFileSync } from "fs";\nreadFileSync("x");', "no-restricted-syntax"],
  ["a module of Node that is given on by format/", "packages/wal/src/format/scan.ts", 'export * from "node:fs";', "no-restricted-syntax"],
  ["a default export", "packages/storage/src/keys.ts", "export default 1;", "no-restricted-syntax"],
  ["a default export in a test", "packages/storage/test/keys.test.ts", "export default 1;", "no-restricted-syntax"],
  ["a promise that nobody waits for", "packages/wal/src/layout.ts", "Promise.resolve(1);", "@typescript-eslint/no-floating-promises"],
  ["a promise where a void function is expected", "packages/wal/src/layout.ts", "[1].forEach(async () => {\n  await Promise.resolve();\n});", "@typescript-eslint/no-misused-promises"],
  ["any", "packages/wal/src/layout.ts", "export const value: any = 1;", "@typescript-eslint/no-explicit-any"],
  ["a non-null assertion", "packages/wal/src/layout.ts", "export const value = (text: string | undefined): string => text!;", "@typescript-eslint/no-non-null-assertion"],
  ["a switch that leaves a case out", "packages/wal/src/layout.ts", 'export function f(x: "a" | "b"): number {\n  switch (x) {\n    case "a":\n      return 1;\n  }\n  return 2;\n}', "@typescript-eslint/switch-exhaustiveness-check"],
] as const;

it.each(offences)("lint refuses %s", async (_what, filePath, code, rule) => {
  expect(await brokenRules(filePath, code)).toContain(rule);
}, 60_000);

it.each([
  ["packages/wal/src/layout.ts", 'export { crc32c } from "@holdfast/bytes";\nexport { storageKey } from "@holdfast/storage";\n'],
  ["packages/storage/src/system.ts", "export const now: number = Date.now() + performance.now();\n"],
])("lint lets %s do what it may", async (filePath, code) => {
  expect(await brokenRules(filePath, code)).toEqual([]);
}, 60_000);

/** Run as the package's own `lint` script runs: from its folder, with the configuration of the root. */
async function brokenRules(filePath: string, code: string): Promise<readonly (string | null)[]> {
  const eslint = new ESLint({ cwd: join(root, ...filePath.split("/").slice(0, 2)) });
  const results = await eslint.lintText(code, { filePath: join(root, filePath) });
  return results.flatMap(({ messages }) => messages.map(({ ruleId, message, fatal }) => (fatal === true ? message : ruleId)));
}
