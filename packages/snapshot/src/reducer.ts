import { DeepFreeze } from "./deep-freeze.js";

/** The state behind an event. Throws if it refuses the event. */
export type Apply<S, E> = (state: S, event: E) => S;

/**
 * The user's reducer, with its answer looked at, and in development with everything frozen that it gets and gives.
 */
export function checkedApply<S, E>(apply: Apply<S, E>, isDevelopment: boolean): Apply<S, E> {
  const freezer = new DeepFreeze();
  return (state, event) => {
    if (isDevelopment) freezer.freeze([state, event]);
    const next: unknown = apply(state, event);
    if (next === undefined) throw new TypeError("apply answered undefined, which is no state");
    if (isPromise(next)) throw new TypeError("apply answered a promise; it must answer the state itself");
    return (isDevelopment ? freezer.freeze(next) : next) as S;
  };
}

function isPromise(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("then" in value) || typeof value.then !== "function") return false;
  // Its failure is not told to anybody else.
  Promise.resolve(value).catch(() => undefined);
  return true;
}
