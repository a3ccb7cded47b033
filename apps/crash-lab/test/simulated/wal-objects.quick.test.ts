import { expect, it } from "vitest";
import { runCampaign } from "../../src/simulated/campaign.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import { AMBIGUOUS_KINDS } from "../../src/simulated/wal-objects/fault-mix.js";
import { walObjectsHistory } from "../../src/simulated/wal-objects/wal-objects-history.js";

const PROFILES = [["posix", 0.8], ["ordered", 0.1], ["kill", 0.1]] as const;

it("keeps its promises through 500 takeovers", { timeout: 300_000 }, async () => {
  const parts = await runCampaign({ modules: REAL_MODULES, histories: [walObjectsHistory], profiles: PROFILES, seed: 1, budget: { states: 500 } });
  expect(parts.map(({ violation }) => violation).filter((it) => it !== undefined)).toEqual([]);
  expect(parts.reduce((sum, { states }) => sum + states, 0)).toBe(500);
  const [posix, ordered, kill] = parts;
  // Three of ten writes and more have an answer that says nothing.
  const writes = posix?.operations.get("PutObject") ?? 0;
  const ambiguous = AMBIGUOUS_KINDS.reduce((sum, kind) => sum + (posix?.faults.get(`${kind} PutObject`) ?? 0), 0);
  expect(ambiguous / writes).toBeGreaterThan(0.28);
  expect([...(ordered?.faults.keys() ?? [])].filter((it) => /^(late|twice) /.test(it))).toEqual([]);
  expect([...(kill?.faults.keys() ?? [])].filter((it) => !it.startsWith("schedule "))).toEqual([]);
});

it("plays a line again, the same each time", async () => {
  const line = "wal-objects posix 7 20 1";
  const outcome = await walObjectsHistory.replay(line, REAL_MODULES);
  expect(outcome.violation).toBeUndefined();
  expect(await walObjectsHistory.replay(line, REAL_MODULES)).toEqual(outcome);
  for (const wrong of ["wal-objects posix 7", "wal posix 7 20 1", "wal-objects tape 7 20 1"]) {
    await expect(walObjectsHistory.replay(wrong, REAL_MODULES)).rejects.toThrow(RangeError);
  }
});
