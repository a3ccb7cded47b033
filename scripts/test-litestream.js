// Runs the tests of replica that need real programs: litestream 0.3, a newer one that restores its replicas, and the LZ4 library of
// litestream. They come by Go's module installer into .scratch/litestream; the databases are made by Python's SQLite. What cannot be
// had is skipped, visibly. Nothing listens on the network, and nothing is sent.
//
// HOLDFAST_LITESTREAM, _NEWER, HOLDFAST_LZ4_JUDGE: paths of programs that are there.
// HOLDFAST_LITESTREAM_INSTALL_SECONDS: how long one installation may take. Default 600.
// HOLDFAST_LITESTREAM_SECONDS: how long all of it may take; what is not installed by then is skipped. Default 1,200.
// HOLDFAST_LITESTREAM_RECORD: a directory for the replica that litestream 0.3 wrote, and what it made of damage.
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goInstall, onPath, ran } from "./installers.js";

const root = join(import.meta.dirname, "..");
const home = join(root, ".scratch", "litestream");
const packageRoot = join(root, "packages", "replica");
const deadlineMs = performance.now() + 1000 * Number(process.env.HOLDFAST_LITESTREAM_SECONDS ?? 1_200);
const installMs = 1000 * Number(process.env.HOLDFAST_LITESTREAM_INSTALL_SECONDS ?? 600);

/** The tests take some 20 s of processor time: 80 s on a machine that does much else. */
const TESTS_MS = 120_000;

const PROGRAMS = [
  { variable: "HOLDFAST_LITESTREAM", name: "litestream 0.3.13", file: join(home, "litestream-0.3.13", "litestream"), install: litestream },
  { variable: "HOLDFAST_LZ4_JUDGE", name: "github.com/pierrec/lz4 4.1.18", file: join(home, "lz4-4.1.18", "lz4-judge"), install: lz4Judge },
  // Before 0.5.12 a newer litestream applies only what the last index wrote: https://github.com/benbjohnson/litestream/pull/1229
  { variable: "HOLDFAST_LITESTREAM_NEWER", name: "litestream 0.5.12", file: join(home, "litestream-0.5.12", "litestream"), install: litestream },
];

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => { process.exit(130); });

if (onPath("python3") === undefined) skip("litestream and LZ4", "Python is not installed, whose SQLite makes the databases");
else {
  const found = {};
  for (const program of PROGRAMS) {
    const path = await obtain(program);
    if (path !== undefined) found[program.variable] = path;
  }
  if (Object.keys(found).length > 0) process.exitCode = await test(found);
}

/** The path of a program, installed if it has to be and can be. */
async function obtain({ variable, name, file, install }) {
  if (process.env[variable]) return process.env[variable];
  if (existsSync(file)) return file;
  const budgetMs = Math.min(installMs, deadlineMs - TESTS_MS - performance.now());
  if (budgetMs < 1_000) return skip(name, "the time is used up");
  console.log(`== installing ${name}`);
  const folder = join(file, "..");
  mkdirSync(folder, { recursive: true });
  const missing = await install(folder, budgetMs, name);
  return missing === undefined ? file : skip(name, missing);
}

function litestream(folder, budgetMs, name) {
  return goInstall(`github.com/benbjohnson/litestream/cmd/litestream@v${name.split(" ")[1]}`, folder, budgetMs);
}

async function lz4Judge(folder, budgetMs) {
  copyFileSync(join(packageRoot, "test/real/lz4-judge.go.txt"), join(folder, "main.go"));
  writeFileSync(join(folder, "go.mod"), "module lz4judge\n\ngo 1.18\n\nrequire github.com/pierrec/lz4/v4 v4.1.18\n");
  return ran("go", ["build", "-mod=mod", "-o", "lz4-judge", "."], { cwd: folder, budgetMs });
}

/** Runs the tests in a process group and a scratch directory of their own, so that nothing of them is left. @returns The exit status. */
async function test(found) {
  const scratch = join(home, `run-${process.pid}`);
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const vitest = join(packageRoot, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "test/real/", "--testTimeout=60000", "--no-file-parallelism"], {
    cwd: packageRoot,
    env: { ...process.env, ...found, TMPDIR: scratch },
    stdio: "inherit",
    detached: true,
  });
  const end = () => {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", end);
  const timer = setTimeout(() => {
    console.error("FAILED: the tests did not end in time");
    end();
  }, Math.max(TESTS_MS, deadlineMs - performance.now()));
  const status = await new Promise((resolve) => { child.once("close", resolve).once("error", () => { resolve(1); }); });
  clearTimeout(timer);
  return status ?? 1;
}

function skip(name, why) {
  console.warn(`SKIPPED ${name}: ${why}`);
  return undefined;
}
