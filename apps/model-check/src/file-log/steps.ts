import type { Label, Visitor } from "../search.js";
import type { Configuration } from "./configuration.js";
import { normalise } from "./normalise.js";
import { brokenPromise, noteProven } from "./promises.js";
import { State } from "./state.js";

/** Steps worth counting, so that "safe" is not "never tried". */
export type EventName =
  | "power loss"
  | "process crash"
  | "failed write"
  | "evicted"
  | "copy needed"
  | "source changed: planned again"
  | "void removed"
  | "takes the head's place"
  | "rotation"
  | "closed"
  | "segment trimmed"
  | "trimmed segment removed later"
  | "trim answered without a write"
  | "floor written again"
  | "reader: delivered"
  | "reader: trimmed"
  | "damage in the stated window"
  | "damage outside the window"
  | "refused: damage";

/** Takes the steps out of one state. */
export class Steps {
  readonly configuration: Configuration;
  /** The state that is left. Never written while its steps are taken. */
  readonly now: State = new State();
  readonly counts: Record<EventName, number>;
  /** The state that a step leads to. */
  private readonly next = new State();
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
    normalise(next);
    noteProven(next, this.configuration);
    const isNew = visitor.visit(next.words, label);
    const message = this.broken ?? (isNew ? brokenPromise(next, this.configuration) : undefined);
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
    "power loss": 0,
    "process crash": 0,
    "failed write": 0,
    evicted: 0,
    "copy needed": 0,
    "source changed: planned again": 0,
    "void removed": 0,
    "takes the head's place": 0,
    rotation: 0,
    closed: 0,
    "segment trimmed": 0,
    "trimmed segment removed later": 0,
    "trim answered without a write": 0,
    "floor written again": 0,
    "reader: delivered": 0,
    "reader: trimmed": 0,
    "damage in the stated window": 0,
    "damage outside the window": 0,
    "refused: damage": 0,
  };
}
