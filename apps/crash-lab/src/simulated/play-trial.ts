import type { SimDisk } from "@holdfast/storage-sim";
import { recordedAdversary } from "@holdfast/storage-sim";
import { newDisk } from "./disk-options.js";
import type { Ledger } from "./ledger.js";
import { finished, newLife } from "./life.js";
import type { SimulatedStore } from "./simulated-store.js";
import type { FoundViolation, ModulesUnderTest } from "./store-history.js";
import { adversaryOf } from "./trial-tree.js";
import { formatTrial, type Life as PlannedLife, type Trial } from "./trial.js";
import { Violation } from "./violation.js";

/** What came of one trial. */
export interface Played {
  /** Of all calls to the disks on this path. */
  readonly traceHash: string;
  readonly violation: FoundViolation | undefined;
}

/** Lives the lives of one trial, one after the other. */
export async function playTrial<L extends Ledger<L>>(store: SimulatedStore<L>, trial: Trial, modules: ModulesUnderTest): Promise<Played> {
  let disk = newDisk(trial, adversaryOf(trial, 0));
  let ledger = store.newLedger(trial);
  for (const [depth, planned] of trial.lives.entries()) {
    const crashed = crashOf(disk, planned, trial, depth, () => ledger);
    try {
      const life = newLife({ modules, disk, ledger, trial, depth, steps: planned.steps });
      await finished(store.live(life), life);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { invariant, message } = error;
      return { traceHash: disk.trace().hash, violation: { invariant, message, line: formatTrial(trial) } };
    }
    if (planned.crash === undefined) break;
    ({ disk, ledger } = crashed());
  }
  return { traceHash: disk.trace().hash, violation: undefined };
}

/** Crashes the disk at the planned moment. @returns What is left; a moment that did not come comes when it is asked for. */
function crashOf<L extends Ledger<L>>(
  disk: SimDisk,
  { crash }: PlannedLife,
  trial: Trial,
  depth: number,
  ledger: () => L,
): () => { readonly disk: SimDisk; readonly ledger: L } {
  const now = (): { readonly disk: SimDisk; readonly ledger: L } => {
    const kind = crash?.kind ?? "power";
    const chance = recordedAdversary(crash?.choices ?? []);
    return { disk: disk.crash({ kind, adversary: adversaryOf(trial, depth + 1), chance }), ledger: ledger().afterCrash(kind) };
  };
  let crashed: { readonly disk: SimDisk; readonly ledger: L } | undefined;
  const stop = disk.observe(({ call, phase }) => {
    if (call === crash?.at?.call && phase === crash.at.phase) crashed = now();
  });
  return () => {
    stop();
    return crashed ?? now();
  };
}
