import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { faultCoverage } from "../../src/simulated/campaign-text.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { walHistory } from "../../src/simulated/stores.js";

it("keeps its promises in 10,000 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [walHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 10_000 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(10_000);
  for (const { crashes } of parts) {
    expect([...crashes.keys()].sort()).toEqual(["power 1", "power 2", "power 3", "process 1", "process 2", "process 3"]);
  }
  // Most kinds have hit something; those that never did are shown by the program, and hit in long runs.
  expect(faultCoverage(parts).filter(({ hits }) => hits.length > 0).length).toBeGreaterThanOrEqual(6);
});
