import type { FaultKind } from "@holdfast/storage-sim";
import { REAL_MODULES } from "../../../src/simulated/modules.js";
import type { StoreHistory } from "../../../src/simulated/store-history.js";

/** All that a disk may do. */
export const ALL_KINDS: readonly FaultKind[] = [
  "fail", "failAfter", "failPartly", "drop", "lie", "lost", "misdirect", "short", "flip", "rot", "zero", "unreadable", "shuffle", "evict", "readOnly",
];

/**
 * Plays scripts, with one crash state each, until every kind of fault has hit one of them: which calls a script makes, and so which faults it meets, is another
 * with each change of the code, so that the number of kinds in a few scripts says nothing. Some hundred have always been enough.
 *
 * @returns Kinds that no script met.
 * @throws Error if a promise is broken in one of them.
 */
export async function missedKinds(history: StoreHistory, kinds: readonly FaultKind[]): Promise<readonly FaultKind[]> {
  const missed = new Set<string>(kinds);
  for (let seed = 1; seed <= MOST_SCRIPTS && missed.size > 0; seed++) {
    const { faults, violation } = await history.run({ modules: REAL_MODULES, profile: "posix", seed, maxStates: 1 });
    if (violation !== undefined) throw new Error(`${violation.message}: ${violation.line}`);
    for (const [name, times] of faults) if (times > 0) missed.delete(name.split(" ")[0] ?? name);
  }
  return kinds.filter((kind) => missed.has(kind));
}

const MOST_SCRIPTS = 600;
