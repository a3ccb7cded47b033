import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { replicaHistory } from "../../src/simulated/replica/replica-history.js";

it("keeps its promises in 400 crash states", { timeout: 300_000 }, async () => {
  let departures = 0;
  let removals = 0;
  const replica: typeof REAL_MODULES.replica = {
    ...REAL_MODULES.replica,
    async openReplicator(options) {
      const replicator = await REAL_MODULES.replica.openReplicator(options);
      departures += replicator.status().damage === undefined ? 0 : 1;
      return replicator;
    },
    async enforceRetention(...args) {
      const result = await REAL_MODULES.replica.enforceRetention(...args);
      removals += result.removedGenerations.length;
      return result;
    },
  };
  const parts = await runCampaign({ modules: { ...REAL_MODULES, replica }, histories: [replicaHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 400 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(400);
  // Replications went on in a new generation where one was damaged, and retention had something to remove.
  expect(departures).toBeGreaterThan(0);
  expect(removals).toBeGreaterThan(0);
});
