import { OBJECT_FAULT_OPERATIONS, type ObjectFaultChance, type ObjectFaultKind } from "@holdfast/storage-sim/object-store";
import type { Adversary } from "@holdfast/storage-sim";
import type { Draw } from "../draws.js";
import type { Counts, Profile } from "../store-history.js";

/** What requests meet in a schedule, by chance. */
export interface FaultMix {
  readonly adversary: Adversary;
  readonly chance: ObjectFaultChance | undefined;
  /** Faults that hit so far: `"lose PutObject"`. */
  readonly hits: Counts;
  /** No more faults from now on. */
  heal(): void;
}

/**
 * Of the requests that change something half meet a fault, and four of ten an answer that says nothing: with those that are made when the
 * faults are over, three of ten. Of those that read one of sixteen.
 *
 * @param profile - `posix`: everything. `ordered`: nothing arrives late or twice. `kill`: no faults, processes only stop and die.
 */
export function faultMix(draw: Draw, profile: Profile): FaultMix {
  const hits = new Map<string, number>();
  const kinds = profile === "posix" ? ALL_KINDS : ALL_KINDS.filter((it) => it !== "late" && it !== "twice");
  let isOver = profile === "kill";
  const choose = (label: string, count: number): number => {
    const [, asked] = MEETS.exec(label) ?? [];
    if (asked !== undefined && (isOver || (READS.has(asked) && draw(8) > 0))) return 0;
    const chosen = draw(count);
    const [, operation] = WHICH.exec(label) ?? [];
    if (operation !== undefined) {
      const kind = kinds.filter((it) => OBJECT_FAULT_OPERATIONS[it].some((known) => known === operation))[chosen];
      if (kind !== undefined) hits.set(`${kind} ${operation}`, (hits.get(`${kind} ${operation}`) ?? 0) + 1);
    }
    return chosen;
  };
  return {
    adversary: { choose },
    chance: profile === "kill" ? undefined : { kinds, outOf: 10, faults: 5 },
    hits,
    heal() {
      isOver = true;
    },
  };
}

/** After these nobody knows whether it was done. */
export const AMBIGUOUS_KINDS: readonly ObjectFaultKind[] = ["drop", "lose", "late", "twice", "fail", "failAfter", "conflict", "errorInside"];
const DEFINITE: readonly ObjectFaultKind[] = ["refuse", "slow", "garble", "full", "skew", "expire", "redirect"];
const READING: readonly ObjectFaultKind[] = ["cut", "short", "flip", "drip", "stall", "partial", "page", "staleToken"];

/** Kinds that a schedule may meet, as they are shown. */
export const SCHEDULED_KINDS: readonly ObjectFaultKind[] = [...AMBIGUOUS_KINDS, ...DEFINITE, ...READING];
/** As they are drawn from: four times as likely what leaves a writer in doubt. */
const ALL_KINDS: readonly ObjectFaultKind[] = [...AMBIGUOUS_KINDS, ...AMBIGUOUS_KINDS, ...AMBIGUOUS_KINDS, ...SCHEDULED_KINDS];
const READS: ReadonlySet<string> = new Set(["GetObject", "HeadBucket", "HeadObject", "ListObjects"]);
/** As the simulated store asks. */
const MEETS = /^whether (\w+) .* meets a fault$/s;
const WHICH = /^what (\w+) .* meets$/s;
