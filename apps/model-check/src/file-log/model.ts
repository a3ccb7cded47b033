import type { Model, Visitor } from "../search.js";
import type { Configuration } from "./configuration.js";
import { takeEnvironmentSteps } from "./environment.js";
import { takeReaderSteps } from "./reader.js";
import { State, STATE_WORDS } from "./state.js";
import { Steps } from "./steps.js";
import type { EventName } from "./steps.js";
import { takeWriterSteps } from "./writer.js";

/** A model of the log on a local directory. */
export interface FileLogModel extends Model {
  /** How often each notable step was taken so far. */
  readonly counts: Readonly<Record<EventName, number>>;
}

/** The model of a log that starts as an empty directory. Bounds and the rule that it does not keep are in `configuration`. */
export function fileLogModel(configuration: Configuration): FileLogModel {
  const steps = new Steps(configuration);
  return {
    stateWords: STATE_WORDS,
    counts: steps.counts,
    initial: () => initialState(configuration).words,
    expand(state: Uint32Array, visitor: Visitor): void {
      steps.leave(state, visitor);
      takeWriterSteps(steps);
      if (configuration.reader) takeReaderSteps(steps);
      takeEnvironmentSteps(steps);
    },
  };
}

/** An empty directory, nobody there, nothing promised. */
function initialState(configuration: Configuration): State {
  const state = new State();
  const { promises, budget, reader } = state;
  promises.nextValue = 1;
  promises.floorSeq = 1;
  budget.processCrashes = configuration.processCrashes;
  budget.powerLosses = configuration.powerLosses;
  budget.failures = configuration.failures;
  budget.damages = configuration.damages;
  budget.trims = configuration.trims;
  reader.nextSeq = configuration.reader ? 1 : 0;
  return state;
}
