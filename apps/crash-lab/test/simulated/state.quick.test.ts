import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { stateHistory } from "../../src/simulated/snapshot/state-history.js";
import { ALL_KINDS, missedKinds } from "./support/missed-kinds.js";

it("keeps its promises in 2,500 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [stateHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 2500 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(2500);
  for (const { crashes } of parts) expect(crashes.size).toBeGreaterThanOrEqual(4);
});

it("meets every kind of fault", { timeout: 300_000 }, async () => {
  expect(await missedKinds(stateHistory, ALL_KINDS)).toEqual([]);
});
