import type { Counts, FoundViolation, HistoryOutcome, ModulesUnderTest, Profile, StoreHistory } from "./store-history.js";

/** How much is explored. Whichever bound is reached first ends it; without any, it goes on until a violation. */
export interface Budget {
  /** Scripts. */
  readonly runs?: number | undefined;
  readonly states?: number | undefined;
  readonly milliseconds?: number | undefined;
}

/** What is explored, and for how long. */
export interface ExploreOptions {
  readonly modules: ModulesUnderTest;
  readonly profile: Profile;
  /** A safe integer: the first script. The next one has the next seed. */
  readonly seed: number;
  readonly budget: Budget;
  /** Called after each script. */
  readonly onProgress?: ((progress: { readonly runs: number; readonly states: number; readonly milliseconds: number }) => void) | undefined;
}

/** What was explored until the budget was used up or the first violation was found. */
export interface ExplorationReport {
  readonly store: string;
  readonly profile: Profile;
  readonly seed: number;
  readonly runs: number;
  readonly states: number;
  readonly milliseconds: number;
  readonly crashes: Counts;
  readonly operations: Counts;
  readonly faults: Counts;
  readonly violation: FoundViolation | undefined;
}

/** Explores crash states of one store, script after script, until the budget is used up or a promise is broken. */
export async function explore(history: StoreHistory, options: ExploreOptions): Promise<ExplorationReport> {
  const { modules, profile, seed, budget } = options;
  const startMs = performance.now();
  const sums = { crashes: new Map<string, number>(), operations: new Map<string, number>(), faults: new Map<string, number>() };
  let runs = 0;
  let states = 0;
  let violation: FoundViolation | undefined;
  const elapsedMs = (): number => performance.now() - startMs;
  while (
    violation === undefined &&
    runs < (budget.runs ?? Infinity) &&
    states < (budget.states ?? Infinity) &&
    elapsedMs() < (budget.milliseconds ?? Infinity)
  ) {
    const outcome = await history.run({ modules, profile, seed: seed + runs, maxStates: (budget.states ?? Infinity) - states });
    runs += 1;
    states += outcome.states;
    add(sums, outcome);
    violation = outcome.violation;
    options.onProgress?.({ runs, states, milliseconds: elapsedMs() });
  }
  return { store: history.name, profile, seed, runs, states, milliseconds: elapsedMs(), ...sums, violation };
}

function add(
  sums: { readonly crashes: Map<string, number>; readonly operations: Map<string, number>; readonly faults: Map<string, number> },
  outcome: HistoryOutcome,
): void {
  for (const what of ["crashes", "operations", "faults"] as const) {
    for (const [key, count] of outcome[what]) sums[what].set(key, (sums[what].get(key) ?? 0) + count);
  }
}
