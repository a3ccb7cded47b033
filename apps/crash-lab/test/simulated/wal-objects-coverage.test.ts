import { expect, it } from "vitest";
import { objectCoverageText } from "../../src/simulated/wal-objects/object-coverage-text.js";

it("shows which fault hit which request, and what never fired", () => {
  const part = { operations: new Map([["PutObject", 1200], ["GetObject", 7]]), faults: new Map([["lose PutObject", 31], ["schedule uploads in parts", 1002]]) };
  const text = objectCoverageText([part]).join("\n");
  expect(text).toMatch(/requests\s.*7\s.*1,200/);
  expect(text).toMatch(/lose\s.*31/);
  expect(text).toMatch(/drop\s.*NEVER FIRED\s.*NEVER FIRED/);
  expect(text).not.toContain("ListObjects");
  expect(text).toMatch(/ignoresRanges 0, .*uploads in parts 1,002/);
});

it("says nothing about disks", () => {
  expect(objectCoverageText([{ operations: new Map([["open", 5]]), faults: new Map() }])).toEqual([]);
});
