import type { Scene } from "./directed-history.js";
import { relaxed } from "./directed-recovery.js";
import { LogStage, type LifeOptions } from "./log-stage.js";

/** Histories of a small head whose place the first segment of the next writer takes. */
export const smallHeadScenes: readonly Scene[] = [
  {
    name: "place-taken",
    about: "Three writers, each closed; the appends of the second and the third are cut short at each step.",
    async play(cast) {
      const stage = new LogStage(cast);
      await live(stage, "alder");
      for (const value of ["birch", "cedar"]) {
        await stage.crashEverywhere({}, () => live(stage, value));
      }
      await stage.check();
    },
  },
  {
    name: "place-taken-then-harm",
    about: "The append that takes the head's place fails, crashes at each step; the newest copy of what the head holds is harmed.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      await twoLives(stage);
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: APPEND_WRITE, kind: "drop" });
      await takeThenHarm(stage);
    },
  },
  {
    name: "place-taken-relaxed-then-harm",
    about: "The same in a relaxed log, where the append is written and not synced.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      await twoLives(stage, relaxed);
      await takeThenHarm(stage, relaxed);
    },
  },
  {
    name: "place-taken-from-a-failed-write",
    about: "The head ends with a failed commit that can be read; it is copied with the rest into the head's place, and is nowhere else then.",
    async play(cast) {
      const stage = new LogStage(cast);
      await live(stage, "alder");
      const life = await stage.open();
      await life.append("birch");
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "drop" });
      await life.append("cedar");
      await life.close();
      await stage.crashEverywhere({}, () => stage.open());
      await stage.check();
    },
  },
];

/** A writer that appends one record. */
async function live(stage: LogStage, value: string, options?: LifeOptions): Promise<void> {
  const life = await stage.open(options);
  await life.append(value);
  await stage.settle();
  await life.close();
}

async function twoLives(stage: LogStage, options?: LifeOptions): Promise<void> {
  await live(stage, "alder", options);
  await live(stage, "birch", options);
}

async function takeThenHarm(stage: LogStage, options?: LifeOptions): Promise<void> {
  const takePlace = async (): Promise<void> => {
    const life = await stage.open(options);
    await life.append("cedar");
    // What it replaces is removed behind the append.
    await stage.settle();
  };
  await stage.crashEverywhere({ kinds: ["power"] }, takePlace, async (left) => {
    left.harm("birch");
    await left.check();
  });
}

/** Of a writer that takes the place of a head with one record: header, begin, copy, append. */
const APPEND_WRITE = 4;
