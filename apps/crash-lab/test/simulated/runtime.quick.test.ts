import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { runtimeHistory } from "../../src/simulated/runtime/runtime-history.js";

it("keeps its promises in 300 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [runtimeHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 300 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(300);
});
