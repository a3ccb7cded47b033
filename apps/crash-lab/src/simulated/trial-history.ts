import type { SimDisk } from "@holdfast/storage-sim";
import { DISK_WORDS, drawDiskOptions, newDisk } from "./disk-options.js";
import { drawFaults } from "./draw-faults.js";
import { seededDraw } from "./draws.js";
import type { Ledger } from "./ledger.js";
import { finished, newLife } from "./life.js";
import { playTrial } from "./play-trial.js";
import type { SimulatedStore } from "./simulated-store.js";
import type { Counts, HistoryOutcome, Lab, ModulesUnderTest, ReplayOutcome, StoreHistory } from "./store-history.js";
import { adversaryOf, TrialTree } from "./trial-tree.js";
import { parseTrial, type Step, type Trial } from "./trial.js";

/** The history of a store, from what is known about it. */
export function trialHistory<L extends Ledger<L>>(store: SimulatedStore<L>): StoreHistory {
  return {
    name: store.name,
    run: (lab) => runTree(store, lab),
    async replay(line: string, modules: ModulesUnderTest): Promise<ReplayOutcome> {
      return playTrial(store, checked(parseTrial(line), store), modules);
    },
  };
}

/** @throws RangeError for words that the store does not know. */
function checked<L extends Ledger<L>>(trial: Trial, { name, optionWords, stepLetters }: SimulatedStore<L>): Trial {
  if (trial.store !== name) throw new RangeError(`a trial of ${trial.store}, not of ${name}`);
  const known: readonly string[] = [...DISK_WORDS, ...optionWords];
  const word = trial.options.find((it) => !known.includes(it));
  if (word !== undefined) throw new RangeError(`no option ${JSON.stringify(word)}; there are: ${known.join(", ")}`);
  const step = trial.lives.flatMap(({ steps }) => steps).find(({ op }) => !stepLetters.includes(op));
  if (step !== undefined) throw new RangeError(`no step ${JSON.stringify(step.op)}; there are: ${stepLetters.join(", ")}`);
  return trial;
}

async function runTree<L extends Ledger<L>>(store: SimulatedStore<L>, { modules, profile, seed, maxStates }: Lab): Promise<HistoryOutcome> {
  const draw = seededDraw(seed);
  const drawApart = seededDraw(-1 - seed);
  const options = [...drawDiskOptions(draw, drawApart), ...store.drawOptions(draw, drawApart)];
  const steps = store.drawScript(draw, options, 2 + draw(5));
  const bare: Omit<Trial, "lives"> = { store: store.name, profile, chance: seed, options, faults: [] };
  const rehearsed = await rehearse(store, bare, steps, modules);
  const trial = { ...bare, faults: drawFaults(draw, store.faultKinds, rehearsed.operations) };
  const disk = newDisk(trial, adversaryOf(trial, 0));
  const tree = new TrialTree({ store, modules, trial, draw, maxStates, moments: rehearsed.moments });
  await tree.grow(disk, steps);
  const { states, crashes, violation } = tree;
  const { operations, faults } = disk.stats;
  return { states, crashes, operations, faults, violation };
}

/** The script once without faults and crashes: which calls does it make, and at how many moments does a crash make a difference? */
async function rehearse<L extends Ledger<L>>(
  store: SimulatedStore<L>,
  trial: Omit<Trial, "lives">,
  steps: readonly Step[],
  modules: ModulesUnderTest,
): Promise<{ readonly operations: Counts; readonly moments: number }> {
  const disk: SimDisk = newDisk(trial, adversaryOf(trial, 0));
  let moments = 0;
  disk.observe(({ changes, phase }) => {
    if (changes && phase !== "done") moments += 1;
  });
  const life = newLife({ modules, disk, ledger: store.newLedger(trial), trial, depth: 0, steps });
  // What is wrong without faults and crashes is found again, and told, when the script is run with them.
  await finished(store.live(life), life).catch(() => undefined);
  return { operations: disk.stats.operations, moments: Math.max(1, moments) };
}
