import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Command, InvalidArgumentError, Option } from "commander";

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
}

/**
 * Reads the command line of the suite.
 *
 * @param args - Behind the suite's name. Wrong options and `--help` end the process, as commander does.
 * @param familyNames - Names that `--only` can match, for the help text.
 */
export function parseS3Options(args: readonly string[], familyNames: readonly string[]): S3Options {
  const command = new Command("bench s3")
    .description(
      "Measures the log on a real S3 server on loopback, started as for `npm run test:s3`, behind a proxy that adds round-trip time; and many logs in one process. " +
        "HOLDFAST_S3_ENDPOINT names another server, which is left with what was written to it.",
    )
    .option("--only <regex>", `run only the parts whose name matches: ${familyNames.join(", ")}`, regularExpression)
    .addOption(new Option("--server <name>", "which server is started (default: the first that can be had)").choices(["versitygw", "minio", "moto"]))
    .option("--runs <rounds>", "rounds of each comparison", numberBetween(1, 99, true), 3)
    .option("--seconds <seconds>", "of each run of a comparison of rates", numberBetween(0.1, 600, false), 2)
    .option("--put-price <dollars>", "for 1,000 PUT, POST or LIST requests (default: as Amazon lists it for S3 Standard in us-east-1; check yours)", numberBetween(0, 1000, false), 0.005)
    .option("--get-price <dollars>", "for 1,000 GET or HEAD requests (default: as above)", numberBetween(0, 1000, false), 0.0004)
    .option("--json <file>", "write all figures and the environment to this file")
    .option("--report <file>", "write the report as an HTML page to this file")
    .option("--dir <directory>", "where the scratch directory is made; must be on a disk", fileURLToPath(new URL("../../../../.scratch/bench", import.meta.url)))
    .option("--seed <number>", "seed of the record bytes", numberBetween(0, 2 ** 32 - 1, true), 1)
    .parse([...args], { from: "user" });
  const { only, server, json, report, dir, ...rest } = command.opts<Given>();
  return {
    ...rest,
    only,
    server,
    json: json === undefined ? undefined : resolve(json),
    report: report === undefined ? undefined : resolve(report),
    directory: resolve(dir),
  };
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
  readonly dir: string;
  readonly seed: number;
}

function regularExpression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("Not a regular expression.");
  }
}

function numberBetween(least: number, most: number, isWhole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isFinite(value) || value < least || value > most || (isWhole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`${isWhole ? "An integer" : "A number"} from ${least} to ${most}.`);
    }
    return value;
  };
}
