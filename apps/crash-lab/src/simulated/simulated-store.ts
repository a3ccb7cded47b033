import type { FaultKind } from "@holdfast/storage-sim";
import type { Draw } from "./draws.js";
import type { Ledger } from "./ledger.js";
import type { Life } from "./life.js";
import type { Step, Trial } from "./trial.js";

/** A store as the simulated part of the lab drives it. */
export interface SimulatedStore<L extends Ledger<L>> {
  readonly name: string;
  /** Kinds of faults under which the store promises something. */
  readonly faultKinds: readonly FaultKind[];
  /** Words of {@link Trial.options} that this store knows, beside those of the disk. */
  readonly optionWords: readonly string[];
  /** Letters of its steps. */
  readonly stepLetters: readonly string[];
  /**
   * Options for a new trial.
   *
   * @param drawApart - Draws the words that came later, so that the scripts of seeds do what they did before.
   */
  drawOptions(draw: Draw, drawApart: Draw): readonly string[];
  /** What the first process does. `size` is about how many operations. */
  drawScript(draw: Draw, options: readonly string[], size: number): readonly Step[];
  /** What the process does that comes last, when faults are over: it opens the store, looks at everything and goes on. */
  drawSettling(draw: Draw): readonly Step[];
  /** Nothing was promised yet. */
  newLedger(trial: Pick<Trial, "faults" | "options">): L;
  /** Goes through the steps. @throws Violation */
  live(life: Life<L>): Promise<void>;
}
