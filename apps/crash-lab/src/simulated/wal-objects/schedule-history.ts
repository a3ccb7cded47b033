import { PROFILES, type HistoryOutcome, type Lab, type ReplayOutcome, type StoreHistory } from "../store-history.js";
import type { PlayedSchedule, ScheduleOptions } from "./play-schedule.js";

/** A store whose histories are schedules on a simulated object store. */
export interface ScheduledStore {
  readonly name: string;
  /** Plays one schedule: all of it follows from the options. */
  readonly play: (options: ScheduleOptions) => Promise<PlayedSchedule>;
  /** What two plays of one schedule have in common. */
  readonly traceHash: (schedule: PlayedSchedule["schedule"]) => string;
}

/**
 * The histories of such a store. A run is one schedule; a crash state is a takeover, which finds what those before it have left, stopped or
 * killed anywhere, and compares it with what was promised. The line of a violation is `NAME PROFILE SEED OPENINGS ATTEMPTS`.
 */
export function scheduleHistory({ name, play, traceHash }: ScheduledStore): StoreHistory {
  const lineOf = ({ profile, seed, maxOpenings, attempts }: Omit<ScheduleOptions, "modules">): string => `${name} ${profile} ${seed} ${maxOpenings} ${attempts}`;
  return {
    name,
    async run({ modules, profile, seed, maxStates }: Lab) {
      // Schedules have fewer openings, so that the number in the line only matters where it was smaller.
      const maxOpenings = Math.min(maxStates, MOST_OPENINGS);
      const attempts = ATTEMPTS[seed % ATTEMPTS.length] ?? 1;
      const options = { profile, seed, maxOpenings, attempts };
      return outcomeOf(await play({ modules, ...options }), lineOf(options));
    },
    async replay(line, modules): Promise<ReplayOutcome> {
      const [, store, word, seed, maxOpenings, attempts] = LINE.exec(line) ?? [];
      const profile = PROFILES.find((it) => it === word);
      if (store !== name || profile === undefined) throw new RangeError(`no line of ${name}: ${JSON.stringify(line)}`);
      const played = await play({ modules, profile, seed: Number(seed), maxOpenings: Number(maxOpenings), attempts: Number(attempts) });
      return { traceHash: traceHash(played.schedule), violation: outcomeOf(played, line.trim()).violation };
    },
  };
}

const MOST_OPENINGS = 20;
/** Half of the schedules have a backend that tries again itself; in the others the store finds out alone what became of a request. */
const ATTEMPTS = [3, 1] as const;
const LINE = /^\s*([a-z-]+) ([a-z]+) (\d{1,13}) (\d{1,4}) ([1-9])\s*$/;

function outcomeOf({ schedule, openings, violation }: PlayedSchedule, line: string): HistoryOutcome {
  return {
    states: openings,
    crashes: new Map([["takeover", openings]]),
    operations: schedule.operations,
    faults: schedule.faults,
    violation: violation && { invariant: violation.invariant, message: violation.message, line },
  };
}
