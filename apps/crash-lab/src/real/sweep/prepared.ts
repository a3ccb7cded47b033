import { cp } from "node:fs/promises";

import type { Child, ChildEnd, ChildOptions } from "../child.js";
import { createHistory, type History, type StoreName } from "../history.js";
import { inTime } from "../in-time.js";
import { parseClaim, type Claim } from "../work/claims.js";

/** A store as a process has left it that ended without closing anything: every run of a script begins with a copy of it. */
export interface Prepared {
  readonly store: StoreName;
  /** Copies it to a directory and answers the history so far. */
  copyTo(root: string): Promise<History>;
}

/** @param root - Where it is made; stays. */
export async function prepare(store: StoreName, root: string): Promise<Prepared> {
  const claims: Claim[] = [];
  const child = createHistory(store, "power").start("script", { root, seed: "", inFlight: 1, maxBytes: 0, unfinished: true });
  child.onLine((line) => claims.push(parseClaim(line)));
  child.tell("go");
  await inTime("preparing", child.ended());
  if (claims.at(-1)?.is !== "done") throw new Error(`The child that prepares the ${store} did not come to its end.`);
  return {
    store,
    copyTo: async (to) => {
      await cp(root, to, { recursive: true });
      return createHistory(store, "power", claims);
    },
  };
}

/** Writes that are refused without any fault: the script for objects creates one that is there. */
export const EXPECTED_REFUSALS: Readonly<Record<StoreName, number>> = { log: 0, objects: 1 };

/** How a script went. */
export interface ScriptEnd extends ChildEnd {
  readonly history: History;
  /** The child said that it had come to the end. */
  readonly isComplete: boolean;
  /** Writes that were answered with an error. */
  readonly refused: number;
}

/**
 * Runs a store's script on a copy.
 *
 * @param watch - Is given the child when it waits to be told to go on, tells it, and answers how it ended.
 */
export async function runScript<End extends ChildEnd>(
  prepared: Prepared,
  root: string,
  options: Omit<ChildOptions, "args">,
  watch: (child: Child) => Promise<End>,
): Promise<End & ScriptEnd> {
  const history = await prepared.copyTo(root);
  const child = history.start("script", { root, seed: "", inFlight: 1, maxBytes: 0 }, { ...options, env: { UV_THREADPOOL_SIZE: "1", ...options.env } });
  let isComplete = false;
  let refused = 0;
  child.onLine((line) => {
    isComplete ||= line.startsWith('{"is":"done"');
    if (line.startsWith('{"is":"refused"')) refused += 1;
  });
  await child.hasSaid((line) => line.startsWith('{"is":"ready"'));
  const end = await watch(child);
  return { ...end, history, isComplete, refused };
}
