import type { ObjectStoreQuirks } from "@holdfast/storage-sim/object-store";
import { pick, type Draw } from "../draws.js";

/** What a schedule is like, from its beginning to its end. */
export interface Conditions {
  /** What the store does otherwise than S3, and may. */
  readonly quirks: ObjectStoreQuirks;
  /** A page of a list holds at most so many names. Few, so that most lists have several pages and change between them. */
  readonly pageNames: number;
  /** Every process finds out by trial first that the store decides who creates an object. */
  readonly isProbed: boolean;
  /** Of so many units that are appended one is so long that its commit goes in parts; `Infinity`: none. */
  readonly unitsPerLong: number;
  /** What is not as usual, in words that are counted. */
  readonly words: readonly string[];
}

/** Trials and long bodies cost more requests and more work than all the rest, so few schedules have them. */
export function drawConditions(draw: Draw): Conditions {
  const quirks = pick(draw, DIALECTS);
  const pageNames = 2 + draw(12);
  const isProbed = draw(16) === 0;
  const unitsPerLong = draw(100) === 0 ? 2 : Infinity;
  const words = [
    ...Object.keys(quirks),
    ...(isProbed ? ["conditional writes tried out"] : []),
    ...(unitsPerLong === Infinity ? [] : ["uploads in parts"]),
  ];
  return { quirks, pageNames, isProbed, unitsPerLong, words };
}

/** Words of {@link Conditions}, as they are shown. */
export const CONDITION_WORDS: readonly string[] = ["ignoresChecksums", "ignoresRanges", "conditional writes tried out", "uploads in parts"];

const DIALECTS: readonly [ObjectStoreQuirks, ...ObjectStoreQuirks[]] = [
  {}, {}, {}, {}, {},
  { ignoresChecksums: true },
  { ignoresRanges: true },
  { ignoresChecksums: true, ignoresRanges: true },
];
