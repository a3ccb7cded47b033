import { createHash } from "node:crypto";

import { seededAdversary, type Adversary, type SimDisk } from "@holdfast/storage-sim";

import { PROFILES, type HistoryOutcome, type ModulesUnderTest, type Profile, type StoreHistory } from "../simulated/store-history.js";
import { Violation } from "../simulated/violation.js";

/** A history that aims at one class of faults, for what a random one meets too rarely. The code as it is passes all of them. */
export interface Scene {
  /** One word. */
  readonly name: string;
  /** What happens, as a sentence. */
  readonly about: string;
  /** Whether anything in it is left to chance, so that it is worth playing more than once. */
  readonly isChancy?: boolean | undefined;
  /** Plays it to the end. @throws {@link Violation} for a promise that is broken. */
  play(cast: SceneCast): Promise<void>;
}

/** What a scene is played with. */
export interface SceneCast {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  readonly chance: Adversary;
  /** To be called for each crash. */
  readonly onCrash: (kind: CrashKind) => void;
  /** To be called with each disk. */
  readonly onDisk: (disk: SimDisk) => void;
}

/** What crashed. */
export type CrashKind = "power" | "process";

/** A scene as a history: one script, in as many crash states as the scene has crashes. */
export function directedHistory(scene: Scene): StoreHistory {
  return {
    name: `${DIRECTED}${scene.name}`,
    run: async ({ modules, profile, seed }) => (await play(scene, modules, profile, seed)).outcome,
    async replay(line, modules) {
      const [, name, profile, seed] = LINE.exec(line) ?? [];
      const known = PROFILES.find((it) => it === profile);
      if (name !== scene.name || known === undefined) throw new RangeError(`no line of ${DIRECTED}${scene.name}: ${JSON.stringify(line)}`);
      const { outcome, traceHash } = await play(scene, modules, known, Number(seed));
      return { traceHash, violation: outcome.violation };
    },
  };
}

const DIRECTED = "directed/";
const LINE = /^directed\/([a-z-]+) ([a-z]+) (\d{1,15})$/;

async function play(
  scene: Scene,
  modules: ModulesUnderTest,
  profile: Profile,
  seed: number,
): Promise<{ readonly outcome: HistoryOutcome; readonly traceHash: string }> {
  const crashes = new Map<string, number>();
  const disks: SimDisk[] = [];
  let violation: Violation | undefined;
  try {
    await scene.play({
      modules,
      profile,
      chance: seededAdversary(seed),
      onCrash: (kind) => crashes.set(kind, (crashes.get(kind) ?? 0) + 1),
      onDisk: (disk) => {
        disks.push(disk);
      },
    });
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return {
    outcome: {
      states: [...crashes.values()].reduce((sum, it) => sum + it, 1),
      crashes,
      // All disks that came out of the first one count together.
      operations: disks[0]?.stats.operations ?? new Map<string, number>(),
      faults: disks[0]?.stats.faults ?? new Map<string, number>(),
      violation: violation && { invariant: violation.invariant, message: violation.message, line: `${DIRECTED}${scene.name} ${profile} ${seed}` },
    },
    traceHash: createHash("sha256").update(disks.map((disk) => disk.trace().hash).join()).digest("hex").slice(0, 16),
  };
}
