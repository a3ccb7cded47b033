import { describe, expect, it } from "vitest";

import { TakeoverLedger } from "../../src/real/takeover/takeover-ledger.js";
import { OPENING } from "../../src/real/takeover/takeover-options.js";
import type { Claim } from "../../src/real/work/claims.js";
import type { ReadRecord } from "../../src/real/work/log-ledger.js";
import { recordBytes } from "../../src/real/work/record-bytes.js";

const SIZE = 50;

/** A ledger, and short ways to tell it what two writers claim; each claim is made a millisecond after the one before. */
function ledgerOf(): { ledger: TakeoverLedger; opened: (writer: number, term: number, nextSeq: number) => void; begin: (writer: number, token: number, first: number, count?: number) => void; acknowledged: (writer: number, token: number) => void; refused: (writer: number, token: number, outcome?: string, code?: string) => void } {
  const ledger = new TakeoverLedger();
  let atMs = 0;
  const take = (writer: number, claim: Claim): void => {
    ledger.take(writer, { ...claim, atMs: (atMs += 1) });
  };
  return {
    ledger,
    opened: (writer, term, nextSeq) => { take(writer, { is: "opened", nextSeq, durableSeq: nextSeq - 1, relaxed: false, copied: 0, torn: 0, term }); },
    begin: (writer, token, first, count = 1) => { take(writer, { is: "begin", token, attempt: { what: "append", first, sizes: Array.from({ length: count }, () => SIZE) } }); },
    acknowledged: (writer, token) => { take(writer, { is: "acknowledged", token }); },
    refused: (writer, token, outcome = "not_applied", code = "WAL_FENCED") => { take(writer, { is: "refused", token, code, outcome }); },
  };
}

/** The record of a write, as the log is to hold it. */
function record(seq: number, token: number, index = 0): ReadRecord {
  return { seq, value: recordBytes(token, index, SIZE) };
}

async function* log(...records: readonly ReadRecord[]): AsyncGenerator<ReadRecord, void, undefined> {
  yield* records;
}

function kinds({ findings }: TakeoverLedger): string[] {
  return findings.map(({ kind }) => kind);
}

/** Writer 1 had record 1, and has 2 in flight when writer 2 takes over at 3. */
function takenOver(): ReturnType<typeof ledgerOf> {
  const claims = ledgerOf();
  claims.opened(1, 1, 1);
  claims.begin(1, 10, 1);
  claims.acknowledged(1, 10);
  claims.begin(1, 11, 2);
  claims.opened(2, 3, 3);
  claims.begin(2, 20, 3, 2);
  claims.acknowledged(2, 20);
  return claims;
}

describe("the ledger of takeovers", () => {
  it("accepts that what was in flight is there and is acknowledged later, and what came after it is refused", async () => {
    const { ledger, begin, acknowledged, refused } = takenOver();
    acknowledged(1, 11);
    begin(1, 12, 3);
    refused(1, 12);
    ledger.requireFenced(1);
    expect(await ledger.check(log(record(1, 10), record(2, 11), record(3, 20), record(4, 20, 1)))).toBe(4);
    expect(ledger.findings).toEqual([]);
    expect(ledger.acknowledged(1)).toBe(2);
  });

  it("finds an acknowledged record that is gone", async () => {
    const { ledger, acknowledged } = takenOver();
    acknowledged(1, 11);
    await ledger.check(log(record(1, 10), record(2, 20), record(3, 20, 1)));
    expect(kinds(ledger)).toContain("lost");
  });

  it("finds a record of the writer before behind the claim", async () => {
    const { ledger, begin } = takenOver();
    begin(1, 12, 5);
    await ledger.check(log(record(1, 10), record(2, 11), record(3, 20), record(4, 20, 1), record(5, 12)));
    expect(kinds(ledger)).toEqual(["after a claim"]);
  });

  it("finds an acknowledgement of what was begun when another had opened", async () => {
    const { ledger, begin, acknowledged } = takenOver();
    begin(1, 12, 5);
    acknowledged(1, 12);
    await ledger.check(log(record(1, 10), record(2, 11), record(3, 20), record(4, 20, 1), record(5, 12)));
    expect(kinds(ledger)).toContain("acknowledged too late");
  });

  it("finds a fence that is not final, and a writer that was never told", () => {
    const { ledger, begin, acknowledged, refused } = takenOver();
    ledger.requireFenced(1);
    expect(kinds(ledger)).toEqual(["not fenced"]);
    refused(1, 11, "unknown");
    begin(1, 12, 3);
    acknowledged(1, 12);
    expect(kinds(ledger)).toEqual(["not fenced", "not final"]);
  });

  it("finds what was refused as not applied and is there", async () => {
    const { ledger, refused } = takenOver();
    refused(1, 11, "not_applied");
    await ledger.check(log(record(1, 10), record(2, 11), record(3, 20), record(4, 20, 1)));
    expect(kinds(ledger)).toEqual(["refused and there"]);
  });

  it("accepts that what was refused as unknown is there or not", async () => {
    const there = takenOver();
    there.refused(1, 11, "unknown");
    await there.ledger.check(log(record(1, 10), record(2, 11), record(3, 20), record(4, 20, 1)));
    expect(there.ledger.findings).toEqual([]);
  });

  it("finds gaps, halves of batches, altered and invented records, and other refusals", async () => {
    const { ledger, refused } = takenOver();
    refused(1, 11, "not_applied", "WAL_POISONED");
    const altered = record(1, 10).value.slice();
    altered[45] = (altered[45] ?? 0) ^ 1;
    await ledger.check(log({ seq: 1, value: altered }, record(3, 20), record(4, 99)));
    expect(kinds(ledger).sort()).toEqual(["altered", "gap", "invented", "lost", "part of a batch", "refused"].sort());
  });

  it("lets an opening be tried again, and finds whatever else fails", () => {
    const { ledger } = ledgerOf();
    ledger.take(1, { is: "failed", operation: OPENING, code: "WAL_FENCED", atMs: 1 });
    expect(ledger.findings).toEqual([]);
    expect(ledger.isFenced(1)).toBe(false);
    ledger.take(1, { is: "failed", operation: "work", code: "WAL_FENCED", atMs: 2 });
    expect(kinds(ledger)).toEqual(["failed"]);
  });

  it("finds a writer that opened and was of no use", () => {
    const { ledger, opened } = ledgerOf();
    opened(1, 1, 1);
    ledger.requireAcknowledged(1);
    expect(kinds(ledger)).toEqual(["no use"]);
  });
});
