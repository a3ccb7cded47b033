import type { Log, LogReader } from "@holdfast/wal";
import type { ModulesUnderTest, Profile } from "../store-history.js";
import { Violation } from "../violation.js";
import { expectedError } from "./errors.js";
import { followThrough, readThrough } from "./reading.js";
import { LOG_PREFIX, Schedule, type LogProcess } from "./schedule.js";
import { openForWriting, write, Writes, type LeftOpen } from "./writer.js";

/** What is played: all of it follows from this. */
export interface ScheduleOptions {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly seed: number;
  /** At most so many openings, the last one of all included. */
  readonly maxOpenings: number;
  /** How often the backend makes a request by itself. */
  readonly attempts: number;
}

/** A schedule that was played. */
export interface PlayedSchedule {
  readonly schedule: Schedule;
  /** How often somebody has opened the store for writing, and so taken it over. */
  readonly openings: number;
  readonly violation: Violation | undefined;
}

/**
 * Three writers who take one log from each other, a merger, a reader and a follower, each request of whom meets what chance likes.
 * Then the faults end, whoever stood still goes on, everything late arrives, and what is there is compared with all that was promised.
 */
export async function playSchedule({ modules, profile, seed, maxOpenings, attempts }: ScheduleOptions): Promise<PlayedSchedule> {
  const schedule = new Schedule({ modules, profile, seed, attempts });
  const counter = { openings: 0 };
  let violation: Violation | undefined;
  try {
    await new Play(schedule, counter, maxOpenings).play();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return { schedule, openings: Math.max(1, counter.openings), violation };
}

class Play {
  readonly #schedule: Schedule;
  readonly #counter: { openings: number };
  readonly #maxOpenings: number;
  readonly #leftOpen: LeftOpen[] = [];
  #begun = 0;

  constructor(schedule: Schedule, counter: { openings: number }, maxOpenings: number) {
    this.#schedule = schedule;
    this.#counter = counter;
    this.#maxOpenings = maxOpenings;
  }

  async play(): Promise<void> {
    const { turns, store } = this.#schedule;
    const stop = new AbortController();
    const follower = this.#follow(stop.signal);
    try {
      const disturbed = Promise.all([this.#writer("a"), this.#writer("b"), this.#writer("c"), this.#merger(), this.#reader()]);
      await turns.run(disturbed);
      this.#schedule.calm();
      store.landLate();
      await turns.run(this.#settle(follower));
    } finally {
      stop.abort();
    }
  }

  async #writer(name: string): Promise<void> {
    const { draw } = this.#schedule;
    for (let life = 1 + draw(2); life > 0; life -= 1) {
      // One is left for the end.
      if (this.#begun + 1 >= this.#maxOpenings) return;
      this.#begun += 1;
      const left = await write(this.#schedule, `${name}${life}`, () => {
        this.#counter.openings += 1;
      });
      if (left !== undefined) this.#leftOpen.push(left);
    }
  }

  async #merger(): Promise<void> {
    for (let count = this.#schedule.draw(3); count > 0; count -= 1) await this.#merge(`m${count}`, this.#schedule.draw(4) === 0);
  }

  async #merge(name: string, dies: boolean): Promise<void> {
    const { draw, modules } = this.#schedule;
    const process = this.#schedule.process(name, { diesAfter: dies ? draw(20) : Infinity });
    const merging = modules.wal.mergeLog({ storage: process.storage, prefix: LOG_PREFIX, packObjects: 2 + draw(4) });
    try {
      await Promise.race([merging, process.died]);
    } catch (error) {
      expectedError(error, `merging by ${name}`, this.#schedule.isCalm, this.#schedule.isHarmed);
    }
  }

  async #reader(): Promise<void> {
    const { draw } = this.#schedule;
    const reader = await this.#openReader(this.#schedule.process("r", { isReader: true }));
    for (let count = draw(3); reader !== undefined && count > 0; count -= 1) {
      await readThrough(this.#schedule, reader, "a reader", { atLeast: this.#schedule.ledger.lastAcknowledged, reverse: draw(4) === 0 });
    }
  }

  /** Begins to follow the log, in one of three schedules. */
  #follow(stop: AbortSignal): Follower | undefined {
    const state = { last: 0 };
    if (this.#schedule.draw(3) > 0) return undefined;
    const following = (async () => {
      const process = this.#schedule.process("f", { isReader: true });
      let reader = await this.#openReader(process);
      while (reader === undefined && !stop.aborted) reader = await this.#openReader(process);
      if (reader !== undefined) await followThrough(this.#schedule, reader, "a follower", stop, (seq) => (state.last = seq));
    })();
    // A violation is told when it is asked how far it came.
    const failed = following.then(() => undefined, (error: unknown) => ({ error }));
    return {
      async lastSeq() {
        const failure = await Promise.race([failed, Promise.resolve()]);
        if (failure !== undefined) throw failure.error;
        return state.last;
      },
    };
  }

  async #openReader({ name, storage, clock }: LogProcess): Promise<LogReader | undefined> {
    const { modules, isCalm } = this.#schedule;
    try {
      return await modules.wal.openLogReader({ storage, prefix: LOG_PREFIX, clock });
    } catch (error) {
      expectedError(error, `opening for reading by ${name}`, isCalm, this.#schedule.isHarmed);
      return undefined;
    }
  }

  /** Nothing disturbs any more. */
  async #settle(follower: Follower | undefined): Promise<void> {
    const { draw, ledger, modules } = this.#schedule;
    if (draw(3) === 0) await this.#merge("m0", false);
    const process = this.#schedule.process("z");
    const log = await openForWriting(this.#schedule, process);
    if (log === undefined) throw new Violation("I11", "the log cannot be taken over though nothing disturbs");
    this.#counter.openings += 1;
    // Who was superseded and does not know it finds out.
    for (const left of this.#leftOpen) await Promise.race([this.#requireFenced(left.log, left.process.name), left.process.died]);
    await readThrough(this.#schedule, log, "the last writer", { atLeast: ledger.lastAcknowledged });
    const writes = new Writes(this.#schedule, log, "z");
    await writes.append();
    await log.close();
    if (writes.isOver) throw new Violation("I11", "the last writer was fenced by nobody");
    if (draw(4) === 0) {
      await this.#merge("m9", false);
      const { findings } = await modules.wal.verifyLog({ storage: process.storage, prefix: LOG_PREFIX });
      if (findings[0] !== undefined) throw new Violation("I1", `the log is not whole: ${JSON.stringify(findings[0])}`);
    }
    const reader = await this.#openReader(this.#schedule.process("q", { isReader: true }));
    if (reader !== undefined) await readThrough(this.#schedule, reader, "the last reader", { atLeast: ledger.lastAcknowledged });
    await this.#requireFollowed(follower);
  }

  async #requireFenced(log: Log, name: string): Promise<void> {
    const writes = new Writes(this.#schedule, log, `${name}:late`);
    await writes.append();
    if (!writes.isOver) throw new Violation("I13", `${name} could still write after its log was taken over`);
    await log.close();
  }

  /** A follower is given everything, some time. */
  async #requireFollowed(follower: Follower | undefined): Promise<void> {
    if (follower === undefined) return;
    const { clock, ledger } = this.#schedule;
    for (let looks = 0, last = 0; last < ledger.lastAcknowledged; looks += 1) {
      last = await follower.lastSeq();
      if (looks === MAX_LOOKS) throw new Violation("I15", `a follower was given nothing behind record ${last}, and ${ledger.lastAcknowledged} was acknowledged long ago`);
      await new Promise<void>((resolve) => {
        clock.setTimer(resolve, LOOK_MS);
      });
    }
  }
}

interface Follower {
  /** The last record that it was given, 0 for none. @throws Violation that it found. */
  lastSeq(): Promise<number>;
}

const MAX_LOOKS = 300;
const LOOK_MS = 1000;
