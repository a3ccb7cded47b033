import { describe, expect, it } from "vitest";
import { runCheck } from "../src/check.js";
import type { Check, CheckResult } from "../src/check.js";
import { objectLogChecks } from "../src/object-log/checks.js";
import { rules } from "../src/object-log/rules.js";
import { rowsOfReadme } from "./readme.js";

/** Larger searches run by command only. */
const MAX_STATES = 250_000;

const small = objectLogChecks.filter(({ recorded }) => recorded !== undefined && recorded.states <= MAX_STATES);
const ofKind = (kind: string) => small.filter((check) => check.kind === kind).map((check) => ({ name: check.name, check }));
const smallSafe = ofKind("safe");

describe("the object log keeps its promises", { timeout: 60_000 }, () => {
  const results = new Map<Check, CheckResult>();
  const resultOf = (check: Check): CheckResult => {
    const result = results.get(check) ?? runCheck(check);
    results.set(check, result);
    return result;
  };

  it.each(smallSafe)("$name", ({ check }) => {
    const { outcome, states, steps, violation } = resultOf(check);
    expect(violation).toBeUndefined();
    expect({ outcome, states, steps }).toEqual({ outcome: "safe", ...check.recorded });
  });

  it("in histories in which everything that can go wrong does", () => {
    const counts = smallSafe.map(({ check }) => resultOf(check).counts);
    const never = Object.keys(counts[0]!).filter((event) => counts.every((count) => count[event] === 0));
    expect(never).toEqual([]);
  });
});

describe("a promise breaks without the rule", { timeout: 60_000 }, () => {
  it.each(ofKind("control"))("$name", ({ check }) => {
    const { outcome, states, steps, violation } = runCheck(check);
    expect({ outcome, states, steps }).toEqual({ outcome: "found", ...check.recorded });
    expect(violation?.message).toBe(MESSAGES[check.name]);
    expect(violation?.trace).not.toContain("?");
  });
});

describe("the list of searches", () => {
  it("has one control for every rule", () => {
    const controlled = objectLogChecks.filter(({ kind }) => kind === "control" || kind === "redundant").map(({ name }) => name);
    expect(controlled.toSorted()).toEqual(Object.keys(rules).toSorted());
  });

  it("has a name and a recorded result for each", () => {
    expect(new Set(objectLogChecks.map(({ name }) => name)).size).toBe(objectLogChecks.length);
    expect(objectLogChecks.filter(({ recorded }) => recorded === undefined).map(({ name }) => name)).toEqual([]);
  });

  it("is the one whose results README.md shows", () => {
    const expected = objectLogChecks.map(({ name, recorded }) => ({ name, ...recorded }));
    expect(rowsOfReadme("The log on object storage")).toEqual(expected);
  });

  it("leaves to the command ten configurations, the large ones, and the rule that is covered", () => {
    const left = objectLogChecks.filter((check) => !small.includes(check));
    const count = (kind: string): number => left.filter((check) => check.kind === kind).length;
    expect([count("safe"), count("large"), count("control"), count("redundant")]).toEqual([10, 2, 0, 1]);
    expect([smallSafe.length, ofKind("control").length]).toEqual([9, 20]);
  });
});

const UNREADABLE = "log unreadable";
const LOST = "acknowledged a record that is not in the log at its position";
const USED = "the newest object is gone: the next opener claims a used position";
const HOLE = `${UNREADABLE}: a position above the floor is in no object`;
const NOT_THE_END = "follower concluded that it is at the end, but records exist";

/** What breaks first without each rule. */
const MESSAGES: Readonly<Record<string, string>> = {
  "trim deletes claims": LOST,
  "merge deletes claims": LOST,
  "no listing after the claim": LOST,
  "ambiguous answer taken as success": LOST,
  "own object recognised by its writer only": LOST,
  "retry of a position with other bytes": "a record that was reported as not applied entered the log",
  "fenced after an ambiguous attempt means not applied": "reported as not applied, but it is in the log",
  "put without condition": `${UNREADABLE}: records missing at the end`,
  "trim takes the newest object": `after a cleanup: ${USED}`,
  "merge takes the newest object": `after a cleanup: ${USED}`,
  "trim deletes before the floor exists": HOLE,
  "trim deletes after an ambiguous floor": HOLE,
  "trim removes every floor but its own": HOLE,
  "merge deletes before the pack exists": HOLE,
  "merge without a check after reading": `${UNREADABLE}: a pack lacks a record`,
  "reader ignores sequence numbers": "reader delivered a gap, a repeat or a wrong record",
  "reader ignores the sequence numbers of claims": NOT_THE_END,
  "two commits in flight": "hole: a position was written before the one below it",
  "missing object taken as the end": NOT_THE_END,
  "reader goes on at the floor silently": "records skipped without an error",
};
