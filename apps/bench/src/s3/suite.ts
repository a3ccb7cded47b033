import { writeFile } from "node:fs/promises";

import { killChildren } from "../child.js";
import { CRC32C, crc32cSetting, useCrc32cOf } from "../crc32c.js";
import { describeEnvironment } from "../environment.js";
import { htmlReport } from "../html.js";
import { startProgress } from "../progress.js";
import { environmentLines, failures, tableText, type BenchReport } from "../report.js";
import type { BenchContext, RowResult } from "../row.js";
import { openScratch, type Scratch } from "../scratch.js";
import { s3AppendFamily } from "./append-rows.js";
import { idleFamily } from "./idle-rows.js";
import { s3OpenFamily } from "./open-rows.js";
import { s3RequestFamily } from "./request-rows.js";
import type { S3Context, S3Family } from "./s3-context.js";
import { refuseNoMatch } from "../../../../scripts/command-line.js";
import { openS3Session, type S3Session } from "../../../../scripts/s3-session.js";
import { parseS3Options, type S3Options } from "./suite-options.js";

/** The word by which the suite is called. */
export const S3_SUITE = "s3";

/**
 * Measures the log on object storage, on a real server on loopback, and many logs in one process.
 *
 * @param args - Behind the word.
 * @returns The exit code: 0 also where there is no server, which the report says.
 */
export async function runS3Suite(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const names = [...SERVER_FAMILIES, idleFamily].map(({ id }) => id);
  const options = parseS3Options(args, names);
  if (options.only !== undefined && !names.some((name) => isChosen(name, options))) refuseNoMatch("--only", String(options.only), names);
  if (options.crc32c !== undefined) await useCrc32cOf(options.crc32c);
  const chosen = SERVER_FAMILIES.filter((family) => isChosen(family.id, options));
  const scratch = await openScratch(options.directory);
  const session = chosen.length === 0 ? { missing: "not asked for" } : await openS3Session(options.server === undefined ? undefined : [options.server]);
  try {
    const environment = await describeEnvironment(scratch.path, []);
    for (const line of environmentLines(environment)) console.log(line);
    const rows = await measure(chosen, session, options, scratch);
    const report: BenchReport = {
      format: "holdfast-bench/1",
      size: "full",
      seed: options.seed,
      runs: options.runs,
      seconds: (performance.now() - started) / 1000,
      environment,
      settings: {
        log: `all defaults, synced; server: ${"missing" in session ? "none" : session.name}; up to 1,000 requests at a time; runs of ${options.seconds} s`,
        ...(options.crc32c === undefined ? {} : { [CRC32C]: crc32cSetting(options.crc32c) }),
      },
      proof: undefined,
      rows,
      notRun: [...SERVER_FAMILIES, idleFamily].filter(({ id }) => !isChosen(id, options)).map(({ work }) => work),
    };
    await publish(report, options);
    return failures(report).length === 0 ? 0 : 1;
  } finally {
    scratch.remove();
    if ("stop" in session) await session.stop();
  }
}

const SERVER_FAMILIES: readonly S3Family[] = [s3AppendFamily, s3RequestFamily, s3OpenFamily];

function isChosen(id: string, { only }: S3Options): boolean {
  return only?.test(id) ?? true;
}

/** Runs the families one after the other. One that breaks becomes a row that says so; the others are still measured. */
async function measure(families: readonly S3Family[], session: S3Session | { readonly missing: string }, options: S3Options, scratch: Scratch): Promise<readonly RowResult[]> {
  const isIdleChosen = isChosen(idleFamily.id, options);
  const steps = families.reduce((sum, family) => sum + family.steps(options.runs), isIdleChosen ? idleFamily.steps(options.runs) : 0);
  const progress = startProgress(steps);
  const context: BenchContext = { size: "full", scratch, progress, runs: options.runs, seed: options.seed, outOfTime: () => false };
  const rows: RowResult[] = [];
  for (const family of families) {
    const { id, work } = family;
    if ("missing" in session) rows.push({ id, work, missing: session.missing, failed: false });
    else rows.push(...(await orFailure(id, work, family.run(onServer(context, session, options)))));
  }
  if (isIdleChosen) rows.push(...(await orFailure(idleFamily.id, idleFamily.work, idleFamily.run(context))));
  progress.stop();
  return rows;
}

function onServer(context: BenchContext, session: S3Session, { seconds, putPrice, getPrice }: S3Options): S3Context {
  const base = `bench-${process.pid}-${Date.now().toString(36)}`;
  return { ...context, session, seconds, prices: { put: putPrice, get: getPrice }, freshPrefix: () => `${base}/${(prefixes += 1)}` };
}

let prefixes = 0;

async function orFailure(id: string, work: string, rows: Promise<readonly RowResult[]>): Promise<readonly RowResult[]> {
  try {
    return await rows;
  } catch (error) {
    killChildren();
    return [{ id, work, missing: error instanceof Error ? (error.stack ?? error.message) : String(error), failed: true }];
  }
}

async function publish(report: BenchReport, { json, report: html, putPrice, getPrice }: S3Options): Promise<void> {
  console.log(tableText(report));
  console.log(`prices: $${putPrice} for 1,000 PUT, POST or LIST, $${getPrice} for 1,000 GET or HEAD, DELETE free; ${report.seconds.toFixed(0)} s`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`);
  if (html !== undefined) await writeFile(html, htmlReport(report));
  for (const row of report.rows) if ("missing" in row && !row.failed) console.log(`SKIPPED ${row.work}: ${row.missing}`);
  for (const failure of failures(report)) console.error(`FAILED: ${failure}`);
}
