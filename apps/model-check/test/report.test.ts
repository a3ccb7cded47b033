import { describe, expect, it } from "vitest";
import { isFailure, runCheck } from "../src/check.js";
import type { Check, CheckKind } from "../src/check.js";
import { markdownReport, terminalReport, traceReport } from "../src/report.js";

/** Counts up to `end`; three is not allowed. */
function counting(kind: CheckKind, end: number, recorded?: { states: number; steps: number }): Check {
  return {
    model: "counter",
    kind,
    name: `up to ${end}`,
    about: "Counts.",
    bounds: { appends: `${end}` },
    makeModel: () => ({
      stateWords: 1,
      counts: { tick: end, never: 0 },
      initial: () => Uint32Array.of(0),
      expand(state, visitor) {
        const next = (state[0] ?? 0) + 1;
        if (next > end) return;
        visitor.visit(Uint32Array.of(next), `to ${next}`);
        if (next === 3) visitor.violation("three");
      },
    }),
    limit: 100,
    recorded,
  };
}

describe("outcomes", () => {
  it.each([
    ["safe", 2, "safe", false],
    ["safe", 3, "violated", true],
    ["large", 3, "violated", true],
    ["control", 3, "found", false],
    ["control", 2, "missed", true],
    ["redundant", 2, "covered", false],
    ["redundant", 3, "needed", true],
  ] as const)("%s, up to %i: %s", (kind, end, outcome, failure) => {
    const result = runCheck(counting(kind, end));
    expect([result.outcome, isFailure(result)]).toEqual([outcome, failure]);
  });

  it("tells that the limit was reached", () => {
    const result = runCheck(counting("control", 2), { limit: 1 });
    expect([result.outcome, isFailure(result)]).toEqual(["not complete", false]);
  });

  it("fails if the model is not the recorded one", () => {
    expect(isFailure(runCheck(counting("safe", 2, { states: 3, steps: 2 })))).toBe(false);
    expect(isFailure(runCheck(counting("safe", 2, { states: 3, steps: 1 })))).toBe(true);
    expect(isFailure(runCheck(counting("safe", 2, { states: 4, steps: 2 })))).toBe(true);
  });

  it("fails at its own limit if the recorded search ended before, not at the caller's", () => {
    const check = { ...counting("control", 2, { states: 3, steps: 2 }), limit: 2 };
    expect(isFailure(runCheck(check))).toBe(true);
    expect(isFailure(runCheck(check, { limit: 2 }))).toBe(false);
  });
});

describe("reports", () => {
  it("show the history of a broken promise", () => {
    expect(traceReport(runCheck(counting("control", 5)))).toBe(
      "counter, up to 5: found, 4 states\nCounts.\nthree\n     1. to 1\n     2. to 2\n     3. to 3",
    );
  });

  it("name what failed", () => {
    const report = terminalReport([runCheck(counting("safe", 2)), runCheck(counting("safe", 4, { states: 5, steps: 4 }))]);
    expect(report).toContain("counter, up to 4: violated");
    expect(report).toContain("recorded are 5 states and 4 steps");
    expect(report).toContain("FAILED: counter, up to 4.");
    expect(report).toContain("1 of 2 configurations");
  });

  it("keep models apart", () => {
    const other = { ...counting("safe", 1), model: "other" };
    const lines = markdownReport([runCheck(counting("safe", 2)), runCheck(other)]).split("\n");
    expect(lines.filter((line) => line.startsWith("**"))).toEqual(["**Every promise holds (counter)**", "**Every promise holds (other)**"]);
    expect(lines).toContain("other:");
    expect(lines.filter((line) => line.startsWith("Steps in all of them"))).toEqual(["Steps in all of them: tick 2.", "Steps in all of them: tick 1."]);
  });

  it("are tables in Markdown", () => {
    const lines = markdownReport([runCheck(counting("safe", 2)), runCheck(counting("control", 3))]).split("\n");
    expect(lines).toContain("| configuration | appends | states | steps | result |");
    expect(lines).toContain("| --- | --: | --: | --: | --- |");
    expect(lines).toContain("| up to 2 | 2 | 3 | 2 | safe |");
    expect(lines).toContain("| up to 3 | 4 | 3 | three |");
    expect(lines).toContain("Steps in all of them: tick 2.");
    expect(lines).toContain("1 of 1 negative controls found.");
  });
});
