import Table from "cli-table3";

import type { Hunt } from "./hunt.js";

/** What found which canary, as a table for a terminal. */
export function huntsTable(hunts: readonly Hunt[]): string {
  const table = new Table({
    head: ["canary", "breaks", "found as", "found by", "seed", "states", "ms"],
    colAligns: ["left", "left", "left", "left", "right", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { canary, history, seed, states, milliseconds, violation, survival } of hunts) {
    table.push([
      canary.name,
      canary.invariant,
      survival === undefined ? (violation?.invariant ?? "") : "SURVIVED",
      history,
      seed,
      states.toLocaleString("en"),
      milliseconds.toFixed(0),
    ]);
  }
  return table.toString();
}
