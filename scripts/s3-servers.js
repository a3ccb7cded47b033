// S3 servers for tests: found or installed, started on loopback with a data directory of their own, and stopped by their process ids.
// What is installed lies in .scratch/s3; nothing is installed for the machine.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { goInstall, onPath, ran } from "./installers.js";

const home = join(import.meta.dirname, "..", ".scratch", "s3");
const bin = join(home, "bin");
const venv = join(home, "moto");

/** The servers that are known: where the program comes from, and how it is run. */
const SERVERS = {
  versitygw: {
    version: "1.8.0",
    find: () => onPath("versitygw") ?? goInstalled("versitygw", "1.8.0"),
    install: (budgetMs) => goInstall("github.com/versity/versitygw/cmd/versitygw@v1.8.0", goFolder("versitygw", "1.8.0"), budgetMs),
    arguments: ({ port, data, key, secret }) => ["--access", key, "--secret", secret, "--port", `127.0.0.1:${port}`, "--region", "us-east-1", "posix", data],
  },
  minio: {
    version: "2026-02-12",
    find: () => onPath("minio") ?? goInstalled("minio", "7aac2a2c5b7c"),
    install: (budgetMs) => goInstall("github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c", goFolder("minio", "7aac2a2c5b7c"), budgetMs),
    arguments: ({ port, spare, data }) => ["server", "--quiet", "--address", `127.0.0.1:${port}`, "--console-address", `127.0.0.1:${spare}`, data],
    // No look for updates, no console: nothing leaves the machine.
    env: ({ key, secret }) => ({ MINIO_ROOT_USER: key, MINIO_ROOT_PASSWORD: secret, MINIO_UPDATE: "off", MINIO_BROWSER: "off", MINIO_CI_CD: "on" }),
  },
  moto: {
    version: "5.2.1",
    find: () => (existsSync(join(venv, "installed-5.2.1")) ? join(venv, "bin", "moto_server") : undefined),
    install: (budgetMs) => pipInstall("moto[server]==5.2.1", "installed-5.2.1", budgetMs),
    arguments: ({ port }) => ["--host", "127.0.0.1", "--port", String(port)],
  },
};

export const serverNames = Object.keys(SERVERS);

export const versionOf = (name) => SERVERS[name].version;

/**
 * The path of a server's program, installed if it has to be and can be.
 *
 * @returns `{ program }`, or `{ missing }`: why there is none.
 */
export async function obtain(name, installBudgetMs) {
  const { find, install } = SERVERS[name];
  const found = find();
  if (found !== undefined) return { program: found };
  const missing = await install(installBudgetMs);
  return missing === undefined ? { program: find() } : { missing };
}

/**
 * Starts a server with an empty bucket-less store.
 *
 * @returns Its endpoint and keys, and `stop`, which ends it and removes its data. The process ends with this one too.
 */
export async function startServer(name, program) {
  const server = SERVERS[name];
  const directory = join(home, `run-${name}-${process.pid}`);
  const data = join(directory, "data");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const [port, spare] = await freePorts(2);
  const setup = { port, spare, data, key: `test${randomBytes(6).toString("hex")}`, secret: randomBytes(20).toString("hex") };
  const log = openSync(join(directory, "server.log"), "w");
  const child = spawn(program, server.arguments(setup), {
    cwd: directory,
    env: { ...process.env, ...server.env?.(setup) },
    stdio: ["ignore", log, log],
  });
  const life = { ended: false };
  child.on("error", () => { life.ended = true; });
  child.on("exit", () => { life.ended = true; });
  // The last resort, where nothing can be waited for any more: by the id of this child.
  const kill = () => { if (!life.ended) child.kill("SIGKILL"); };
  const end = () => {
    kill();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", end);
  const stop = async () => {
    if (!life.ended) child.kill("SIGTERM");
    for (let waited = 0; !life.ended && waited < 5_000; waited += 50) await sleep(50);
    kill();
    process.removeListener("exit", end);
    rmSync(directory, { recursive: true, force: true });
  };
  const endpoint = `http://127.0.0.1:${port}`;
  for (let waited = 0; waited < 30_000 && !life.ended; waited += 100) {
    if (await answers(endpoint)) return { endpoint, accessKeyId: setup.key, secretAccessKey: setup.secret, stop };
    await sleep(100);
  }
  const said = readFileSync(join(directory, "server.log"), "utf8").slice(-2_000);
  await stop();
  throw new Error(`${name} did not start: ${said}`);
}

async function answers(endpoint) {
  try {
    const response = await fetch(endpoint, { redirect: "manual", signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    // 503 is a server that is not ready yet.
    return response.status !== 503;
  } catch {
    return false;
  }
}

/** Ports that were free a moment ago, held together so that they differ. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve, reject) => {
      const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => { resolve(server); });
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function goInstalled(name, version) {
  const program = join(goFolder(name, version), name);
  return existsSync(program) ? program : undefined;
}

function goFolder(name, version) {
  return join(bin, `${name}-${version}`);
}

async function pipInstall(requirement, mark, budgetMs) {
  const command = ["python3", "python"].find((name) => onPath(name) !== undefined);
  if (command === undefined) return "Python is not installed, by whose pip it would come";
  mkdirSync(home, { recursive: true });
  const endMs = performance.now() + budgetMs;
  const failed = await ran(command, ["-m", "venv", venv], { budgetMs });
  if (failed !== undefined) return failed;
  const pip = await ran(join(venv, "bin", "python"), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement], { budgetMs: endMs - performance.now() });
  if (pip === undefined) writeFileSync(join(venv, mark), "");
  return pip;
}
