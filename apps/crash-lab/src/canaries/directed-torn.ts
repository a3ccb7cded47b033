import type { SimStep } from "@holdfast/storage-sim";

import { Violation } from "../simulated/violation.js";
import type { Scene } from "./directed-history.js";
import { LogStage } from "./log-stage.js";

/** Histories of writes that are torn, sector by sector, as chance will have it. */
export const tornScenes: readonly Scene[] = [
  {
    name: "torn-appends",
    about: "The first appends of a log, over several sectors each, are torn at each step.",
    isChancy: true,
    async play(cast) {
      const stage = new LogStage(cast);
      await stage.crashEverywhere({ kinds: ["power"], adversary: stage.chance }, async () => {
        const life = await stage.open();
        await life.append(long("alder"));
        await life.append([long("birch"), long("cedar"), long("dogwood")]);
        await life.close();
      });
    },
  },
  {
    name: "torn-creation",
    about: "The writes that make the first segment are torn, each in many ways.",
    isChancy: true,
    async play(cast) {
      const stage = new LogStage(cast);
      const inWrites = { kinds: ["power"], at: inFlightWrite, times: 20, adversary: stage.chance } as const;
      await stage.crashEverywhere(inWrites, async () => (await stage.open()).append("alder"));
    },
  },
  {
    name: "failed-append-among-others",
    about: "Three appends in three turns, of which the first write fails: none behind it may be acknowledged.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open();
      await life.append("alder");
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "fail" });
      const appends: Promise<boolean>[] = [];
      // The log writes in the turn behind an append: each is a commit of its own, if the one before does not keep it waiting.
      const next = ([value, ...rest]: readonly string[]): void => {
        if (value === undefined) return;
        appends.push(life.append(value));
        process.nextTick(next, rest);
      };
      next(["birch", "cedar", "dogwood"]);
      await stage.settle();
      await Promise.all(appends);
      stage.losePower();
      await stage.check();
    },
  },
  {
    name: "failed-append-then-power",
    about: "A write fails in each of the ways in which it can, and power is lost.",
    isChancy: true,
    async play(cast) {
      for (const kind of ["drop", "failPartly", "fail", "short"] as const) {
        const stage = new LogStage(cast);
        const life = await stage.open();
        await life.append("alder");
        stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind });
        await life.append(long("birch"));
        await life.append(long("cedar"));
        stage.losePower(stage.chance);
        await stage.check();
      }
    },
  },
  {
    name: "reader-elsewhere",
    about: "A reader in another process reads while a commit fails that can be read, and power is lost.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open();
      await life.append("alder");
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "drop" });
      await life.append("birch");
      await stage.readElsewhere();
      stage.losePower();
      await stage.check();
    },
  },
  {
    name: "same-expectation",
    about: "Two appends expect the same number.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open();
      const expectedSeq = life.log.nextSeq;
      const both = [life.append("alder", { expectedSeq }), life.append("birch", { expectedSeq })];
      const appended = (await Promise.all(both)).filter((it) => it).length;
      if (appended !== 1) throw new Violation("I16", `${appended} of two appends that expect one number are acknowledged`);
      await stage.check();
    },
  },
  {
    name: "no-room",
    about: "There is no room for a segment at first; when there is, the same writer goes on.",
    async play(cast) {
      const stage = new LogStage(cast);
      const life = await stage.open();
      stage.fault({ operation: "dsyncWrite", path: "*.wal", nth: 1, kind: "fail", code: "ENOSPC" });
      await life.append("alder");
      stage.disk.heal();
      if (!(await life.append("birch"))) throw new Violation("I11", "there is room again, and an append was refused");
      await stage.check();
    },
  },
];

/** A synced write that is not answered yet. */
export function inFlightWrite({ operation, phase }: SimStep): boolean {
  return operation === "dsyncWrite" && phase === "begun";
}

/** A record over several sectors. */
function long(label: string): string {
  return label.padEnd(1500, "#");
}
