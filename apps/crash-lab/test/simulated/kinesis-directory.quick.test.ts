import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { kinesisDirectoryHistory } from "../../src/simulated/kinesis/directory-history.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { missedKinds } from "./support/missed-kinds.js";

it("keeps its promises in 2,000 crash states", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [kinesisDirectoryHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 2000 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(2000);
});

it("meets every kind of fault", { timeout: 300_000 }, async () => {
  expect(await missedKinds(kinesisDirectoryHistory, ["fail", "failAfter", "failPartly", "drop", "short", "shuffle", "evict", "readOnly"])).toEqual([]);
});
