import { writeFileSync } from "node:fs";

import { startProgress } from "../real/progress.js";
import { CANARIES } from "./all-canaries.js";
import { hunt, type Hunt } from "./hunt.js";
import { huntsTable } from "./table.js";
import { refuseNoMatch } from "../../../../scripts/command-line.js";

/** Which canaries are hunted, and where the result is written. */
export interface CanariesOptions {
  /** Only canaries whose names contain this. */
  readonly only?: string | undefined;
  /** A file for the result. */
  readonly json?: string | undefined;
}

/**
 * Looks for all canaries and prints what found them.
 *
 * @returns The exit code: 0 if all were found, else 1.
 * @throws RefusedError if no canary has such a name; PatchError if a patch does not fit the code any more.
 */
export async function runCanaries({ only, json }: CanariesOptions): Promise<number> {
  const chosen = CANARIES.filter(({ name }) => only === undefined || (only.trim() !== "" && name.includes(only)));
  if (chosen.length === 0) refuseNoMatch("--only", JSON.stringify(only), CANARIES.map(({ name }) => name));
  const progress = startProgress();
  const startMs = performance.now();
  const hunts: Hunt[] = [];
  for (const canary of chosen) {
    progress.show(`${hunts.length + 1} of ${chosen.length}: ${canary.name}`);
    hunts.push(await hunt(canary));
  }
  progress.stop();
  const seconds = (performance.now() - startMs) / 1000;
  const survivors = hunts.filter(({ survival }) => survival !== undefined);
  console.log(huntsTable(hunts));
  for (const { canary, survival } of survivors) console.log(`SURVIVED ${canary.name}: ${survival}`);
  console.log(`canaries: ${hunts.length - survivors.length} of ${hunts.length} found in ${seconds.toFixed(1)} s`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ date: new Date().toISOString(), node: process.version, seconds, hunts }, undefined, 2)}\n`);
  return survivors.length === 0 ? 0 : 1;
}
