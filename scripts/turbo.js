// Runs turbo: without telemetry, and with the version of Node in the keys of its cache, since tests that passed on one say nothing
// about another. turbo.json says which tasks depend on it.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const turbo = fileURLToPath(new URL("../node_modules/turbo/bin/turbo", import.meta.url));
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", HOLDFAST_NODE: process.version };
const { status, error } = spawnSync(process.execPath, [turbo, "run", ...process.argv.slice(2)], { stdio: "inherit", env });
if (error !== undefined) console.error(error.message);
process.exitCode = status ?? 1;
