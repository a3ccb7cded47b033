import { search } from "./search.js";
import type { Model, Violation } from "./search.js";

/** What a search is expected to show. */
export type CheckKind =
  /** Every promise holds, and nothing is left unexplored. */
  | "safe"
  /** The same, as far as the limit allows: too large to be searched to the end. */
  | "large"
  /** A negative control: without one rule, a promise breaks. */
  | "control"
  /** A rule that another one covers: without it no promise breaks. */
  | "redundant";

/** A model that counts its notable steps. */
export interface CountingModel extends Model {
  readonly counts: Readonly<Record<string, number>>;
}

/** One search. Its name is unique in its model. */
export interface Check {
  /** Name of the model that is searched. */
  readonly model: string;
  readonly kind: CheckKind;
  /** Name of the configuration, or of the rule that is taken away. */
  readonly name: string;
  /** One sentence: what happens in it, or what the rule says. */
  readonly about: string;
  /** How much may happen, by the heading of the column that shows it. */
  readonly bounds: Readonly<Record<string, string>>;
  readonly makeModel: () => CountingModel;
  /** Stop when so many states were found, unless the caller says otherwise. */
  readonly limit: number;
  /** What a run over the present model found. */
  readonly recorded: Recorded | undefined;
}

/** What a search found when it was last looked at. */
export interface Recorded {
  readonly states: number;
  readonly steps: number;
}

/** How a search ended: the first two for `safe` and `large`, the next two for `control`, then two for `redundant`; the last for all. */
export type Outcome = "safe" | "violated" | "found" | "missed" | "covered" | "needed" | "not complete";

/** What one run of a check showed. */
export interface CheckResult {
  readonly check: Check;
  readonly outcome: Outcome;
  readonly states: number;
  readonly steps: number;
  readonly seconds: number;
  readonly violation: Violation | undefined;
  readonly counts: Readonly<Record<string, number>>;
  /** Not the recorded number of states or steps, and not because of the caller's limit: the model has changed. */
  readonly differsFromRecorded: boolean;
}

/** How a check is run. */
export interface RunOptions {
  /** Instead of the check's own limit. */
  readonly limit?: number | undefined;
  readonly onProgress?: ((found: number, expanded: number) => void) | undefined;
}

/** Searches the check's model until it is done or at the limit, and compares the result with the recorded one. */
export function runCheck(check: Check, options: RunOptions = {}): CheckResult {
  const model = check.makeModel();
  const start = performance.now();
  const { states, steps, complete, violation } = search(model, {
    limit: options.limit ?? check.limit,
    onProgress: options.onProgress,
  });
  const { recorded } = check;
  const isComparable = complete || violation !== undefined || options.limit === undefined;
  return {
    check,
    outcome: outcomeOf(check.kind, complete, violation),
    states,
    steps,
    seconds: (performance.now() - start) / 1000,
    violation,
    counts: model.counts,
    differsFromRecorded: isComparable && recorded !== undefined && (recorded.states !== states || recorded.steps !== steps),
  };
}

/** Whether the result is bad news: a promise that breaks, a control that is missed, or a model that is not the recorded one. */
export function isFailure({ outcome, differsFromRecorded }: CheckResult): boolean {
  return outcome === "violated" || outcome === "missed" || outcome === "needed" || differsFromRecorded;
}

function outcomeOf(kind: CheckKind, complete: boolean, violation: Violation | undefined): Outcome {
  switch (kind) {
    case "safe":
    case "large":
      if (violation !== undefined) return "violated";
      return complete ? "safe" : "not complete";
    case "control":
      if (violation !== undefined) return "found";
      return complete ? "missed" : "not complete";
    case "redundant":
      if (violation !== undefined) return "needed";
      return complete ? "covered" : "not complete";
  }
}
