#!/usr/bin/env node
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { Command, Option } from "commander";
import { isFailure, runCheck } from "./check.js";
import type { Check, CheckKind, CheckResult } from "./check.js";
import { fileLogChecks } from "./file-log/checks.js";
import { objectLogChecks } from "./object-log/checks.js";
import { count, jsonReport, markdownReport, terminalReport, traceReport } from "./report.js";
import { EXIT_CODES, exitAsCommanderSays, outputFile, refuseNoMatch, regularExpression, RefusedError, runProgram, wholeNumber } from "../../../scripts/command-line.js";

interface Options {
  readonly model?: string;
  readonly only?: RegExp;
  readonly limit?: number;
  readonly json?: string;
  readonly quick?: boolean;
  readonly markdown?: boolean;
}

/** `--quick` runs what found at most so many states when it was recorded. */
const QUICK_STATES = 250_000;

const COMMANDS: readonly { readonly name: string; readonly description: string; readonly kinds: readonly CheckKind[] }[] = [
  { name: "all", description: "safe, then bugs; the default", kinds: ["safe", "control", "redundant"] },
  { name: "safe", description: "configurations in which every promise must hold", kinds: ["safe"] },
  { name: "bugs", description: "negative controls: one rule taken away, a promise must break", kinds: ["control", "redundant"] },
  { name: "large", description: "configurations that are not searched to the end", kinds: ["large"] },
];

const checks: readonly Check[] = [...fileLogChecks, ...objectLogChecks];

const program: Command = new Command("model-check")
  .description("Searches every history of the log protocols within stated bounds, and shows that each rule is needed.")
  .addOption(new Option("--model <name>", "only this model").choices([...new Set(checks.map(({ model }) => model))]))
  .option("--only <regex>", "only configurations and rules whose name matches", regularExpression("--only"))
  .option("--limit <states>", "stop each search at so many states (about 275 bytes of memory each, 120 of the object log)", wholeNumber("--limit", 1, 0x7fff_ffff))
  .option("--json <file>", "write the results to a file as well", outputFile("--json"))
  .option("--quick", `only what takes at most ${count(QUICK_STATES)} states`)
  .option("--markdown", "print the tables as Markdown")
  .addHelpText("afterAll", `\n${EXIT_CODES}`)
  .showHelpAfterError()
  .exitOverride(exitAsCommanderSays);

for (const { name, description, kinds } of COMMANDS) {
  program
    .command(name, { isDefault: name === "all" })
    .description(description)
    .action(() => { run(kinds); });
}
program
  .command("trace")
  .argument("<name>", "a configuration or a rule")
  .description("the shortest history that breaks a promise")
  .action(trace);
await runProgram(async () => {
  await program.parseAsync();
  return Number(process.exitCode ?? 0);
});

function run(kinds: readonly CheckKind[]): void {
  const options = program.opts<Options>();
  const possible = checks.filter(({ model, kind, recorded }) => {
    if (options.model !== undefined && options.model !== model) return false;
    return kinds.includes(kind) && (options.quick !== true || (recorded !== undefined && recorded.states <= QUICK_STATES));
  });
  const chosen = possible.filter(({ name }) => options.only?.test(name) ?? true);
  if (options.only !== undefined && chosen.length === 0) refuseNoMatch("--only", String(options.only), possible.map(({ name }) => name));
  if (chosen.length === 0) throw new RefusedError("--quick: none of these takes so few states.");
  const results = chosen.map((check) => runWithProgress(check, options.limit));
  console.log(options.markdown === true ? markdownReport(results) : terminalReport(results));
  if (options.json !== undefined) writeJson(options.json, results);
  if (results.some(isFailure)) process.exitCode = 1;
}

function trace(name: string): void {
  const { model, limit } = program.opts<Options>();
  const ofModel = checks.filter((check) => model === undefined || check.model === model);
  const named = ofModel.filter((check) => check.name === name);
  if (named.length === 0) refuseNoMatch("trace", JSON.stringify(name), ofModel.map((check) => check.name));
  console.log(named.map((check) => traceReport(runWithProgress(check, limit))).join("\n\n"));
}

/** One line on a terminal that is written over; nothing where the output goes to a file. */
function runWithProgress(check: Check, limit: number | undefined): CheckResult {
  const { stderr } = process;
  if (!stderr.isTTY) return runCheck(check, { limit });
  const result = runCheck(check, {
    limit,
    onProgress: (found, expanded) => {
      const expected = check.recorded === undefined ? "" : ` of ${count(check.recorded.states)}`;
      stderr.write(`\r\u001b[K${check.name}: ${count(found)}${expected} states, ${count(found - expanded)} to explore`);
    },
  });
  stderr.write("\r\u001b[K");
  return result;
}

function writeJson(file: string, results: readonly CheckResult[]): void {
  const report = {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus()[0]?.model,
    arguments: process.argv.slice(2),
    results: jsonReport(results),
  };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
