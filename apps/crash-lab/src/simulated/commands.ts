import { writeFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { startProgress } from "../real/progress.js";
import { ALL_PROFILES, runCampaign, type CampaignPart } from "./campaign.js";
import { campaignText, faultCoverage, rate } from "./campaign-text.js";
import { REAL_MODULES } from "./modules.js";
import { PROFILES, type Profile, type ReplayOutcome } from "./store-history.js";
import { HISTORIES } from "./stores.js";
import { outputFile, RefusedError, wholeNumber } from "../../../../scripts/command-line.js";

/** Adds the commands that run on a simulated disk. */
export function addSimulatedCommands(program: Command): void {
  program
    .command("run", { isDefault: true })
    .description(`crashes the stores on a simulated disk; without a bound, ${QUICK_STATES.toLocaleString("en")} crash states of each`)
    .option("--runs <number>", "at most so many scripts of each store", wholeNumber("--runs", 1, MAX_NUMBER))
    .option("--states <number>", "at most so many crash states of each store", wholeNumber("--states", 1, MAX_NUMBER))
    .option("--seconds <seconds>", "at most so long for each store", wholeNumber("--seconds", 1, MAX_NUMBER))
    .option("--seed <number>", "of the first script; the next one has the next", wholeNumber("--seed", 0, MAX_NUMBER), 1)
    .addOption(new Option("--store <name>", "only this store").choices(HISTORIES.map(({ name }) => name)))
    .addOption(new Option("--profile <name>", "only this disk; without it all of them, mostly posix").choices(PROFILES))
    .option("--json <file>", "write the result to this file as well", outputFile("--json"))
    .action(async (options: RunOptions) => {
      process.exitCode = await run(options);
    });
  program
    .command("replay")
    .description("plays one crash state again, from the line that was printed with a violation")
    .argument("<line>", "the line, as one word")
    .action(async (line: string) => {
      process.exitCode = await replay(line);
    });
}

interface RunOptions {
  readonly runs?: number;
  readonly states?: number;
  readonly seconds?: number;
  readonly seed: number;
  readonly store?: string;
  readonly profile?: Profile;
  readonly json?: string;
}

const QUICK_STATES = 10_000;
/** Numbers that are made from it stay exact. */
const MAX_NUMBER = 1_000_000_000_000;

async function run({ runs, states, seconds, seed, store, profile, json }: RunOptions): Promise<number> {
  const isUnbounded = runs === undefined && states === undefined && seconds === undefined;
  const progress = startProgress();
  const parts = await runCampaign({
    modules: REAL_MODULES,
    histories: HISTORIES.filter(({ name }) => store === undefined || name === store),
    profiles: profile === undefined ? ALL_PROFILES : [[profile, 1]],
    seed,
    budget: { runs, states: isUnbounded ? QUICK_STATES : states, milliseconds: seconds === undefined ? undefined : seconds * 1000 },
    onProgress: (now) => {
      const { milliseconds } = now;
      const text = `${now.states.toLocaleString("en")} crash states, ${rate(now.states, milliseconds).toLocaleString("en")} per second`;
      progress.show(`${now.store} on ${now.profile}: ${text}, ${(milliseconds / 1000).toFixed(0)} s`);
    },
  });
  progress.stop();
  console.log(campaignText(parts));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(jsonResult(parts), undefined, 2)}\n`);
  return parts.some(({ violation }) => violation !== undefined) ? 1 : 0;
}

async function replay(line: string): Promise<number> {
  const [store = ""] = line.trim().split(" ");
  const history = HISTORIES.find(({ name }) => name === store);
  if (history === undefined) throw new RefusedError(`no store ${JSON.stringify(store)}; there are: ${HISTORIES.map(({ name }) => name).join(", ")}`);
  const { traceHash, violation } = await played(history.replay(line, REAL_MODULES));
  console.log(`trace ${traceHash}`);
  console.log(violation === undefined ? "nothing was violated" : `VIOLATION: ${violation.message}`);
  return violation === undefined ? 0 : 1;
}

async function played(replaying: Promise<ReplayOutcome>): Promise<ReplayOutcome> {
  try {
    return await replaying;
  } catch (error) {
    if (error instanceof RangeError) throw new RefusedError(`not a line of this program: ${error.message}`, { cause: error });
    throw error;
  }
}

function jsonResult(parts: readonly CampaignPart[]): object {
  return {
    date: new Date().toISOString(),
    node: process.version,
    platform: process.platform,
    parts: parts.map(({ crashes, operations, faults, ...part }) => ({
      ...part,
      crashes: Object.fromEntries(crashes),
      operations: Object.fromEntries(operations),
      faults: Object.fromEntries(faults),
      neverFired: faultCoverage([{ ...part, crashes, operations, faults }])
        .filter(({ hits }) => hits.length === 0)
        .map(({ kind }) => kind),
    })),
  };
}
