import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseState, type EntryCandidate, type StateChoice } from "../src/choose-state.js";

const snapshot = { createdAtMs: 50n };
const entry = (createdAtMs: bigint, isSnapshot = false): EntryCandidate => ({ createdAtMs, isSnapshot });

describe("which state counts", () => {
  it.each<readonly [what: string, snapshot: { createdAtMs: bigint } | undefined, entries: readonly EntryCandidate[], choice: StateChoice]>([
    ["nothing at all", undefined, [], { source: "none" }],
    ["a log alone", undefined, [entry(9n), entry(3n)], { source: "log", superseded: 0 }],
    ["a snapshot alone", snapshot, [], { source: "snapshot", superseded: 0 }],
    ["a log that ends with the snapshot", snapshot, [entry(40n), entry(50n, true)], { source: "snapshot", superseded: 2 }],
    ["an entry behind the snapshot's", snapshot, [entry(40n), entry(50n, true), entry(51n)], { source: "log", superseded: 2 }],
    ["an entry behind the snapshot's, by a clock that stepped back", snapshot, [entry(50n, true), entry(1n)], { source: "log", superseded: 1 }],
    ["the snapshot's entry twice", snapshot, [entry(50n, true), entry(60n), entry(50n, true), entry(1n)], { source: "log", superseded: 3 }],
    ["a newer log", snapshot, [entry(51n), entry(60n)], { source: "log", superseded: 0 }],
    ["a log of the same time", snapshot, [entry(50n)], { source: "log", superseded: 0 }],
    ["a log whose last entry alone is newer", snapshot, [entry(10n), entry(50n)], { source: "log", superseded: 0 }],
    ["an older log", snapshot, [entry(10n), entry(49n)], { source: "conflict" }],
    ["an older log, of which an entry is newer", snapshot, [entry(60n), entry(49n)], { source: "conflict" }],
  ])("%s", (_what, given, entries, choice) => {
    expect(chooseState(given, entries)).toEqual(choice);
  });
});

const entries = fc.array(fc.record({ createdAtMs: fc.bigInt({ min: 0n, max: 9n }), isSnapshot: fc.boolean() }), { maxLength: 6 });

it("an entry behind the snapshot's own is never passed over", () => {
  fc.assert(
    fc.property(entries, entries, (before, after) => {
      const behind = after.map(({ createdAtMs }) => entry(createdAtMs));
      const choice = chooseState({ createdAtMs: 5n }, [...before, entry(5n, true), ...behind]);
      expect(choice).toEqual({ source: behind.length === 0 ? "snapshot" : "log", superseded: before.length + 1 });
    }),
  );
});
