import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { kinesisHistory } from "../../src/simulated/kinesis/kinesis-history.js";
import { ALL_KINDS, missedKinds } from "./support/missed-kinds.js";

it("keeps its promises in 1,000 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [kinesisHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 1000 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(1000);
});

it("meets every kind of fault", { timeout: 300_000 }, async () => {
  expect(await missedKinds(kinesisHistory, ALL_KINDS)).toEqual([]);
});
