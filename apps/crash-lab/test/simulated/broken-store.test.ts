import { describe, expect, it } from "vitest";
import { explore, type ExplorationReport } from "../../src/simulated/explore.js";
import { REAL_MODULES } from "../../src/simulated/modules.js";
import type { Profile, StoreHistory } from "../../src/simulated/store-history.js";
import { trialHistory } from "../../src/simulated/trial-history.js";
import { counterStore } from "./support/counter-store.js";

describe("a small store", () => {
  it("passes if it is right", async () => {
    for (const profile of ["posix", "ordered", "kill"] as const) {
      const report = await exploreSome(trialHistory(counterStore("nothing")), profile);
      expect(report.violation).toBeUndefined();
      expect(report.states).toBe(500);
      expect([...report.crashes.keys()]).toEqual(expect.arrayContaining(["power 1", "power 2", "power 3", "process 1", "process 2", "process 3"]));
    }
  });

  it.each([["sync of the file"], ["sync of the directory"], ["the second name"]] as const)("is caught without %s", async (omission) => {
    const history = trialHistory(counterStore(omission));
    const { violation } = await exploreSome(history, "posix");
    expect(violation?.invariant).toMatch(/^I[13]$/);
    const line = violation?.line ?? "";
    const first = await history.replay(line, REAL_MODULES);
    expect(first.violation).toEqual(violation);
    expect(await history.replay(line, REAL_MODULES)).toEqual(first);
    // The same line does no harm to a store that is right.
    expect((await trialHistory(counterStore("nothing")).replay(line, REAL_MODULES)).violation).toBeUndefined();
  });

  it("keeps what was answered when its process is killed, even without a sync", async () => {
    expect((await exploreSome(trialHistory(counterStore("sync of the directory")), "kill")).violation).toBeUndefined();
  });

  it("replays with the same hash on every machine and every Node", async () => {
    const history = trialHistory(counterStore("nothing"));
    const { traceHash } = await history.replay("counter posix 7 blocks | syncDirectory#2=drop:EIO | o i i ! power 9:begun 1.1.0.1 | h o i", REAL_MODULES);
    expect(traceHash).toBe("dd13deae793d8c89");
  });

  it("explores the same way again", async () => {
    const history = trialHistory(counterStore("nothing"));
    const [one, other] = [await exploreSome(history, "posix"), await exploreSome(history, "posix")];
    expect({ ...one, milliseconds: 0 }).toEqual({ ...other, milliseconds: 0 });
  });
});

function exploreSome(history: StoreHistory, profile: Profile): Promise<ExplorationReport> {
  return explore(history, { modules: REAL_MODULES, profile, seed: 1, budget: { states: 500 } });
}
