import type { Label, Visitor } from "../search.js";
import type { Configuration } from "./configurations.js";
import { normalise } from "./normalise.js";
import { brokenPromise } from "./promises.js";
import { State } from "./state.js";

/** Steps worth counting, so that "safe" is not "never tried". */
export type EventName =
  | "ghost commit"
  | "ghost claim"
  | "late DELETE"
  | "late DELETE hits a ghost claim"
  | "claim accepted"
  | "claim refused by the listing"
  | "fenced, not applied"
  | "fenced, outcome unknown"
  | "ack behind a later claim"
  | "packs overlap"
  | "merger: gave up"
  | "reader: back from a ghost"
  | "reader: trimmed";

/** Takes the steps out of one state. */
export class Steps {
  readonly configuration: Configuration;
  /** The state that is left. Never written while its steps are taken. */
  readonly now: State = new State();
  readonly counts: Record<EventName, number>;
  /** The state that a step leads to. */
  private readonly next = new State();
  private readonly scratch = new State();
  private visitor: Visitor = NOBODY;
  private broken: string | undefined;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.counts = noEvents();
  }

  /** Makes `state` the state that is left, and `visitor` the one who is told of each step. */
  leave(state: Uint32Array, visitor: Visitor): void {
    this.now.words.set(state);
    this.visitor = visitor;
  }

  /** One step: `change` is applied to a copy of the state that is left. */
  take(label: Label, change: (next: State) => void): void {
    const { next, visitor } = this;
    next.words.set(this.now.words);
    change(next);
    normalise(next, this.configuration);
    const isNew = visitor.visit(next.words, label);
    const message = this.broken ?? (isNew ? brokenPromise(next, this.scratch) : undefined);
    this.broken = undefined;
    if (message !== undefined) visitor.violation(message);
  }

  /** Within `change`: the step itself breaks a promise. */
  violation(message: string): void {
    this.broken ??= message;
  }

  /** Within `change`: the step is one of these. */
  count(event: EventName): void {
    this.counts[event]++;
  }
}

const NOBODY: Visitor = {
  visit: () => false,
  violation: () => undefined,
};

function noEvents(): Record<EventName, number> {
  return {
    "ghost commit": 0,
    "ghost claim": 0,
    "late DELETE": 0,
    "late DELETE hits a ghost claim": 0,
    "claim accepted": 0,
    "claim refused by the listing": 0,
    "fenced, not applied": 0,
    "fenced, outcome unknown": 0,
    "ack behind a later claim": 0,
    "packs overlap": 0,
    "merger: gave up": 0,
    "reader: back from a ghost": 0,
    "reader: trimmed": 0,
  };
}
