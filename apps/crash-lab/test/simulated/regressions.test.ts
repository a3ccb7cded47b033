import { describe, expect, it } from "vitest";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import type { ReplayOutcome } from "../../src/simulated/store-history.js";
import { HISTORIES } from "../../src/simulated/stores.js";
import { KNOWN, REPAIRED } from "./regressions.js";

describe("what once failed", () => {
  it.each(REPAIRED)("holds: $was", async ({ line }) => {
    expect((await replay(line)).violation).toBeUndefined();
  });

  it.each(KNOWN)("is found, and still to be repaired: $was", async ({ line }) => {
    const outcome = await replay(line);
    expect(outcome.violation?.line).toBe(line);
    expect(await replay(line)).toEqual(outcome);
  });
});

async function replay(line: string): Promise<ReplayOutcome> {
  const history = HISTORIES.find(({ name }) => line.startsWith(`${name} `));
  if (history === undefined) throw new Error(`no store of this line: ${line}`);
  return history.replay(line, REAL_MODULES);
}
