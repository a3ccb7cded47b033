import { PROFILES, type HistoryOutcome, type ReplayOutcome, type StoreHistory } from "../store-history.js";
import { playRuntime, type PlayedRuntime } from "./play-runtime.js";

/**
 * The runtime store on object storage: `@holdfast/runtime` on `@holdfast/storage-s3` on a simulated store. A run is one schedule; a crash state is a
 * takeover, which finds what those before it have left, stopped or killed anywhere, and compares it with what was promised.
 */
export const runtimeObjectsHistory: StoreHistory = {
  name: "runtime-objects",
  async run({ modules, profile, seed, maxStates }) {
    const maxOpenings = Math.min(maxStates, MOST_OPENINGS);
    const attempts = ATTEMPTS[seed % ATTEMPTS.length] ?? 1;
    return outcomeOf(await playRuntime({ modules, profile, seed, maxOpenings, attempts }), `runtime-objects ${profile} ${seed} ${maxOpenings} ${attempts}`);
  },
  async replay(line, modules): Promise<ReplayOutcome> {
    const [, word, seed, maxOpenings, attempts] = LINE.exec(line) ?? [];
    const profile = PROFILES.find((it) => it === word);
    if (profile === undefined) throw new RangeError(`no line of runtime-objects: ${JSON.stringify(line)}`);
    const played = await playRuntime({ modules, profile, seed: Number(seed), maxOpenings: Number(maxOpenings), attempts: Number(attempts) });
    return { traceHash: played.schedule.store.hash.slice(0, 16), violation: outcomeOf(played, line.trim()).violation };
  },
};

const MOST_OPENINGS = 20;
/** Half of the schedules have a backend that tries again itself; in the others the store finds out alone what became of a request. */
const ATTEMPTS = [3, 1] as const;
const LINE = /^\s*runtime-objects ([a-z]+) (\d{1,13}) (\d{1,4}) ([1-9])\s*$/;

function outcomeOf({ schedule, openings, violation }: PlayedRuntime, line: string): HistoryOutcome {
  return {
    states: openings,
    crashes: new Map([["takeover", openings]]),
    operations: schedule.operations,
    faults: schedule.faults,
    violation: violation && { invariant: violation.invariant, message: violation.message, line },
  };
}
