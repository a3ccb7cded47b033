import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Command, InvalidArgumentError, Option } from "commander";

import type { Size } from "./row.js";

/** What the user asked for, checked. */
export interface Options {
  readonly size: Size;
  /** NDJSON file whose lines are the records of the proof. Absent: the flights of vega-datasets. */
  readonly input: string | undefined;
  /** File for all figures as JSON. */
  readonly json: string | undefined;
  /** File for the report as an HTML page. */
  readonly report: string | undefined;
  /** Which parts run: matched against their names. */
  readonly only: RegExp | undefined;
  /** Directory below which the scratch directory is made. */
  readonly directory: string;
  /** Rounds of each comparison. */
  readonly runs: number;
  readonly seed: number;
  /** Name or path of a module whose CRC-32C is used. Absent: the default. */
  readonly crc32c: string | undefined;
}

/**
 * Reads the command line.
 *
 * @param argv - As in `process.argv`. Wrong options and `--help` end the process, as commander does.
 * @param partNames - Names that `--only` can match, for the help text.
 */
export function parseOptions(argv: readonly string[], partNames: readonly string[]): Options {
  const command = new Command("bench")
    .description("Proves that acknowledged records survive SIGKILL, then measures the log against this disk and against databases.")
    .addOption(new Option("--size <size>", "how much is measured").choices(["quick", "full"]).default("quick"))
    .option("--input <file>", "NDJSON file whose lines are the records of the proof (default: flights of vega-datasets)")
    .option("--json <file>", "write all figures and the environment to this file")
    .option("--report <file>", "write the report as an HTML page with bar charts to this file")
    .option("--only <regex>", `run only the parts whose name matches: ${partNames.join(", ")}`, regularExpression)
    .option("--dir <directory>", "where the scratch directory is made; must be on a disk", fromRepository(".scratch/bench"))
    .option("--runs <rounds>", "rounds of each comparison (default: 5 in quick, 9 in full)", integerBetween(1, 99))
    .option("--seed <number>", "seed of the kill moments and of the record bytes", integerBetween(0, 2 ** 32 - 1), 1)
    .option("--crc32c <module>", "compute checksums by the function crc32c or checksums.crc32c of this module: a path, or a package as require finds it from here")
    .addHelpText("after", "\nbench s3 --help: the log on object storage, and many logs in one process")
    .parse([...argv]);
  const given: Given = command.opts<Given>();
  return {
    size: given.size,
    input: absolute(given.input),
    json: absolute(given.json),
    report: absolute(given.report),
    only: given.only,
    directory: resolve(given.dir),
    runs: given.runs ?? (given.size === "quick" ? 5 : 9),
    seed: given.seed,
    crc32c: given.crc32c,
  };
}

interface Given {
  readonly size: Size;
  readonly input?: string;
  readonly json?: string;
  readonly report?: string;
  readonly only?: RegExp;
  readonly dir: string;
  readonly runs?: number;
  readonly seed: number;
  readonly crc32c?: string;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

function fromRepository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Not a regular expression.");
  }
}

function integerBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`An integer from ${least} to ${most}.`);
    return value;
  };
}
