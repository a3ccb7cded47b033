import { expect, it } from "vitest";
import { ALL_PROFILES, runCampaign } from "../../src/simulated/campaign.js";
import { kinesisObjectsHistory } from "../../src/simulated/kinesis/kinesis-objects-history.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";

it("keeps its promises through 100 kills", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [kinesisObjectsHistory], profiles: ALL_PROFILES, seed: 1, budget: { states: 100 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(100);
  for (const { crashes } of parts) expect(crashes.get("kill 3")).toBeGreaterThan(0);
});

it("plays a line again, the same each time", async () => {
  const line = "kinesis-objects posix 7 3";
  const outcome = await kinesisObjectsHistory.replay(line, REAL_MODULES);
  expect(outcome.violation).toBeUndefined();
  expect(await kinesisObjectsHistory.replay(line, REAL_MODULES)).toEqual(outcome);
  await expect(kinesisObjectsHistory.replay("kinesis-objects posix 7", REAL_MODULES)).rejects.toThrow(RangeError);
});
