import type { Scene } from "./directed-history.js";
import { LogStage } from "./log-stage.js";

/** Histories of trims: floors that were acknowledged, floors that were only seen, and files removed for them. */
export const trimScenes: readonly Scene[] = [
  {
    name: "trim-fails",
    about: "A trim fails, its floor can be read and is not on the disk; the log is opened, and power is lost at each step of that.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await twoSegments(stage);
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "drop" });
      await life.trim(3);
      await life.close();
      await stage.crashEverywhere({}, async () => (await stage.open()).append("dogwood"));
      await stage.check();
    },
  },
  {
    name: "trim-before-the-first-append",
    about: "A writer that has written nothing trims: the floor stands in a begin, and nothing is behind it.",
    async play(cast) {
      const stage = new LogStage(cast);
      await (await twoSegments(stage)).close();
      const life = await stage.open();
      await stage.crashEverywhere({}, () => life.trim(3));
      await stage.check();
    },
  },
  {
    name: "trim-of-a-first-segment",
    about: "A failed trim lets a segment take the place of the head although the one before it is to go; that is cut short, twice.",
    async play(cast) {
      const stage = new LogStage(cast);
      await (await stage.open()).append("alder");
      stage.kill();
      const life = await stage.open();
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "drop" });
      await life.trim(2);
      await life.close();
      await stage.crashEverywhere({ kinds: ["power"] }, async () => (await stage.open()).append("birch"));
      await stage.check();
    },
  },
];

/** Two records in one segment, a third one in the next, whose writer goes on. */
async function twoSegments(stage: LogStage): ReturnType<LogStage["open"]> {
  const first = await stage.open();
  await first.append("alder");
  await first.append("birch");
  await first.close();
  const second = await stage.open();
  await second.append("cedar");
  return second;
}
