import { expect, it } from "vitest";
import type { CampaignPart } from "../../src/simulated/campaign.js";
import { campaignText, faultCoverage } from "../../src/simulated/campaign-text.js";

const part: CampaignPart = {
  store: "box",
  profile: "posix",
  seed: 3,
  runs: 2,
  states: 1000,
  milliseconds: 500,
  cpuMilliseconds: 250,
  crashes: new Map([["power 1", 900], ["process 2", 100]]),
  operations: new Map([["open", 10], ["read", 5]]),
  faults: new Map([["fail open", 4]]),
  violation: undefined,
};

it("shows which kind of fault hit which call, and what never fired", () => {
  const coverage = new Map(faultCoverage([part]).map((it) => [it.kind, it]));
  expect(coverage.get("fail")).toEqual({ kind: "fail", hits: [["open", 4]], missed: ["read"] });
  expect(coverage.get("rot")).toEqual({ kind: "rot", hits: [], missed: ["read"] });
  // It makes no call that this could hit.
  expect(coverage.get("drop")).toEqual({ kind: "drop", hits: [], missed: [] });
  const text = campaignText([part]);
  expect(text).toMatch(/fail\s.*open 4; never read/);
  expect(text).toMatch(/rot\s.*NEVER FIRED \(read\)/);
  expect(text).toMatch(/drop\s.*NEVER: no such call/);
  expect(text).toMatch(/box\s.*posix.*1,000.*2,000.*4,000/);
  expect(text).toContain("1,000 crash states, 0 violations");
});

it("prints a violation with the line that shows it", () => {
  const violation = { invariant: "I1", message: "I1: gone", line: "box posix 3 - | - | o" } as const;
  expect(campaignText([{ ...part, violation }])).toContain("VIOLATION in box: I1: gone\n  crash-lab replay 'box posix 3 - | - | o'");
});
