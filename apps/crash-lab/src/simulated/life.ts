import { seededRandom, virtualClock, quiet, type SimDisk, type VirtualClock } from "@holdfast/storage-sim";
import type { RandomSource } from "@holdfast/storage/ports";
import { classOf, type FaultClass } from "./fault-classes.js";
import type { ModulesUnderTest } from "./store-history.js";
import type { Step, Trial } from "./trial.js";
import { Violation } from "./violation.js";

/** What a store gets for one life of its process. */
export interface Life<L> {
  readonly modules: ModulesUnderTest;
  readonly disk: SimDisk;
  /** What was promised so far. The life adds to it. */
  readonly ledger: L;
  readonly steps: readonly Step[];
  readonly options: ReadonlySet<string>;
  readonly faults: FaultClass;
  readonly clock: VirtualClock;
  /** Whether nothing disturbs from now on: there are no faults, or they are over. What is promised without faults is due. */
  isCalm(): boolean;
  /** Ends the faults. What was harmed stays so. */
  heal(): void;
  /** Random bytes for one more backend or log. */
  random(): RandomSource;
}

/** What makes a {@link Life}. */
export interface LifeParts<L> {
  readonly modules: ModulesUnderTest;
  readonly disk: SimDisk;
  readonly ledger: L;
  readonly trial: Pick<Trial, "chance" | "faults" | "options">;
  /** Of the trial's lives, which one this is, from 0. */
  readonly depth: number;
  readonly steps: readonly Step[];
}

/** One life of a process in a trial: what it draws comes from the trial and its depth, so that it can be replayed. */
export function newLife<L>({ modules, disk, ledger, trial, depth, steps }: LifeParts<L>): Life<L> {
  let seed = trial.chance * LIVES + depth * SOURCES;
  let calm = trial.faults.length === 0;
  return {
    modules,
    disk,
    ledger,
    steps,
    options: new Set(trial.options),
    faults: classOf(trial.faults),
    // Machines come up with clocks that are wrong: the wall clock may stand before the last life.
    clock: virtualClock({ startMs: START_MS + (((trial.chance + depth * 7) % 5) - 2) * HOUR_MS }),
    isCalm: () => calm,
    heal() {
      calm = true;
      disk.heal();
    },
    random() {
      seed += 1;
      const own = seededRandom(seed);
      return { bytes: (length) => (length > NAME_BYTES ? FILLING.subarray(0, length) : own.bytes(length)) };
    },
  };
}

/**
 * Waits for what runs on a simulated disk. Nothing there takes time, so what does not go on although time passes has hung.
 *
 * @throws Violation of I11; what `running` throws.
 */
export async function finished<T>(running: Promise<T>, { disk, clock }: Pick<Life<unknown>, "disk" | "clock">): Promise<T> {
  const ended = new Promise<true>((resolve) => {
    const done = (): void => {
      resolve(true);
    };
    running.then(done, done);
  });
  const turn = async (): Promise<boolean> => Promise.race([ended, quiet().then(() => false)]);
  let calls = disk.calls;
  for (let idle = 0; !(await turn()); ) {
    if (disk.calls > calls) idle = 0;
    else idle += 1;
    calls = disk.calls;
    if (idle > PATIENCE) throw new Violation("I11", "a call is never answered, though the disk answers");
    if (idle > 2) await clock.advance(1000);
  }
  return running;
}

/** Longer ones are no names and no salts: they only have to be as hard to compress as random bytes. */
const NAME_BYTES = 64;
const FILLING = seededRandom(1).bytes(64 * 1024);
const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
/** Seeds of one trial, and of one of its lives, do not meet those of the next. */
const LIVES = 64_000;
const SOURCES = 1000;
const PATIENCE = 20;
