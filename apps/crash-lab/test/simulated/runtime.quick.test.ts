import { expect, it } from "vitest";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { runtimeHistory } from "../../src/simulated/runtime/runtime-history.js";
import { ALL_KINDS, missedKinds } from "./support/missed-kinds.js";

it("keeps its promises in 40 scripts, with a few crash states of each", { timeout: 300_000 }, async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const profile = (["posix", "ordered", "posix", "kill"] as const)[seed % 4] ?? "posix";
    const { violation } = await runtimeHistory.run({ modules: REAL_MODULES, profile, seed, maxStates: 6 });
    expect(violation).toBeUndefined();
  }
});

it("meets every kind of fault", { timeout: 300_000 }, async () => {
  expect(await missedKinds(runtimeHistory, ALL_KINDS)).toEqual([]);
});
