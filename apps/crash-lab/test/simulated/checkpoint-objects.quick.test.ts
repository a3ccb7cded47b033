import { expect, it } from "vitest";
import { runCampaign } from "../../src/simulated/campaign.js";
import { checkpointObjectsHistory } from "../../src/simulated/checkpoint/checkpoint-objects-history.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";

const PROFILES = [["posix", 0.8], ["ordered", 0.1], ["kill", 0.1]] as const;

it("keeps its promises through 300 takeovers", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [checkpointObjectsHistory], profiles: PROFILES, seed: 1, budget: { states: 300 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThanOrEqual(300);
  const hits = [...(parts[0]?.faults.entries() ?? [])].filter(([fault]) => fault.endsWith(" PutObject")).reduce((sum, [, count]) => sum + count, 0);
  expect(hits / (parts[0]?.operations.get("PutObject") ?? 0)).toBeGreaterThan(0.25);
});

it("plays a line again, the same each time", async () => {
  const line = "checkpoint-objects posix 31 20";
  const outcome = await checkpointObjectsHistory.replay(line, REAL_MODULES);
  expect(outcome.violation).toBeUndefined();
  expect(await checkpointObjectsHistory.replay(line, REAL_MODULES)).toEqual(outcome);
  for (const wrong of ["checkpoint-objects posix 7", "wal posix 7 20", "checkpoint-objects tape 7 20"]) {
    await expect(checkpointObjectsHistory.replay(wrong, REAL_MODULES)).rejects.toThrow(RangeError);
  }
});
