import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

const CASES: readonly (readonly [code: number, says: RegExp, args: readonly string[]])[] = [
  [0, /two commits in flight/, ["bugs", "--model", "object-log", "--only", "two commits"]],
  [0, /^Exit codes: 0 done; 1 a check failed or found damage; 2 refused/m, ["--help"]],
  [2, /^--only: nothing has a name that matches \/no rule\/\. There are:\n {2}\S/, ["bugs", "--only", "no rule"]],
  [2, /^--only: "\[" is not a regular expression/, ["--only", "["]],
  [2, /^trace: nothing has a name that matches "no rule"\. There are:\n {2}\S/, ["trace", "no rule"]],
  [2, /^--quick: none/, ["large", "--quick"]],
  [2, /missing required argument/, ["trace"]],
  [2, /unknown option/, ["--limits", "3"]],
  [2, /^--limit: a whole number from 1 to 2147483647/, ["--limit", "0"]],
  [2, /^--json: .* this is a directory/, ["--json", "."]],
];

it.each(CASES)("ends with %i and %s for %j", (code, says, args) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-model-check-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: directory, encoding: "utf8" });
  expect(`${stdout}${stderr}`).toMatch(says);
  expect(status).toBe(code);
  expect(readdirSync(directory)).toEqual([]);
});
