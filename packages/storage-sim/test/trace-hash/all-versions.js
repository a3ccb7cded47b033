// `npm run trace-hash [VERSION...]`: runs the scenario on versions of Node that npx gets from the registry, and compares what it prints.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const versions = process.argv.length > 2 ? process.argv.slice(2) : [20, 22, 24];
const scenario = join(import.meta.dirname, "scenario.js");
const expected = readFileSync(join(import.meta.dirname, "expected.txt"), "utf8").trim();

const results = versions.map((version) => {
  const node = ["--yes", `node@${version}`];
  const found = spawnSync("npx", [...node, "--version"], { encoding: "utf8" });
  if (found.status !== 0) return { version, line: `skipped: no Node ${version} to be had`, wrong: false };
  const { status, stdout, stderr } = spawnSync("npx", [...node, scenario], { encoding: "utf8" });
  const line = status === 0 ? stdout.trim() : stderr.trim();
  return { version: found.stdout.trim(), line, wrong: line !== expected };
});

for (const { version, line, wrong } of results) console.log(`${wrong ? "WRONG" : line.startsWith("skipped") ? "     " : "   ok"}  Node ${version}  ${line}`);
const skipped = results.filter(({ line }) => line.startsWith("skipped")).length;
console.log(`expected: ${expected}; ${results.length - skipped} of ${results.length} versions run, ${skipped} skipped`);
process.exitCode = results.some(({ wrong }) => wrong) || skipped === results.length ? 1 : 0;
