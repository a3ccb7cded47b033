import { describe, expect, it } from "vitest";

import { createLedger } from "../src/proof/ledger.js";
import { formatReport, parseReport, type Report } from "../src/proof/protocol.js";

const opened = (nextSeq: number): Report => ({ kind: "opened", nextSeq, tornBytes: 0, copiedRecords: 0, closedCleanly: false });
const offered = (through: number): Report => ({ kind: "offered", through });
const acknowledged = (first: number, last: number): Report => ({ kind: "acknowledged", first, last });

function told(...reports: readonly Report[]): ReturnType<typeof createLedger> {
  const ledger = createLedger();
  for (const report of reports) ledger.take(report);
  return ledger;
}

describe("the ledger", () => {
  it("joins what was acknowledged, in whatever order", () => {
    const ledger = told(opened(1), offered(64), acknowledged(1, 3), acknowledged(7, 9), acknowledged(4, 6), acknowledged(11, 11));
    expect(ledger.acknowledged()).toEqual([{ first: 1, last: 9 }, { first: 11, last: 11 }]);
    expect(ledger.acknowledgedCount()).toBe(10);
    expect(ledger.offeredThrough()).toBe(64);
    expect(ledger.findings()).toEqual([]);
  });

  it("accepts a child that goes on behind records that were written and not acknowledged", () => {
    expect(told(opened(1), offered(64), acknowledged(1, 10), opened(21), offered(84), acknowledged(21, 30)).findings()).toEqual([]);
  });

  it("finds a reopening that forgot acknowledged records", () => {
    expect(told(opened(1), offered(64), acknowledged(1, 10), opened(10)).findings()).toMatchObject([{ kind: "lost", seq: 10 }]);
  });

  it("finds a reopening behind records that nobody appended", () => {
    expect(told(opened(1), offered(64), opened(66)).findings()).toMatchObject([{ kind: "invented", seq: 65 }]);
    expect(told(opened(1), offered(64), opened(65)).findings()).toEqual([]);
  });

  it("finds a number that is acknowledged twice", () => {
    expect(told(opened(1), offered(64), acknowledged(1, 10), opened(11), acknowledged(10, 12)).findings()).toMatchObject([{ kind: "reused" }]);
  });

  it("finds an acknowledgement of what was never offered", () => {
    expect(told(opened(1), offered(5), acknowledged(1, 6)).findings()).toMatchObject([{ kind: "invented", seq: 6 }]);
    expect(told(opened(1), offered(5), acknowledged(0, 3)).findings()).toMatchObject([{ kind: "invented" }]);
  });
});

describe("the protocol", () => {
  it.each<Report>([
    { kind: "opening" },
    { kind: "done" },
    offered(64),
    acknowledged(1, 64),
    { kind: "opened", nextSeq: 5, tornBytes: 300, copiedRecords: 64, closedCleanly: true },
    opened(1),
  ])("reads back $kind", (report) => {
    expect(parseReport(formatReport(report).trimEnd())).toEqual(report);
  });

  it.each(["", "acknowledged 1", "acknowledged 1 x", "acknowledged 1 2 3", "acknowledged -1 2", "opened 1 2 3", "done 1", "other 1", "offered 1.5"])(
    "refuses %j",
    (line) => {
      expect(() => parseReport(line)).toThrow("not understood");
    },
  );
});
