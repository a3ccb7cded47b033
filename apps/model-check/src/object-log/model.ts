import type { Model, Visitor } from "../search.js";
import { Role, WriterPhase } from "./actors.js";
import type { Configuration } from "./configurations.js";
import { claimOf } from "./content.js";
import { takeMergerSteps } from "./merger.js";
import { normalise } from "./normalise.js";
import { takeReaderSteps } from "./reader.js";
import { takeLateRequests } from "./requests.js";
import { MAX_MERGERS, State, STATE_WORDS } from "./state.js";
import { Steps } from "./steps.js";
import type { EventName } from "./steps.js";
import { takeTrimmerSteps } from "./trimmer.js";
import { takeWriterSteps } from "./writer.js";

/** A model of the log on object storage. */
export interface ObjectLogModel extends Model {
  /** How often each notable step was taken so far. */
  readonly counts: Readonly<Record<EventName, number>>;
}

/** The model of a log with the processes of `configuration`, and without the rule that it does not keep. */
export function objectLogModel(configuration: Configuration): ObjectLogModel {
  const steps = new Steps(configuration);
  const { now } = steps;
  return {
    stateWords: STATE_WORDS,
    counts: steps.counts,
    initial: () => initialState(configuration).words,
    expand(state: Uint32Array, visitor: Visitor): void {
      steps.leave(state, visitor);
      for (const writer of now.writers) takeWriterSteps(steps, writer);
      for (const merger of now.mergers) takeMergerSteps(steps, merger);
      takeTrimmerSteps(steps);
      takeReaderSteps(steps, now.reader(Role.follower));
      takeLateRequests(steps);
    },
  };
}

/** An empty prefix, or a log of one claim that A has open. */
function initialState(configuration: Configuration): State {
  const state = new State();
  state.latePuts = configuration.latePuts;
  state.lateDeletes = configuration.lateDeletes;
  state.trimmer.rounds = configuration.trims;
  for (let id = 0; id < MAX_MERGERS; id++) state.merger(id).rounds = configuration.merges[id] ?? 0;
  if (configuration.follower) state.reader(Role.follower).start();
  if (!configuration.isEmpty) {
    const first = state.writer(0);
    state.lastPosition = first.position = 1;
    state.history[1] = state.objects[1] = claimOf(first.id, 1);
    first.nextSeq = 1;
    first.phase = WriterPhase.open;
  }
  normalise(state, configuration);
  return state;
}
