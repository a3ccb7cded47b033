import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { replicaObjectsHistory } from "../../src/simulated/replica-objects/replica-objects-history.js";

it("keeps its promises in 120 restores", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [replicaObjectsHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 120 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThanOrEqual(120);
  const crashes = parts.flatMap((part) => [...part.crashes.keys()]);
  // Disks on each side lost their power, and not both at once.
  for (const what of ["power source", "power target", "process source"]) expect(crashes).toContain(what);
  const hits = parts.flatMap(({ faults }) => [...faults]).filter(([fault]) => fault.endsWith(" PutObject")).reduce((sum, [, count]) => sum + count, 0);
  const puts = parts.reduce((sum, { operations }) => sum + (operations.get("PutObject") ?? 0), 0);
  expect(hits / puts).toBeGreaterThan(0.05);
});

it("plays a line again, the same each time", async () => {
  const line = "replica-objects posix 31";
  const outcome = await replicaObjectsHistory.replay(line, REAL_MODULES);
  expect(outcome.violation).toBeUndefined();
  expect(await replicaObjectsHistory.replay(line, REAL_MODULES)).toEqual(outcome);
  for (const wrong of ["replica-objects posix", "wal posix 7 20", "replica-objects tape 7"]) {
    await expect(replicaObjectsHistory.replay(wrong, REAL_MODULES)).rejects.toThrow(RangeError);
  }
});
