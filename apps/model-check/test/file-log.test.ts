import { describe, expect, it } from "vitest";
import { runCheck } from "../src/check.js";
import { fileLogChecks } from "../src/file-log/checks.js";
import { configurationOf } from "../src/file-log/configuration.js";
import { fileLogModel } from "../src/file-log/model.js";
import { rules } from "../src/file-log/rules.js";
import { search } from "../src/search.js";
import { rowsOfReadme } from "./readme.js";

/** Larger searches run by command only. */
const MAX_STATES = 200_000;

const small = fileLogChecks.filter(({ recorded }) => recorded !== undefined && recorded.states <= MAX_STATES);
const ofKind = (kind: string) => small.filter((check) => check.kind === kind).map((check) => ({ name: check.name, check }));

describe("the file log keeps its promises", { timeout: 60_000 }, () => {
  it.each(ofKind("safe"))("$name", ({ check }) => {
    const { outcome, states, steps, violation } = runCheck(check);
    expect(violation).toBeUndefined();
    expect({ outcome, states, steps }).toEqual({ outcome: "safe", ...check.recorded });
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

describe("what is not promised", { timeout: 60_000 }, () => {
  const bounds = { relaxed: true, damages: 1, framesPerSegment: 2 };

  it("is that a record survives damage because an unfinished segment once proved it", () => {
    const { violation } = search(fileLogModel(configurationOf({ ...bounds, provenStays: "anywhere" })), { limit: 200_000 });
    expect(violation?.message).toBe(LOST);
    expect(violation?.trace.slice(-2)).toEqual(["remove file 2: void removed", "damage: header of frame 0 in segment 3"]);
  });

  it("and the history proves no more than it keeps", () => {
    const { complete, violation } = search(fileLogModel(configurationOf({ ...bounds, provenStays: "in the history" })), { limit: 200_000 });
    expect({ complete, violation }).toEqual({ complete: true, violation: undefined });
  });
});

describe("the list of searches", () => {
  it("has one control for every rule", () => {
    const controlled = fileLogChecks.filter(({ kind }) => kind === "control" || kind === "redundant").map(({ name }) => name);
    expect(controlled.toSorted()).toEqual(Object.keys(rules).toSorted());
  });

  it("has a name and a recorded result for each", () => {
    expect(new Set(fileLogChecks.map(({ name }) => name)).size).toBe(fileLogChecks.length);
    expect(fileLogChecks.filter(({ recorded }) => recorded === undefined).map(({ name }) => name)).toEqual([]);
  });

  it("is the one whose results README.md shows", () => {
    const expected = fileLogChecks.map(({ name, recorded }) => ({ name, ...recorded }));
    expect(rowsOfReadme("The log on a local directory")).toEqual(expected);
  });

  it("leaves two controls and the large configurations to the command", () => {
    expect(small.filter(({ kind }) => kind === "control")).toHaveLength(36);
    expect(ofKind("safe").map(({ name }) => name)).toEqual([
      "relaxed, trim",
      "relaxed, trim twice",
      "damage, reader, relaxed",
      "small head: seal, marker, failed writes",
      "small head: full disk, trim",
      "small head: relaxed, trim",
    ]);
  });

  it("says when a search stops early", () => {
    const check = fileLogChecks[0]!;
    const { outcome, differsFromRecorded } = runCheck(check, { limit: 1000 });
    expect({ outcome, differsFromRecorded }).toEqual({ outcome: "not complete", differsFromRecorded: false });
  });
});

const LOST = "acknowledged or delivered record lost";
const REFUSED = "opening refused without damage";

/** What breaks first without each rule. */
const MESSAGES: Readonly<Record<string, string>> = {
  "recovery syncs and trusts the view": LOST,
  "unproven tail is not copied": LOST,
  "a complete segment may be named": LOST,
  "segment counts from its first frame": "record lost by a process crash",
  "segment counts from its begin": `${REFUSED}: header or begin damaged`,
  "source read again without a check": `${REFUSED}: damage in 2`,
  "copies only from the head": "a record that was reported as not kept came back",
  "copies only from a complete candidate": LOST,
  "new segment names the newest file": `${REFUSED}: named segment has no begin`,
  "number reused": `${REFUSED}: damage in 1`,
  "statement of an unfinished begin ignored": LOST,
  "two commits in flight": LOST,
  "removes for a floor that is only seen": `${REFUSED}: segment missing`,
  "lock on the segment": "another value under an acknowledged sequence number",
  "checksum without salt": `${REFUSED}: damage in 1`,
  "untouched-sector rule": `${REFUSED}: damage in 1`,
  "no search for evidence behind the tail": LOST,
  "marker in the block of the commit": LOST,
  "begin and commit in one sync": `${REFUSED}: damage in 1`,
  "header not synced before the file grows": `${REFUSED}: damage in 1`,
  "directory entry not synced": LOST,
  "frame vouches for itself": `${REFUSED}: damage in 1`,
  "failed write acknowledged after a second sync": LOST,
  "trim without control frame": "trimmed records are back",
  "trim removes before its frame is durable": `${REFUSED}: segment missing`,
  "a floor that is only seen is answered": "trimmed records are back",
  "floor of a begun segment ignored": "trimmed records are back",
  "reader does not wait for a voucher": LOST,
  "rotation before the old segment is synced": `${REFUSED}: proven bytes gone`,
  "synced append in relaxed mode by O_DSYNC alone": LOST,
  "head removed when its place is begun": LOST,
  "head removed before its copies are vouched for": LOST,
  "head removed for a frame that is not synced": `${REFUSED}: segment missing`,
  "a segment in the head's place holds only the unproven": `${REFUSED}: damage in 3`,
  "a segment in the head's place is no source": "a record that was reported as not kept came back",
  "place of the first segment taken": LOST,
  "place taken on a predecessor that was trimmed": `${REFUSED}: segment missing`,
};
