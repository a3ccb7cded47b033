// Runs the tests of storage-s3 that need a real server: against the one that HOLDFAST_S3_ENDPOINT names, or against each server
// that this machine has or can install. Arguments: names of servers. What cannot be had is skipped, visibly.
// Exit codes: 0 done; 1 a test failed; 2 refused, since there is no such server; 130 or 143 ended by SIGINT or SIGTERM.
//
// HOLDFAST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _REGION: a server to be used; the bucket must be there.
// HOLDFAST_S3_INSTALL_SECONDS: how long one installation may take. Default 600.
// HOLDFAST_S3_SECONDS: how long all of it may take; what was not begun by then is skipped. Default 1,800.
// HOLDFAST_S3_RECORD: a directory for the recorded exchanges, one file for each server.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { obtain, serverNames, startServer, versionOf } from "./s3-servers.js";

const root = join(import.meta.dirname, "..");
const packageRoot = join(root, "packages", "storage-s3");
const deadlineMs = performance.now() + 1000 * Number(process.env.HOLDFAST_S3_SECONDS ?? 1_800);
const installMs = 1000 * Number(process.env.HOLDFAST_S3_INSTALL_SECONDS ?? 600);
const running = new Set();
const counts = { passed: 0, failed: 0, skipped: 0 };

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
  process.once(signal, () => {
    void Promise.all([...running].map((stop) => stop())).finally(() => process.exit(code));
  });
}

if (process.env.HOLDFAST_S3_ENDPOINT) await run(process.env.HOLDFAST_S3_ENDPOINT, {});
else for (const name of wanted()) await runOn(name);
console.log(`s3 servers: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
if (counts.failed > 0) process.exitCode = 1;

function wanted() {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !serverNames.includes(name));
  if (unknown.length > 0) {
    console.error(`no such server: ${unknown.join(", ")}; known are ${serverNames.join(", ")}`);
    process.exit(2);
  }
  return names.length > 0 ? names : serverNames;
}

async function runOn(name) {
  const leftMs = deadlineMs - performance.now();
  if (leftMs < 60_000) return skip(name, "the time for all servers is used up");
  console.log(`== ${name} ${versionOf(name)}`);
  const { program, missing } = await obtain(name, Math.min(installMs, leftMs));
  if (missing !== undefined) return skip(name, missing);
  const server = await startServer(name, program);
  running.add(server.stop);
  try {
    await run(name, {
      HOLDFAST_S3_SERVER: `${name} ${versionOf(name)}`,
      HOLDFAST_S3_ENDPOINT: server.endpoint,
      HOLDFAST_S3_BUCKET: "holdfast-test",
      HOLDFAST_S3_MAKE_BUCKET: "1",
      HOLDFAST_S3_ACCESS_KEY_ID: server.accessKeyId,
      HOLDFAST_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
      HOLDFAST_S3_REGION: "us-east-1",
    });
  } finally {
    running.delete(server.stop);
    await server.stop();
  }
}

async function run(name, env) {
  const child = spawn(process.execPath, [join(packageRoot, "node_modules/vitest/vitest.mjs"), "run", "test/real/", "--testTimeout=60000", "--no-file-parallelism"], {
    cwd: packageRoot,
    env: { ...process.env, ...env },
    stdio: "inherit",
  });
  const stop = async () => { child.kill("SIGTERM"); };
  running.add(stop);
  const timer = setTimeout(() => { child.kill("SIGKILL"); }, Math.max(60_000, deadlineMs - performance.now()));
  const status = await new Promise((resolve) => { child.once("exit", resolve).once("error", () => { resolve(1); }); });
  clearTimeout(timer);
  running.delete(stop);
  counts[status === 0 ? "passed" : "failed"] += 1;
  if (status !== 0) console.error(`FAILED on ${name}`);
}

function skip(name, why) {
  counts.skipped += 1;
  console.warn(`SKIPPED ${name} ${versionOf(name)}: ${why}`);
}
