import { describe, expect, it } from "vitest";
import { explore } from "../../src/simulated/explore.js";
import { fsHistory, walHistory } from "../../src/simulated/stores.js";
import { modulesOver, withoutDirectorySync, withoutFileSync, withoutLocks } from "./support/careless-disk.js";

/** What the histories of the stores find when something below the packages is left out: so they do look. */
describe.each([fsHistory, walHistory])("the history of $name", (history) => {
  it.each([
    ["syncs of directories", withoutDirectorySync(), /^I[1357]$/],
    ["syncs of files", withoutFileSync(), /^I\d+$/],
  ])("breaks without %s", async (_what, modules, invariant) => {
    const { violation } = await explore(history, { modules, profile: "posix", seed: 1, budget: { states: 20_000 } });
    expect(violation?.invariant).toMatch(invariant);
    expect((await history.replay(violation?.line ?? "", modules)).violation).toEqual(violation);
  });

  it("breaks without locks", async () => {
    const outcome = await history.replay(`${history.name} posix 1 - | - | o u`, withoutLocks());
    expect(outcome.violation?.invariant).toBe("I12");
  });

  it("does not break through a port that changes nothing", async () => {
    const { violation } = await explore(history, { modules: modulesOver(() => ({})), profile: "posix", seed: 1, budget: { states: 300 } });
    expect(violation).toBeUndefined();
  });

  it.each([
    ["another store", "counter posix 1 - | - | o"],
    ["an option that there is not", `${history.name} posix 1 hot | - | o`],
    ["a step that there is not", `${history.name} posix 1 - | - | o q1`],
  ])("refuses a line with %s", async (_what, line) => {
    await expect(history.replay(line, withoutLocks())).rejects.toThrow(RangeError);
  });
});
