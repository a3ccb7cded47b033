import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { KNOWN } from "./simulated/regressions.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** On the disk of the repository: what is temporary may lie in memory. */
function freshDirectory(): string {
  const root = fileURLToPath(new URL("../../../.scratch/", import.meta.url));
  mkdirSync(root, { recursive: true });
  const directory = mkdtempSync(join(root, "crash-lab-test-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

const CASES: readonly (readonly [code: number, text: RegExp, args: readonly string[]])[] = [
  [0, /nothing was violated/, ["replay", "wal posix 7 - | - | o a20 ! power end - | o"]],
  [0, /crash states, 0 violations/, ["--states", "20", "--store", "wal"]],
  [0, /^Exit codes: 0 done; 1 a check failed or found damage; 2 refused/m, ["kill", "--help"]],
  [2, /not a line/, ["replay", "wal posix 7"]],
  [2, /no store/, ["replay", "sheet posix 7 - | - | o"]],
  [2, /--seed: a whole number from 0 to 1000000000000, not "-1"/, ["--seed", "-1"]],
  [2, /unknown option/, ["--loops", "3"]],
  [2, /missing required argument/, ["replay"]],
  [2, /--json: .*\/none\/file cannot be written: ENOENT/, ["--json", "none/file"]],
  [2, /^--only: nothing has a name that matches "no canary". There are:\n {2}\S/, ["canaries", "--only", "no canary"]],
  [2, /^--only: nothing has a name/, ["canaries", "--only", ""]],
  [2, /^--store: nothing has a name that matches "oracle". There are:\n(.*\n)* {2}lmdb\n/, ["compare", "--store", "oracle"]],
  [2, /--cycles: a whole number from 1 /, ["kill", "--cycles", "0"]],
  [2, /--seconds: a whole number from 1 /, ["takeover", "--seconds", ""]],
  [2, /--directory: .*\/text\/new cannot be worked in: ENOTDIR/, ["kill", "--directory", "text/new"]],
  ...(existsSync("/dev/shm") ? [[2, /--directory: \/dev\/shm\/none cannot be worked in: .*memory/, ["kill", "--directory", "/dev/shm/none"]] as const] : []),
  ...KNOWN.map(({ line }) => [1, /VIOLATION/, ["replay", line]] as const),
];

it.each(CASES)("ends with %i and %s for %j", { timeout: 60_000 }, (code, text, args) => {
  const directory = freshDirectory();
  writeFileSync(join(directory, "text"), "");
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { cwd: directory, encoding: "utf8" });
  expect(`${stdout}${stderr}`).toMatch(text);
  expect(status).toBe(code);
  expect(readdirSync(directory)).toEqual(["text"]);
});

it.each([
  ["SIGINT", 130, ["kill", "--directory"]],
  ["SIGTERM", 143, ["kill", "--directory"]],
  ["SIGINT", 130, ["--store", "wal", "--states", "1000000000", "--json"]],
  ["SIGTERM", 143, ["canaries"]],
] as const)("by %s it ends with %i and leaves nothing behind: %j", { timeout: 60_000 }, async (signal, code, args) => {
  const directory = freshDirectory();
  const env = { ...process.env, TMPDIR: directory };
  const child = spawn(process.execPath, [MAIN, ...args, ...(args.length === 1 ? [] : [join(directory, "here")])], { env, stdio: ["ignore", "ignore", "pipe"] });
  // The first thing that is made says that the program has begun; a moment later it is in the middle of it.
  const watcher = watch(directory, () => {
    watcher.close();
    setTimeout(() => child.kill(signal), 600);
  });
  let said = "";
  child.stderr.on("data", (data) => (said += String(data)));
  // Its children have its standard error: that it is closed says that they are gone.
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect({ status, said }).toEqual({ status: code, said: `Ended by ${signal}: not finished, and nothing is left behind.\n` });
  expect(readdirSync(directory)).toEqual(args[0] === "kill" ? ["here"] : []);
  if (args[0] === "kill") expect(readdirSync(join(directory, "here"))).toEqual([]);
});
