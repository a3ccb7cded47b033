import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, it, onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** On the disk of the repository: what is temporary may lie in memory. */
function freshDirectory(): string {
  const root = fileURLToPath(new URL("../../../.scratch/", import.meta.url));
  mkdirSync(root, { recursive: true });
  const directory = mkdtempSync(join(root, "bench-test-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** What is refused, beside a file `text` that is no NDJSON and a module with a wrong checksum. Single values are tested without a process of their own. */
const REFUSED: readonly (readonly [says: RegExp, args: readonly string[]])[] = [
  [/^--only: nothing has a name that matches \/no part\/\. There are:\n {2}proof\n[^]*\n {2}verify\n/, ["--only", "no part"]],
  [/unknown option '--ony'/, ["--ony", "proof"]],
  [/^--input: line 2 of .* is not JSON/, ["--input", "text"]],
  [/^--input: the records are those of the proof/, ["--input", "text", "--only", "stat"]],
  [/^--only: nothing has a name that matches \/no part\/\. There are:\n {2}s3-append\n {2}s3-requests\n {2}s3-open\n {2}idle-logs\n$/, ["s3", "--only", "no part"]],
  [/argument missing/, ["s3", "--only"]],
  [/^--crc32c: .*zero\.cjs does not compute CRC-32C/, ["s3", "--crc32c", "./zero.cjs"]],
];

it.each(REFUSED)("refuses with 2 and %s: %j", (says, args) => {
  const directory = freshDirectory();
  writeFileSync(join(directory, "text"), '{"a": 1}\nnot JSON\n');
  writeFileSync(join(directory, "zero.cjs"), "exports.crc32c = () => 0;");
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: directory, encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^ +at /m);
  expect(readdirSync(directory)).toEqual(["text", "zero.cjs"]);
});

it.each([[], ["s3"]])("tells what its exit codes mean, and ends the help with 0", (...args) => {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, ...args, "--help"], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toContain("Exit codes: 0 done; 1 a check failed or found damage; 2 refused, before anything was done; 130 or 143 ended by SIGINT or SIGTERM.");
});

it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("ends by %s in the middle of the proof with %i, and nothing is left behind", async (signal, code) => {
  const directory = freshDirectory();
  const json = join(directory, "figures.json");
  const child = spawn(process.execPath, [MAIN, "--only", "^proof$", "--dir", directory, "--json", json], { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let said = "";
  child.stderr.on("data", (data) => {
    if (said === "") setTimeout(() => child.kill(signal), 150); // the first line says that the proof has begun
    said += String(data);
  });
  // Its children have its standard error: that it is closed says that they are gone.
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect(status).toBe(code);
  expect(said.trimEnd().split("\n").at(-1)).toBe(`Ended by ${signal}: not finished, and nothing is left behind.`);
  expect(readdirSync(directory)).toEqual([]);
});
