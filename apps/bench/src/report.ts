import Table from "cli-table3";

import { CRC32C } from "./crc32c.js";
import type { Environment } from "./environment.js";
import { formatFigure, formatRatio } from "./figures.js";
import type { Proof } from "./proof/prove.js";
import { isMeasured, type MissingRow, type Row, type RowResult, type Size } from "./row.js";

/** Everything a run found, as `--json` writes it. */
export interface BenchReport {
  readonly format: "holdfast-bench/1";
  readonly size: Size;
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
  readonly environment: Environment;
  /** Name and settings of everybody who was measured. */
  readonly settings: Readonly<Record<string, string>>;
  /** Absent if `--only` left it out. */
  readonly proof: (Proof & { readonly dataset: string; readonly datasetRecords: number }) | undefined;
  readonly rows: readonly RowResult[];
  /** Rows that only the full size measures, or that `--only` left out. */
  readonly notRun: readonly string[];
}

/** The machine, in a few lines. */
export function environmentLines(environment: Environment): readonly string[] {
  const { cpu, cores, load, memoryGiB, fileSystem, kernel, architecture, node, date, peers } = environment;
  const versions = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${fileSystem}; ${kernel} ${architecture}`,
    `Node ${node}; ${versions.join(", ")}; ${date}; load ${load.toFixed(1)} at the start`,
    ...(load > cores / 2 ? ["Others are using this machine: take the figures with care."] : []),
  ];
}

/** The measurements as a table, then what its columns mean, what was left out, and the settings of everybody in it. */
export function tableText(report: BenchReport): string {
  const table = new Table({
    head: ["work", "ours", "against", "theirs", "ratio", "target", "met"],
    colWidths: [29, 12, 21, 12, 23, 20, 5], // With the lines between them 130, which fits a terminal.
    wordWrap: true,
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const row of report.rows.filter(isMeasured)) table.push(cells(row));
  const named = new Set(report.rows.filter(isMeasured).flatMap(({ against }) => (against === undefined ? [] : [against.name])));
  const settings = Object.entries(report.settings).filter(([name]) => name === "log" || name === CRC32C || named.has(name));
  return [
    table.toString(),
    "ratio: ours divided by theirs, median of rounds run in turns (least–most); ↑ more is better, ↓ less is better. Records of 256 bytes; k, M: thousand, million.",
    ...noteLines(report.rows),
    ...shortLines(report),
    ...missingLines(report.rows),
    ...(report.notRun.length === 0 ? [] : [`not in this run: ${report.notRun.join("; ")}`]),
    "",
    ...settings.map(([name, setting]) => `${name}: ${setting}`),
  ].join("\n");
}

/** How many targets were met; rows without a target do not count. */
export function targetsLine(rows: readonly RowResult[]): string {
  const targets = rows.filter(isMeasured).flatMap(({ target }) => (target === undefined ? [] : [target]));
  const met = targets.filter((target) => target.met).length;
  return `${met} of ${targets.length} targets met`;
}

/** The last line: what was proven, and what that means. */
export function closingLine({ proof }: Pick<BenchReport, "proof">): string {
  if (proof === undefined) return "Nothing was proven: --only left the proof out.";
  const { acknowledged, kills, findings, findingCount, openings, complete } = proof;
  if (!proof.proven) {
    const first = findings.slice(0, 5).map(({ kind, seq, detail }) => `${kind} at ${seq} (${detail})`);
    return `NOT PROVEN: ${findingCount} findings after ${kills} SIGKILLs: ${first.join("; ")}.`;
  }
  return (
    `Proven: ${count(acknowledged)} acknowledged records of ${proof.dataset} survived ${kills} SIGKILLs, in order, byte for byte, and nothing was invented; ` +
    `of ${openings.total} openings after a kill ${openings.withTornTail} reported a torn tail and ${openings.withCopies} copied unvouched commits; ` +
    `afterwards the log took the rest and held all ${count(complete)}. This was a process kill, not a power cut.`
  );
}

/** What went wrong, so that the exit code tells: a proof that failed, a row that broke. A missed target is not among it. */
export function failures(report: Pick<BenchReport, "proof" | "rows">): readonly string[] {
  return [
    ...(report.proof?.proven === false ? ["the proof"] : []),
    ...report.rows.flatMap((row) => (!isMeasured(row) && row.failed ? [row.work] : [])),
  ];
}

/** One line for each reason, and one for each row that broke. */
export function missingLines(rows: readonly RowResult[]): readonly string[] {
  const missing = rows.filter((row): row is MissingRow => !isMeasured(row));
  const works = new Map<string, string[]>();
  for (const row of missing) {
    const reason = row.failed ? `FAILED (${row.missing})` : `not measured (${row.missing})`;
    works.set(reason, [...(works.get(reason) ?? []), row.work]);
  }
  return [...works].map(([reason, names]) => `${reason}: ${names.join("; ")}`);
}

/** Which comparisons ended before all their rounds. */
export function shortLines({ rows, runs }: Pick<BenchReport, "rows" | "runs">): readonly string[] {
  const short = rows.filter(isMeasured).flatMap(({ work, rounds }) => {
    const done = rounds?.ours.length ?? runs;
    return done < runs ? [`${work} (${done} of ${runs})`] : [];
  });
  return short.length === 0 ? [] : [`fewer rounds than asked for, because time was up: ${[...new Set(short)].join("; ")}`];
}

/** What a reader should know about single rows: too long for the table. */
function noteLines(rows: readonly RowResult[]): readonly string[] {
  return rows.filter(isMeasured).flatMap(({ work, against, note }) => {
    const row = against === undefined ? work : `${work} against ${against.name}`;
    return note === undefined ? [] : [`${row}: ${note}`];
  });
}

function cells(row: Row): string[] {
  return [
    row.work,
    formatFigure(row.ours),
    row.against?.name ?? "",
    row.against === undefined ? "" : formatFigure(row.against.figure),
    formatRatio(row.ratio),
    row.target?.text ?? "",
    row.target === undefined ? "" : row.target.met ? "yes" : "NO",
  ];
}

function count(value: number): string {
  return value.toLocaleString("en");
}
