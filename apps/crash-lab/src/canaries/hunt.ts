import { explore } from "../simulated/explore.js";
import { HISTORIES } from "../simulated/stores.js";
import type { FoundViolation, StoreHistory } from "../simulated/store-history.js";
import type { Canary } from "./canary.js";
import { directedHistory } from "./directed-history.js";
import { PatchError, patchedModules } from "./patched-modules.js";
import { SCENES } from "./scenes.js";

/** What came of looking for one canary. */
export interface Hunt {
  readonly canary: Canary;
  /** `directed/NAME`, or the store whose random histories were explored. */
  readonly history: string;
  /** Of the script in which it was found, or of the last one. */
  readonly seed: number;
  /** Crash states until it was found, or all of them. */
  readonly states: number;
  readonly milliseconds: number;
  readonly violation: FoundViolation | undefined;
  /** Why it counts as not found. `undefined`: it was found. */
  readonly survival: string | undefined;
}

/**
 * Runs the lab with the broken code until a promise is broken: the canary's scene, or random histories of its store.
 *
 * @throws PatchError if a patch does not fit the code. Whatever else is thrown is a defect of the canary or of the lab: broken
 * code must break promises, and not fall over.
 */
export async function hunt(canary: Canary): Promise<Hunt> {
  const history = historyOf(canary);
  const modules = await patchedModules(canary.patches).catch((error: unknown) => {
    throw error instanceof PatchError ? new PatchError(`${canary.name}: ${error.message}`) : error;
  });
  const budget = canary.scene === undefined ? { states: RANDOM_STATES } : { runs: SCENE_RUNS };
  const { firstSeed = FIRST_SEED } = canary;
  const { states, milliseconds, violation, runs } = await explore(history, { modules, profile: "posix", seed: firstSeed, budget });
  const seed = firstSeed + runs - 1;
  return { canary, history: history.name, seed, states, milliseconds, violation, survival: survivalOf(canary, violation) };
}

const FIRST_SEED = 1;
/** Random histories find what they find within far fewer states. */
const RANDOM_STATES = 8000;
/** How a history tells of an error that no store gives: a mistake in the broken code, which would be noticed anywhere. */
const NO_CODE = "without a code";
/** How often a scene is played, with other chances each time; it is most often found at once. */
const SCENE_RUNS = 5;

/** @throws RangeError for a canary that names what is not there. */
function historyOf({ name, scene, store }: Canary): StoreHistory {
  if (scene === undefined) {
    const history = HISTORIES.find((it) => it.name === store);
    if (history === undefined) throw new RangeError(`${name}: ${store} has no random histories`);
    return history;
  }
  const found = SCENES.find((it) => it.name === scene);
  if (found === undefined) throw new RangeError(`${name}: there is no scene ${scene}`);
  return directedHistory(found);
}

function survivalOf({ expects }: Canary, violation: FoundViolation | undefined): string | undefined {
  if (violation === undefined) return "nothing was violated";
  if (violation.message.includes(NO_CODE)) return `it falls over instead of breaking a promise: ${violation.message}`;
  if (expects.includes(violation.invariant)) return undefined;
  return `${violation.invariant} was violated, and not ${expects.join(" or ")}: ${violation.message}`;
}
