import { fsBackend } from "@holdfast/storage-fs";
import { openLog, type LogRecovery } from "@holdfast/wal";

import { startChild } from "../child.js";
import type { Progress } from "../progress.js";
import { seededFractions } from "../records.js";
import { checkLog, type Finding, type Verdict } from "./checker.js";
import type { Dataset } from "./dataset.js";
import { createLedger, type Ledger } from "./ledger.js";
import { parseReport, type Report } from "./protocol.js";

/** What to prove, and how hard. */
export interface ProofOptions {
  readonly dataset: Dataset;
  /** Directory for the log; exists, empty. */
  readonly directory: string;
  readonly kills: number;
  readonly seed: number;
  readonly progress: Progress;
  /** The child's program. Tests put one there that lies. */
  readonly worker?: URL;
}

/** What came out. */
export interface Proof {
  readonly proven: boolean;
  readonly kills: number;
  /** Kills that met the child while it was opening the log. */
  readonly killsWhileOpening: number;
  /** Records acknowledged before the last kill, all of which were there after it. */
  readonly acknowledged: number;
  /** Records found after the last kill: the acknowledged ones, and those whose acknowledgement the kill cut off. */
  readonly found: number;
  /** Records in the log after one more child had written the rest and closed it. */
  readonly complete: number;
  /** Of the openings after a kill: those that found a torn tail, and those that copied whole commits that nobody had vouched for. */
  readonly openings: { readonly total: number; readonly withTornTail: number; readonly withCopies: number; readonly copiedRecords: number };
  readonly findings: readonly Finding[];
  readonly findingCount: number;
  readonly seconds: number;
}

/** When a child is killed: so many milliseconds after it has got so many records acknowledged, or has begun to open the log. */
export interface KillMoment {
  readonly after: { readonly acknowledged: number } | "opening";
  readonly delayMs: number;
  /** Appends in flight in this child: small commits and large ones. */
  readonly inFlight: number;
}

/**
 * Has a child process append the records, kills it with SIGKILL again and again, and compares what is left with what was acknowledged:
 * once right after the last kill, and once more after a last child has written the rest and closed the log.
 */
export async function prove(options: ProofOptions): Promise<Proof> {
  const started = performance.now();
  const { dataset, progress } = options;
  const ledger = createLedger();
  const openings: Opening[] = [];
  let killsWhileOpening = 0;

  for (const moment of killMoments(options.seed, options.kills, dataset.records.length)) {
    progress.step(`proof: ${ledger.acknowledgedCount().toLocaleString("en")} records acknowledged`);
    const { opening } = await runUntilKilled(options, ledger, moment);
    if (opening === undefined) killsWhileOpening += 1;
    else openings.push(opening);
  }
  const acknowledged = ledger.acknowledgedCount();
  progress.step("proof: comparing");
  const afterKill = await readAndCheck(options, ledger, (recovery) => openings.push(openingOf(recovery)));

  const wholeInputs = Math.ceil((afterKill.records + 1) / dataset.records.length);
  progress.step("proof: writing the rest");
  await runToEnd(options, ledger, wholeInputs * dataset.records.length);
  const afterClose = await readAndCheck(options, ledger, () => undefined);

  const afterFirst = openings.slice(1); // the first child met no log
  const findings = [...ledger.findings(), ...afterKill.findings, ...afterClose.findings];
  const findingCount = ledger.findings().length + afterKill.findingCount + afterClose.findingCount;
  return {
    proven: findingCount === 0,
    kills: options.kills,
    killsWhileOpening,
    acknowledged,
    found: afterKill.records,
    complete: afterClose.records,
    openings: {
      total: afterFirst.length,
      withTornTail: afterFirst.filter(({ tornBytes }) => tornBytes > 0).length,
      withCopies: afterFirst.filter(({ copiedRecords }) => copiedRecords > 0).length,
      copiedRecords: afterFirst.reduce((sum, { copiedRecords }) => sum + copiedRecords, 0),
    },
    findings,
    findingCount,
    seconds: (performance.now() - started) / 1000,
  };
}

