import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { KNOWN } from "./regressions.js";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

const CASES: readonly (readonly [code: number, text: string, args: readonly string[]])[] = [
  [0, "nothing was violated", ["replay", "wal posix 7 - | - | o a20 ! power end - | o"]],
  [0, "crash states, 0 violations", ["--states", "20", "--store", "wal"]],
  [2, "not a line", ["replay", "wal posix 7"]],
  [2, "no store", ["replay", "sheet posix 7 - | - | o"]],
  [2, "whole number", ["--seed", "-1"]],
  [2, "unknown option", ["--loops", "3"]],
  ...KNOWN.map(({ line }) => [1, "VIOLATION", ["replay", line]] as const),
];

it.each(CASES)("ends with %i and %j for %j", { timeout: 60_000 }, (code, text, args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  expect(`${stdout}${stderr}`).toMatch(new RegExp(text, "i"));
  expect(status).toBe(code);
});
