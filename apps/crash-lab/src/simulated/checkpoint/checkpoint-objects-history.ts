import { PROFILES, type HistoryOutcome, type ReplayOutcome, type StoreHistory } from "../store-history.js";
import { playOwners, type PlayedOwners } from "./play-owners.js";

/**
 * Checkpoints on object storage: `@holdfast/checkpoint` on `@holdfast/storage-s3` on a simulated store. A run is one schedule; a crash state is a
 * takeover, which finds what those before it have left, stopped or killed anywhere, and compares it with what was promised.
 */
export const checkpointObjectsHistory: StoreHistory = {
  name: "checkpoint-objects",
  async run({ modules, profile, seed, maxStates }) {
    const maxOpenings = Math.min(maxStates, MOST_OPENINGS);
    return outcomeOf(await playOwners({ modules, profile, seed, maxOpenings }), `checkpoint-objects ${profile} ${seed} ${maxOpenings}`);
  },
  async replay(line, modules): Promise<ReplayOutcome> {
    const [, word, seed, maxOpenings] = LINE.exec(line) ?? [];
    const profile = PROFILES.find((it) => it === word);
    if (profile === undefined) throw new RangeError(`no line of checkpoint-objects: ${JSON.stringify(line)}`);
    const played = await playOwners({ modules, profile, seed: Number(seed), maxOpenings: Number(maxOpenings) });
    return { traceHash: played.schedule.store.hash.slice(0, 16), violation: outcomeOf(played, line.trim()).violation };
  },
};

const MOST_OPENINGS = 20;
const LINE = /^\s*checkpoint-objects ([a-z]+) (\d{1,13}) (\d{1,4})\s*$/;

function outcomeOf({ schedule, openings, violation }: PlayedOwners, line: string): HistoryOutcome {
  return {
    states: openings,
    crashes: new Map([["takeover", openings]]),
    operations: schedule.operations,
    faults: schedule.faults,
    violation: violation && { invariant: violation.invariant, message: violation.message, line },
  };
}
