import { expect, it } from "vitest";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { runtimeHistory } from "../../src/simulated/runtime/runtime-history.js";

it("keeps its promises in 60 scripts, with a few crash states of each", { timeout: 300_000 }, async () => {
  const faults = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const profile = (["posix", "ordered", "posix", "kill"] as const)[seed % 4] ?? "posix";
    const { violation, faults: hit } = await runtimeHistory.run({ modules: REAL_MODULES, profile, seed, maxStates: 6 });
    expect(violation).toBeUndefined();
    for (const [name, times] of hit) if (times > 0) faults.add(name.split(" ")[0] ?? name);
  }
  expect(faults.size).toBeGreaterThanOrEqual(5);
});
