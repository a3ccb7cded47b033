import { mkdir, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";

import type { Child } from "../child.js";
import { STORES, type History } from "../history.js";
import { HangError } from "../in-time.js";
import { firstMissing, linux, tool, type Skip } from "../machine.js";
import { startProgress } from "../progress.js";
import { seededRandom, shuffled } from "../random.js";
import { Counts, publish, type RungResult, type Violation } from "../result.js";
import { ToolError } from "../run-tool.js";
import { openWorkspace, type Workspace } from "../workspace.js";
import { countCalls, describeFault, faultsOf, injection, type Fault } from "./faults.js";
import { limitCases } from "./limited.js";
import { EXPECTED_REFUSALS, prepare, runScript, type Prepared } from "./prepared.js";
import { CannotTraceError, runTraced, type TracedEnd } from "./traced-run.js";

/** Options of the rung. */
export interface SweepOptions {
  /** For how long; a sample of the faults, drawn by the seed, is tried. */
  readonly seconds: number;
  /** At most so many faults. */
  readonly cases?: number;
  /** Every fault, however long it takes. */
  readonly all?: boolean;
  readonly seed: number;
  /** Where to work. */
  readonly directory?: string;
  readonly json?: string;
}

/** Lets each system call under a store fail in turn, and tells what was lost. Answers the exit code: 0 without a finding, or skipped. */
export async function runSweep(options: SweepOptions): Promise<number> {
  const workspace = openWorkspace(options.directory);
  try {
    return publish(await sweep(options, workspace), options.json);
  } finally {
    workspace.remove();
  }
}

/**
 * Runs each store's script once undisturbed, under strace, to see which system calls it makes; then once more for each of them, for each error
 * that it can answer, once and from then on, and once for each with the process killed there. After each run the store is opened without
 * faults: what was acknowledged must be there, what was refused as not applied must not, and it must be of use again.
 */
async function sweep(options: SweepOptions, workspace: Workspace): Promise<RungResult> {
  const started = performance.now();
  const run: Run = { workspace, counts: new Counts(), violations: [], skipped: [] };
  const settings = { node: process.version, "threads of libuv": 1 };
  const prepared = await Promise.all(STORES.map((store) => prepare(store, join(workspace.directory(`prepared-${store}`), "store"))));
  const cases = [...limitCases(prepared, run), ...(await faultCases(prepared, options, run))];
  await tryCases(cases, options, run, () => (performance.now() - started) / 1000);
  const { counts, violations, skipped } = run;
  return { rung: "sweep", seed: options.seed, seconds: (performance.now() - started) / 1000, settings, counts: counts.values(), skipped, violations };
}

/** What a sweep gathers. */
export interface Run {
  readonly workspace: Workspace;
  readonly counts: Counts;
  readonly violations: Violation[];
  readonly skipped: Skip[];
}

/** One run of a script under a limit or a fault, in a directory that nobody else uses meanwhile. */
export interface Case {
  /** As it stands in front of what is found. */
  readonly where: string;
  attempt(directory: string): Promise<void>;
}

/** A script ran under a fault and ended; now its store is opened without. */
export async function checkAfter(history: History, root: string, where: string, run: Run): Promise<void> {
  for (const [name, count] of Object.entries(await history.check(root))) run.counts.add(name, count);
  run.violations.push(...history.violations(where));
  await rm(root, { recursive: true, force: true });
}

/** Every fault that the scripts can meet, in an order drawn by the seed; none, and a skip, where strace is not there or may not trace. */
async function faultCases(all: readonly Prepared[], { seed, cases }: SweepOptions, run: Run): Promise<readonly Case[]> {
  const missing = firstMissing([linux, tool("strace")]);
  if (missing !== undefined) {
    run.skipped.push({ what: "injected faults", reason: missing });
    return [];
  }
  try {
    const found: Case[] = [];
    for (const prepared of all) {
      const calls = await undisturbed(prepared, run);
      for (const [syscall, count] of calls) run.counts.add(`calls of ${syscall} (${prepared.store})`, count);
      found.push(...faultsOf(calls).map((fault) => faultCase(prepared, fault, run)));
    }
    run.counts.add("faults that there are", found.length);
    return shuffled(found, seededRandom(seed)).slice(0, cases);
  } catch (error) {
    if (!(error instanceof CannotTraceError)) throw error;
    run.skipped.push({ what: "injected faults", reason: error.message });
    return [];
  }
}

/** Tries them in order, as many at a time as there are processors, until all are tried or the time is over. */
async function tryCases(cases: readonly Case[], options: SweepOptions, run: Run, secondsNow: () => number): Promise<void> {
  const progress = startProgress();
  let next = 0;
  const worker = async (name: string): Promise<void> => {
    for (let it = cases[next]; it !== undefined && (options.all === true || secondsNow() < options.seconds); it = cases[next]) {
      next += 1;
      await tryCase(it, join(run.workspace.path, name), run);
      progress.show(`sweep: ${next} of ${cases.length} cases, ${secondsNow().toFixed(0)} s, ${run.violations.length} violations`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, (_, index) => worker(`sweep-${index}`)));
  progress.stop();
  if (next < cases.length) run.skipped.push({ what: `${cases.length - next} of ${cases.length} cases`, reason: `${options.seconds} s were over` });
}

async function tryCase(it: Case, directory: string, run: Run): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  try {
    await it.attempt(directory);
  } catch (error) {
    if (error instanceof HangError) run.violations.push({ kind: "hang", where: it.where, detail: error.message });
    else if (error instanceof ToolError) run.skipped.push({ what: it.where, reason: error.message });
    else throw error;
  }
}

/** A run without faults must acknowledge everything. Answers how many calls of each kind it makes. */
async function undisturbed(prepared: Prepared, run: Run): Promise<ReadonlyMap<string, number>> {
  const root = join(run.workspace.directory("undisturbed"), "store");
  const { history, trace, isComplete, refused } = await runScript(prepared, root, {}, (child) => runTraced(child, [], `${root}.trace`));
  const isWell = isComplete && refused === EXPECTED_REFUSALS[prepared.store];
  if (!isWell) run.violations.push({ kind: "wrong", where: `${prepared.store}: without faults`, detail: `the script was refused ${refused} times` });
  await checkAfter(history, root, "without faults", run);
  return countCalls(trace);
}

function faultCase(prepared: Prepared, fault: Fault, run: Run): Case {
  const where = `${prepared.store}: ${describeFault(fault)}`;
  const attempt = async (directory: string): Promise<void> => {
    const root = join(directory, "store");
    const watch = (child: Child): Promise<TracedEnd> => runTraced(child, [injection(fault)], join(directory, "trace"));
    const { history, trace, isComplete, signal, code } = await runScript(prepared, root, {}, watch);
    const isKilled = fault.effect === "SIGKILL" && signal === "SIGKILL" && !isComplete;
    if (!isComplete && !isKilled) run.violations.push({ kind: "died", where, detail: `the script did not come to its end: ${signal ?? `code ${String(code)}`}` });
    const isHit = isKilled || trace.includes("(INJECTED)");
    run.counts.add(isHit ? `faults of ${fault.syscall}` : "faults whose call was not reached");
    run.counts.add("faults tried");
    await checkAfter(history, root, where, run);
  };
  return { where, attempt };
}
