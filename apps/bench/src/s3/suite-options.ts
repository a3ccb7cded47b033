import { Command, Option } from "commander";

import { CRC32C_HELP, defaultDirectory, refuseSameFile } from "../options.js";
import { decimalNumber, directoryOnDisk, EXIT_CODES, exitAsCommanderSays, outputFile, regularExpression, wholeNumber } from "../../../../scripts/command-line.js";

/** What the user asked for, checked. */
export interface S3Options {
  /** Which families run: matched against their names. */
  readonly only: RegExp | undefined;
  /** Which server is started. Default: the first that can be had. */
  readonly server: string | undefined;
  /** Rounds of each comparison. */
  readonly runs: number;
  /** Of each run of a comparison of rates. */
  readonly seconds: number;
  /** Dollars for 1,000 PUT, POST and LIST. */
  readonly putPrice: number;
  /** Dollars for 1,000 GET and HEAD. */
  readonly getPrice: number;
  readonly json: string | undefined;
  readonly report: string | undefined;
  /** Directory below which the scratch directory is made. */
  readonly directory: string;
  readonly seed: number;
  /** Name or path of a module whose CRC-32C is used. Absent: the default. */
  readonly crc32c: string | undefined;
}

/**
 * Reads the command line of the suite.
 *
 * @param args - Behind the suite's name. What commander itself refuses ends the process with code 2, and `--help` with 0.
 * @param familyNames - Names that `--only` can match, for the help text.
 * @throws RefusedError for a value that cannot be used.
 */
export function parseS3Options(args: readonly string[], familyNames: readonly string[]): S3Options {
  const command = new Command("bench s3")
    .description(
      "Measures the log on a real S3 server on loopback, started as for `npm run test:s3`, behind a proxy that adds round-trip time; and many logs in one process. " +
        "HOLDFAST_S3_ENDPOINT names another server, which is left with what was written to it.",
    )
    .option("--only <regex>", `run only the parts whose name matches: ${familyNames.join(", ")}`, regularExpression("--only"))
    .addOption(new Option("--server <name>", "which server is started (default: the first that can be had)").choices(["versitygw", "minio", "moto"]))
    .option("--runs <rounds>", "rounds of each comparison", wholeNumber("--runs", 1, 99), 3)
    .option("--seconds <seconds>", "of each run of a comparison of rates", decimalNumber("--seconds", 0.1, 600), 2)
    .option("--put-price <dollars>", "for 1,000 PUT, POST or LIST requests (default: as Amazon lists it for S3 Standard in us-east-1; check yours)", decimalNumber("--put-price", 0, 1000), 0.005)
    .option("--get-price <dollars>", "for 1,000 GET or HEAD requests (default: as above)", decimalNumber("--get-price", 0, 1000), 0.0004)
    .option("--json <file>", "write all figures and the environment to this file", outputFile("--json"))
    .option("--report <file>", "write the report as an HTML page to this file", outputFile("--report"))
    .option("--dir <directory>", "where the scratch directory is made; must be on a disk (default: .scratch/bench in the repository)", directoryOnDisk("--dir"))
    .option("--seed <number>", "seed of the record bytes", wholeNumber("--seed", 0, 2 ** 32 - 1), 1)
    .option("--crc32c <module>", CRC32C_HELP)
    .addHelpText("after", `\n${EXIT_CODES} Where there is no server, its rows are skipped, which is no failure.`)
    .exitOverride(exitAsCommanderSays)
    .parse([...args], { from: "user" });
  const { only, server, json, report, dir, crc32c, ...rest } = command.opts<Given>();
  refuseSameFile({ json, report });
  return { ...rest, only, server, json, report, crc32c, directory: dir ?? defaultDirectory() };
}

interface Given {
  readonly only?: RegExp;
  readonly server?: string;
  readonly runs: number;
  readonly seconds: number;
  readonly putPrice: number;
  readonly getPrice: number;
  readonly json?: string;
  readonly report?: string;
  readonly dir?: string;
  readonly seed: number;
  readonly crc32c?: string;
}
