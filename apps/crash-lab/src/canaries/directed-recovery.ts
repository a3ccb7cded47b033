import type { Scene } from "./directed-history.js";
import { LogStage, type LifeOptions } from "./log-stage.js";

/** Histories of opening again: commits that can be read and are not on the disk, and openings that are cut short. */
export const recoveryScenes: readonly Scene[] = [
  {
    name: "failed-write-in-view",
    about: "A commit fails, its bytes can be read and are not on the disk; the log is opened, and power is lost at each step of that.",
    async play(cast) {
      const stage = new LogStage(cast);
      await writeThenFail(stage);
      await stage.crashEverywhere({}, () => stage.open());
      await stage.check();
    },
  },
  {
    name: "only-copy",
    about: "A failed commit was copied and delivered, then its original is gone: the copy is the only one there is.",
    async play(cast) {
      const stage = new LogStage(cast);
      await writeThenFail(stage);
      await stage.open();
      stage.losePower();
      await stage.crashEverywhere({}, () => stage.open());
      await stage.check();
    },
  },
  {
    name: "source-leaves-the-cache",
    about: "The pages of a failed commit are let go at each read of an opening, between planning and copying too.",
    async play(cast) {
      const before = new LogStage(cast);
      await writeThenFail(before);
      for (let nth = 1; nth <= READS_OF_AN_OPENING; nth++) {
        const stage = before.fork("process");
        stage.fault({ operation: "read", path: "*.wal", nth, kind: "evict" });
        await stage.open();
        await stage.check();
      }
    },
  },
  {
    name: "copy-fails-then-no-room",
    about: "The copy of an acknowledged commit fails and can be read; the next opening finds no room at first, so that nothing takes its place.",
    async play(cast) {
      const stage = new LogStage(cast);
      await copyThenFail(stage);
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "fail", code: "ENOSPC" });
      await stage.crashEverywhere({ kinds: ["power"] }, () => stage.open());
      await stage.check();
    },
  },
  {
    name: "several-copies",
    about: "A relaxed log leaves several commits to copy, and the copying is cut short at each step.",
    async play(cast) {
      const stage = new LogStage(cast);
      await appendRelaxed(stage, ["alder", "birch", "cedar", "dogwood"]);
      stage.kill();
      await stage.crashEverywhere({}, () => stage.open(relaxed));
      await stage.check();
    },
  },
  {
    name: "harmed-copy",
    about: "Of several copies the last one is harmed when their originals are gone: those before it must not go with it.",
    async play(cast) {
      const stage = new LogStage(cast, { harmed: true });
      await appendRelaxed(stage, ["alder", "birch", "cedar"]);
      stage.kill();
      await stage.open(relaxed);
      stage.losePower();
      // Nothing is behind the last copy that would prove it.
      stage.harm("cedar", 3);
      await stage.check();
    },
  },
];

/** A log whose appends are synced once a second of the virtual clock. */
export const relaxed: LifeOptions = { durability: { syncEveryMs: 1000 } };

/** An opening reads less often than this. */
const READS_OF_AN_OPENING = 16;
/** Of an opening that copies: header, begin, copy. */
const COPY_WRITE = 3;

/** One commit that is acknowledged, and one that fails and can be read. */
async function writeThenFail(stage: LogStage): Promise<void> {
  const life = await stage.open();
  await life.append("alder");
  stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "drop" });
  await life.append("birch");
  await life.close();
}

/** Two acknowledged commits, and an opening in which the copy of the second one fails and can be read. */
async function copyThenFail(stage: LogStage): Promise<void> {
  const life = await stage.open();
  await life.append("alder");
  await life.append("birch");
  stage.kill();
  stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: COPY_WRITE, kind: "drop" });
  await stage.tryOpen();
}

/** Commits of a relaxed log, of which the first is synced. */
async function appendRelaxed(stage: LogStage, [first = "", ...rest]: readonly string[]): Promise<void> {
  const life = await stage.open(relaxed);
  await life.append(first);
  await life.sync();
  for (const value of rest) await life.append(value);
}
