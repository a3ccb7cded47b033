import { expect, it } from "vitest";
import { runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { runtimeObjectsHistory } from "../../src/simulated/runtime/runtime-objects-history.js";
import { AMBIGUOUS_KINDS } from "../../src/simulated/wal-objects/fault-mix.js";

const PROFILES = [["posix", 0.8], ["ordered", 0.1], ["kill", 0.1]] as const;

it("keeps its promises through 70 takeovers", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [runtimeObjectsHistory], profiles: PROFILES, seed: 1, budget: { states: 70 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBeGreaterThanOrEqual(70);
  const [posix, , kill] = parts;
  const ambiguous = AMBIGUOUS_KINDS.reduce((sum, kind) => sum + (posix?.faults.get(`${kind} PutObject`) ?? 0), 0);
  expect(ambiguous / (posix?.operations.get("PutObject") ?? 0)).toBeGreaterThan(0.15);
  // Pages, snapshots and parts of the journal are removed.
  expect(posix?.operations.get("DeleteObjects")).toBeGreaterThan(0);
  expect([...(kill?.faults.keys() ?? [])].filter((it) => !it.startsWith("schedule "))).toEqual([]);
});

it("plays a line again, the same each time", async () => {
  const line = "runtime-objects posix 5180 20 3";
  const outcome = await runtimeObjectsHistory.replay(line, REAL_MODULES);
  expect(outcome.violation).toBeUndefined();
  expect(await runtimeObjectsHistory.replay(line, REAL_MODULES)).toEqual(outcome);
  for (const wrong of ["runtime-objects posix 7", "wal posix 7 20 1", "runtime-objects tape 7 20 1"]) {
    await expect(runtimeObjectsHistory.replay(wrong, REAL_MODULES)).rejects.toThrow(RangeError);
  }
});