/**
 * Draws the moments. Most children are killed behind a number of acknowledgements, drawn so that together they use up at most the
 * input; every fourth within the first milliseconds of its opening, so that recovery is interrupted too. The delay makes the kill independent
 * of where the child is in a commit when the acknowledgement arrives.
 */
export function killMoments(seed: number, kills: number, records: number): readonly KillMoment[] {
  const sizes = seededFractions(seed, "records before a kill", kills);
  const share = records / Math.max(1, kills - Math.floor(kills / 4));
  return seededFractions(seed, "kill delays", kills).map((fraction, index) => ({
    after: index % 4 === 3 ? "opening" : { acknowledged: Math.ceil((0.5 + 0.5 * (sizes[index] ?? 0)) * share) },
    delayMs: fraction * MAX_DELAY_MS,
    inFlight: IN_FLIGHT[index % IN_FLIGHT.length] ?? 1,
  }));
}

interface Opening {
  readonly tornBytes: number;
  readonly copiedRecords: number;
}

const PREFIX = "proof";
const MAX_DELAY_MS = 4;
const IN_FLIGHT = [64, 1024, 8] as const;
const DEFAULT_WORKER: URL = new URL("./worker.js", import.meta.url);

/** Answers what the child found when it opened the log; `undefined` if it was killed before it could tell. */
async function runUntilKilled(options: ProofOptions, ledger: Ledger, moment: KillMoment): Promise<{ readonly opening: Opening | undefined }> {
  const child = startWorker(options, 0, moment.inFlight);
  const target = moment.after === "opening" ? Number.POSITIVE_INFINITY : ledger.acknowledgedCount() + moment.after.acknowledged;
  let isDue = false;
  let opening: Opening | undefined;
  for await (const line of child.lines) {
    const report = parseReport(line);
    ledger.take(report);
    if (report.kind === "opened") opening = report;
    if (isDue || !(moment.after === "opening" || ledger.acknowledgedCount() >= target)) continue;
    isDue = true;
    setTimeout(() => {
      child.kill();
    }, moment.delayMs);
  }
  const { code, signal } = await child.ended();
  if (signal !== "SIGKILL") throw new Error(`The writing child was to be killed and ended with ${signal ?? `code ${String(code)}`}.`);
  return { opening };
}

async function runToEnd(options: ProofOptions, ledger: Ledger, through: number): Promise<void> {
  const child = startWorker(options, through, IN_FLIGHT[0]);
  let last: Report["kind"] | undefined;
  for await (const line of child.lines) {
    const report = parseReport(line);
    ledger.take(report);
    last = report.kind;
  }
  const { code, signal } = await child.ended();
  if (code !== 0 || last !== "done") throw new Error(`The writing child was to finish and ended with ${signal ?? `code ${String(code)}`}.`);
}

function startWorker(options: ProofOptions, through: number, inFlight: number): ReturnType<typeof startChild> {
  const { directory, dataset } = options;
  return startChild(options.worker ?? DEFAULT_WORKER, [directory, PREFIX, dataset.file, String(through), String(inFlight)]);
}

async function readAndCheck(options: ProofOptions, ledger: Ledger, onRecovery: (recovery: LogRecovery) => void): Promise<Verdict> {
  await using storage = await fsBackend({ root: options.directory });
  await using log = await openLog({ storage, prefix: PREFIX });
  onRecovery(log.recovery);
  return await checkLog(log.read(), {
    input: options.dataset.records,
    acknowledged: ledger.acknowledged(),
    offeredThrough: ledger.offeredThrough(),
  });
}

function openingOf({ tornTail, copiedRecords }: LogRecovery): Opening {
  return { tornBytes: tornTail?.bytes ?? 0, copiedRecords };
}
