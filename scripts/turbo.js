// Runs turbo: without telemetry, and with the version of Node in the keys of its cache, since tests that passed on one say nothing
// about another (turbo.json says which tasks depend on it). Turbo calls pnpm; where there is none on the path, npx brings it.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const tasks = process.argv.slice(2);
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", HOLDFAST_NODE: process.version };

const { status, error } = isOnPath("pnpm") || process.env.PNPM_BY_NPX === "1"
  ? spawnSync(process.execPath, [fileURLToPath(import.meta.resolve("turbo/bin/turbo")), "run", ...tasks], { cwd: root, env, stdio: "inherit" })
  : spawnSync("npx", ["--yes", "-p", packageManager(), "--", "node", import.meta.filename, ...tasks], { cwd: root, env: { ...env, PNPM_BY_NPX: "1" }, stdio: "inherit" });
if (error !== undefined) console.error(error.message);
process.exitCode = status ?? 1;

function isOnPath(name) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => [name, `${name}.exe`, `${name}.cmd`].some((file) => existsSync(join(folder, file))));
}

function packageManager() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager;
}
