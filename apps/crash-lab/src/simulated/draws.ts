import { formatChoices, recording, seededAdversary, type Adversary, type SimDisk } from "@holdfast/storage-sim";
import type { Crash } from "./trial.js";

/** Chooses a whole number from 0 to `count − 1`, by a seed. */
export type Draw = (count: number) => number;

/** Draws that are the same for the same seed, a safe integer, and each number about as often as every other. */
export function seededDraw(seed: number): Draw {
  const adversary = seededAdversary(seed, { temper: "even" });
  return (count) => adversary.choose("draw", count);
}

/** One of several. */
export function pick<T>(draw: Draw, from: readonly [T, ...T[]]): T {
  return from[draw(from.length)] ?? from[0];
}

/** A disk after a crash, and what survived. */
export interface CrashedDisk {
  readonly disk: SimDisk;
  readonly choices: readonly number[];
}

/**
 * Up to `most` different states in which a crash may leave a disk at this moment: nothing survives, everything does, and then in
 * turn everything but one piece, one piece alone, a prefix, and anything.
 *
 * @param adversary - Decides on the new disk; asked for once for each.
 */
export function* drawCrashes(disk: SimDisk, kind: Crash["kind"], most: number, draw: Draw, adversary: () => Adversary): Generator<CrashedDisk, void, undefined> {
  const seen = new Set<string>();
  let pieces = 0;
  let misses = 0;
  for (let made = 0; made < most && misses < MISSES; ) {
    const turn = made + misses;
    const chance = recording(turn === 0 ? always(0) : turn === 1 ? always(1) : drawn(turn, pieces, draw));
    const crashed = disk.crash({ kind, adversary: adversary(), chance });
    const choices = chance.made.map(({ chosen }) => chosen);
    pieces = Math.max(pieces, choices.length);
    const name = formatChoices(choices);
    if (seen.has(name)) {
      misses += 1;
      // Nothing was left to chance.
      if (pieces === 0) return;
      continue;
    }
    seen.add(name);
    made += 1;
    yield { disk: crashed, choices };
    if (pieces === 0) return;
  }
}

/** Where little is left to chance, a state is soon drawn again. */
const MISSES = 3;

function drawn(turn: number, pieces: number, draw: Draw): Adversary {
  const chosen = draw(Math.max(1, pieces));
  switch (turn % 5) {
    case 2:
      return byIndex((index) => index !== chosen);
    case 3:
      return byIndex((index) => index === chosen);
    case 4:
      return byIndex((index) => index < chosen);
    default:
      return seededAdversary(draw(0x1_0000_0000));
  }
}

/** The first possibility or the second. */
function always(which: 0 | 1): Adversary {
  return { choose: (_label, count) => Math.min(which, count - 1) };
}

function byIndex(survives: (index: number) => boolean): Adversary {
  let index = 0;
  return {
    choose(_label, count) {
      index += 1;
      return survives(index - 1) ? Math.min(1, count - 1) : 0;
    },
  };
}
