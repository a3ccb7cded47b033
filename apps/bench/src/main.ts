#!/usr/bin/env node
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { killChildren } from "./child.js";
import { CRC32C, crc32cSetting, useCrc32cOf } from "./crc32c.js";
import { describeEnvironment } from "./environment.js";
import { htmlReport } from "./html.js";
import { parseOptions, type Options } from "./options.js";
import { loadPeers, peerPackages, settingsOf } from "./peers/all.js";
import { startProgress, type Progress } from "./progress.js";
import { prepareDataset, readRecords, type Records } from "./proof/dataset.js";
import { prove } from "./proof/prove.js";
import { closingLine, environmentLines, failures, tableText, targetsLine, type BenchReport } from "./report.js";
import type { BenchContext, RowFamily, RowResult } from "./row.js";
import { rowFamilies } from "./rows/all.js";
import { S3_SUITE, runS3Suite } from "./s3/suite.js";
import { openScratch, otherRuns, type Scratch } from "./scratch.js";
import { endOnSignals, RefusedError, refuseNoMatch, runProgram } from "../../../scripts/command-line.js";

/** The main job: prove that what was acknowledged survives a kill, then measure. */
async function main(): Promise<number> {
  const started = performance.now();
  const peers = await loadPeers();
  const families = rowFamilies(peers);
  const names = [PROOF, ...families.map(({ id }) => id)];
  const options = parseOptions(process.argv, names);
  const chosen = families.filter((family) => isChosen(family, options));
  const isProofChosen = options.only?.test(PROOF) ?? true;
  if (options.only !== undefined && !isProofChosen && chosen.length === 0) refuseNoMatch("--only", String(options.only), names);
  if (options.input !== undefined && !isProofChosen) throw new RefusedError("--input: the records are those of the proof, which --only leaves out.");
  const records = isProofChosen ? await readRecords(options.input, options.size) : undefined;
  if (options.crc32c !== undefined) await useCrc32cOf(options.crc32c);
  const scratch = await openScratch(options.directory);
  try {
    const environment = await describeEnvironment(scratch.path, peerPackages);
    for (const line of environmentLines(environment)) console.log(line);
    for (const path of await otherRuns(options.directory, scratch)) console.log(`Left by another run, or in use by one: ${path}`);

    const steps = (records === undefined ? 0 : KILLS[options.size] + PROOF_STEPS) + chosen.reduce((sum, family) => sum + family.steps(options.runs), 0);
    const progress = startProgress(steps);
    const proof = records === undefined ? undefined : await proveRecords(records, options, scratch, progress);
    const rows = await measure(chosen, { ...options, scratch, progress }, started + QUICK_BUDGET_MS);
    progress.stop();

    const report: BenchReport = {
      format: "holdfast-bench/1",
      size: options.size,
      seed: options.seed,
      runs: options.runs,
      seconds: (performance.now() - started) / 1000,
      environment,
      settings: { ...settingsOf(peers), ...(options.crc32c === undefined ? {} : { [CRC32C]: crc32cSetting(options.crc32c) }) },
      proof,
      rows,
      notRun: families.filter((family) => !chosen.includes(family)).map(({ work, sizes }) => (sizes.includes(options.size) ? work : `${work} (--size full)`)),
    };
    await publish(report, options);
    return failures(report).length === 0 ? 0 : 1;
  } finally {
    scratch.remove();
  }
}

const PROOF = "proof";
const KILLS = { quick: 7, full: 40 } as const;
/** Of the proof, besides its kills. */
const PROOF_STEPS = 2;
/** The quick size shares out so many milliseconds among what it measures. A comparison whose share is used up ends with the rounds that are there. */
const QUICK_BUDGET_MS = 70_000;

function isChosen({ id, work, sizes }: RowFamily, { only, size }: Options): boolean {
  return only === undefined ? sizes.includes(size) : only.test(id) || only.test(work);
}

async function proveRecords(records: Records, { size, seed }: Options, scratch: Scratch, progress: Progress): Promise<BenchReport["proof"]> {
  const directory = await scratch.directory("proof");
  const dataset = await prepareDataset(records, join(scratch.path, "input.ndjson"));
  const proof = await prove({ dataset, directory, kills: KILLS[size], seed, progress });
  return { ...proof, dataset: dataset.name, datasetRecords: dataset.records.length };
}

/** Runs the families one after the other. One that breaks becomes a row that says so; the others are still measured. */
async function measure(families: readonly RowFamily[], base: Omit<BenchContext, "outOfTime">, quickEnd: number): Promise<readonly RowResult[]> {
  const rows: RowResult[] = [];
  for (const [index, family] of families.entries()) {
    const { id, work } = family;
    const now = performance.now();
    const share = Math.max(0, quickEnd - now) / (families.length - index);
    try {
      rows.push(...(await family.run({ ...base, outOfTime: () => base.size === "quick" && performance.now() > now + share })));
    } catch (error) {
      killChildren();
      rows.push({ id, work, missing: error instanceof Error ? (error.stack ?? error.message) : String(error), failed: true });
    }
  }
  return rows;
}

async function publish(report: BenchReport, options: Options): Promise<void> {
  if (report.rows.length > 0) {
    console.log(tableText(report));
    console.log(`\n${targetsLine(report.rows)}; ${report.seconds.toFixed(0)} s`);
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (options.report !== undefined) await writeFile(options.report, htmlReport(report));
  for (const failure of failures(report)) console.error(`FAILED: ${failure}`);
  console.log(closingLine(report));
}

endOnSignals();
await runProgram(async () => (process.argv[2] === S3_SUITE ? await runS3Suite(process.argv.slice(3)) : await main()));
