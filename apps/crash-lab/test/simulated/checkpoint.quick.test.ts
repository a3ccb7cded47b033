import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { checkpointHistory } from "../../src/simulated/checkpoint/checkpoint-history.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";

it("keeps its promises in 1,000 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [checkpointHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 1000 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(1000);
  for (const { crashes } of parts) expect(crashes.size).toBeGreaterThanOrEqual(4);
});
