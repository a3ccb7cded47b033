import { seededAdversary, type SimDisk, type SimStep } from "@holdfast/storage-sim";
import { drawCrashes, type Draw } from "./draws.js";
import type { Ledger } from "./ledger.js";
import { finished, newLife } from "./life.js";
import type { SimulatedStore } from "./simulated-store.js";
import type { FoundViolation, ModulesUnderTest } from "./store-history.js";
import { formatTrial, type Crash, type Life as PlannedLife, type Step, type Trial } from "./trial.js";
import { Violation } from "./violation.js";

/** What {@link TrialTree} grows from. */
export interface TreeOptions<L extends Ledger<L>> {
  readonly store: SimulatedStore<L>;
  readonly modules: ModulesUnderTest;
  /** Everything but the lives. */
  readonly trial: Omit<Trial, "lives">;
  readonly draw: Draw;
  readonly maxStates: number;
  /** About how many moments the first life has at which a crash makes a difference. */
  readonly moments: number;
}

/**
 * Many trials that begin alike. One life is lived once, and crashed at many of its moments: each crash is the beginning of
 * another life on a disk of its own, whose end is compared with what was promised, and which may be crashed in turn. The life
 * itself goes on meanwhile, as the zombie of all of them.
 */
export class TrialTree<L extends Ledger<L>> {
  states = 0;
  readonly crashes: Map<string, number> = new Map<string, number>();
  violation: FoundViolation | undefined;
  readonly #options: TreeOptions<L>;

  constructor(options: TreeOptions<L>) {
    this.#options = options;
  }

  /** Lives the first life on an empty disk, and all that follow from it. */
  async grow(disk: SimDisk, steps: readonly Step[]): Promise<void> {
    const { store, trial, moments } = this.#options;
    await this.#live({ disk, ledger: store.newLedger(trial), before: [] }, steps, Math.min(1, FIRST_CRASHES / moments));
  }

  get #isOver(): boolean {
    return this.violation !== undefined || this.states >= this.#options.maxStates;
  }

  /** @param density - The part of the moments at which it crashes, 0 to 1. */
  async #live(from: Branch<L>, steps: readonly Step[], density: number): Promise<void> {
    const { store, modules, trial } = this.#options;
    const depth = from.before.length;
    const branches: Branch<L>[] = [];
    const crash = (kind: Crash["kind"], at: Crash["at"], most: number): void => {
      for (const it of drawCrashes(from.disk, kind, most, this.#options.draw, () => adversaryOf(trial, depth + 1))) {
        const before = [...from.before, { steps, crash: { kind, at, choices: it.choices } }];
        branches.push({ disk: it.disk, ledger: from.ledger.afterCrash(kind), before });
      }
    };
    const stop = density > 0 ? from.disk.observe((step) => { this.#maybeCrash(step, density, crash); }) : undefined;
    try {
      const life = newLife({ modules, disk: from.disk, ledger: from.ledger, trial, depth, steps });
      await finished(store.live(life), life);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#found(error, [...from.before, { steps, crash: undefined }]);
      return;
    } finally {
      stop?.();
    }
    if (density > 0) crash(this.#draw(4) === 0 ? "process" : "power", undefined, 2);
    await this.#goOn(branches);
  }

  #maybeCrash({ call, phase, changes }: SimStep, density: number, crash: (kind: Crash["kind"], at: Crash["at"], most: number) => void): void {
    // What is durable and not answered yet differs from what is in flight only by what the crash may choose there.
    if (!changes || phase === "done" || this.#draw(DENSITY_STEPS) >= density * DENSITY_STEPS) return;
    const isProcess = this.#draw(4) === 0;
    crash(isProcess ? "process" : "power", { call, phase }, isProcess ? 2 : 3);
  }

  async #goOn(branches: Branch<L>[]): Promise<void> {
    const { store, trial } = this.#options;
    for (let branch = branches.shift(); branch !== undefined && !this.#isOver; branch = branches.shift()) {
      const depth = branch.before.length;
      const kind = branch.before.at(-1)?.crash?.kind ?? "power";
      this.states += 1;
      this.crashes.set(`${kind} ${depth}`, (this.crashes.get(`${kind} ${depth}`) ?? 0) + 1);
      const isDeep = depth >= MAX_DEPTH;
      const density = !isDeep && this.#draw(12) === 0 ? LATER_DENSITY : 0;
      const isDisturbed = !isDeep && this.#draw(20) === 0;
      const steps = isDisturbed ? store.drawScript(this.#options.draw, trial.options, 2) : store.drawSettling(this.#options.draw);
      await this.#live(branch, steps, isDisturbed ? LATER_DENSITY : density);
    }
  }

  #found({ invariant, message }: Violation, lives: readonly PlannedLife[]): void {
    this.violation = { invariant, message, line: formatTrial({ ...this.#options.trial, lives }) };
  }

  #draw(count: number): number {
    return this.#options.draw(count);
  }
}

/** What is left to chance in a life, other than by the crash before it. */
export function adversaryOf({ chance }: Pick<Trial, "chance">, depth: number): ReturnType<typeof seededAdversary> {
  return seededAdversary(chance * (MAX_DEPTH + 2) + depth);
}

/** Where a life begins. */
interface Branch<L> {
  readonly disk: SimDisk;
  readonly ledger: L;
  readonly before: readonly PlannedLife[];
}

/** How many crashes follow each other at most. */
const MAX_DEPTH = 3;
/** About how many moments of the first life are crashed at. */
const FIRST_CRASHES = 20;
const LATER_DENSITY = 0.05;
const DENSITY_STEPS = 1000;
