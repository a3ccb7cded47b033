import { fileURLToPath } from "node:url";

import { Command, Option } from "commander";

import type { Size } from "./row.js";
import {
  directoryOnDisk,
  EXIT_CODES,
  exitAsCommanderSays,
  inputFile,
  outputFile,
  RefusedError,
  regularExpression,
  wholeNumber,
} from "../../../scripts/command-line.js";

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
 * @param argv - As in `process.argv`. What commander itself refuses ends the process with code 2, and `--help` with 0.
 * @param partNames - Names that `--only` can match, for the help text.
 * @throws RefusedError for a value that cannot be used.
 */
export function parseOptions(argv: readonly string[], partNames: readonly string[]): Options {
  const command = new Command("bench")
    .description("Proves that acknowledged records survive SIGKILL, then measures the log against this disk and against databases.")
    .addOption(new Option("--size <size>", "how much is measured").choices(["quick", "full"]).default("quick"))
    .option("--input <file>", "NDJSON file whose lines are the records of the proof (default: flights of vega-datasets)", inputFile("--input"))
    .option("--json <file>", "write all figures and the environment to this file", outputFile("--json"))
    .option("--report <file>", "write the report as an HTML page with bar charts to this file", outputFile("--report"))
    .option("--only <regex>", `run only the parts whose name matches, also those of the other size: ${partNames.join(", ")}`, regularExpression("--only"))
    .option("--dir <directory>", "where the scratch directory is made; must be on a disk (default: .scratch/bench in the repository)", directoryOnDisk("--dir"))
    .option("--runs <rounds>", "rounds of each comparison (default: 5 in quick, 9 in full)", wholeNumber("--runs", 1, 99))
    .option("--seed <number>", "seed of the kill moments and of the record bytes", wholeNumber("--seed", 0, 2 ** 32 - 1), 1)
    .option("--crc32c <module>", CRC32C_HELP)
    .addHelpText("after", `\n${EXIT_CODES} Nothing depends on whether a target of speed was reached.\nbench s3 --help: the log on object storage, and many logs in one process`)
    .exitOverride(exitAsCommanderSays)
    .parse([...argv]);
  const { dir, runs, ...given } = command.opts<Given>();
  refuseSameFile(given);
  return {
    size: given.size,
    input: given.input,
    json: given.json,
    report: given.report,
    only: given.only,
    directory: dir ?? defaultDirectory(),
    runs: runs ?? (given.size === "quick" ? 5 : 9),
    seed: given.seed,
    crc32c: given.crc32c,
  };
}

/** What `--crc32c` takes, for the help of both suites. */
export const CRC32C_HELP = "compute checksums by the function crc32c or checksums.crc32c of this module: a path, or a package as require finds it from here";

/** Where the scratch directory is made if nothing else is said. @throws RefusedError if the repository lies in memory or cannot be written to. */
export function defaultDirectory(): string {
  return directoryOnDisk("--dir")(fileURLToPath(new URL("../../../.scratch/bench", import.meta.url)));
}

/** Two options must not name one file: the second would overwrite what the first one wrote, or the records. */
export function refuseSameFile({ input, json, report }: { readonly input?: string | undefined; readonly json?: string | undefined; readonly report?: string | undefined }): void {
  const files = [["--input", input], ["--json", json], ["--report", report]].filter(([, path]) => path !== undefined);
  for (const [index, [option, path]] of files.entries()) {
    const other = files.slice(index + 1).find(([, it]) => it === path);
    if (other !== undefined) throw new RefusedError(`${String(option)} and ${String(other[0])} name the same file: ${String(path)}.`);
  }
}

interface Given {
  readonly size: Size;
  readonly input?: string;
  readonly json?: string;
  readonly report?: string;
  readonly only?: RegExp;
  readonly dir?: string;
  readonly runs?: number;
  readonly seed: number;
  readonly crc32c?: string;
}
