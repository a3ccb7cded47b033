import { describe, expect, it } from "vitest";

import type { Claim } from "../../src/real/work/claims.js";
import { LogLedger, type ReadRecord } from "../../src/real/work/log-ledger.js";
import { recordBytes } from "../../src/real/work/record-bytes.js";

const OPENED: Claim = { is: "opened", nextSeq: 1, durableSeq: 0, relaxed: false, copied: 0, torn: 0 };

function append(token: number, first: number, sizes: readonly number[] = [50]): Claim {
  return { is: "begin", token, attempt: { what: "append", first, sizes } };
}

function acknowledged(token: number): Claim {
  return { is: "acknowledged", token };
}

/** Record `seq` as write `token` made it. */
function record(seq: number, token: number, index = 0, size = 50): ReadRecord {
  return { seq, value: recordBytes(token, index, size) };
}

/** What is found after these claims, when these records are read. */
async function findings(claims: readonly Claim[], records: readonly ReadRecord[], crash: "process" | "power" = "power"): Promise<readonly string[]> {
  const ledger = new LogLedger(crash);
  for (const claim of claims) ledger.take(claim);
  await ledger.check({ firstSeq: 1, records: stream(records) });
  return ledger.findings.map(({ kind }) => kind);
}

async function* stream(records: readonly ReadRecord[]): AsyncGenerator<ReadRecord> {
  yield* records;
}

describe("the ledger of a log", () => {
  const two = [OPENED, append(7, 1), append(8, 2), acknowledged(7), acknowledged(8)];

  it("is content with what was acknowledged, and with what was in flight, whole or absent", async () => {
    expect(await findings(two, [record(1, 7), record(2, 8)])).toEqual([]);
    expect(await findings([...two, append(9, 3)], [record(1, 7), record(2, 8)])).toEqual([]);
    expect(await findings([...two, append(9, 3)], [record(1, 7), record(2, 8), record(3, 9)])).toEqual([]);
  });

  it("finds a child that acknowledges before the record is there", async () => {
    expect(await findings(two, [record(1, 7)])).toEqual(["lost"]);
    expect(await findings(two, [])).toEqual(["lost"]);
  });

  it("finds other bytes, other records, gaps and inventions", async () => {
    expect(await findings(two, [record(1, 7), record(2, 7)])).toEqual(["altered"]);
    expect(await findings(two, [record(1, 7), record(2, 8), record(3, 9)])).toEqual(["invented"]);
    expect(await findings([...two, append(9, 3), append(10, 4)], [record(1, 7), record(2, 8), record(4, 10)])).toEqual(["gap"]);
  });

  it("finds part of a batch when the log is opened", async () => {
    const ledger = new LogLedger("power");
    for (const claim of [OPENED, append(7, 1, [50, 50, 50])]) ledger.take(claim);
    ledger.take({ ...OPENED, nextSeq: 3 });
    expect(ledger.findings.map(({ kind }) => kind)).toEqual(["part of a batch"]);
  });

  it("finds a write that was acknowledged after one had failed with an unknown outcome", async () => {
    const refused: Claim = { is: "refused", token: 7, code: "WAL_POISONED", outcome: "unknown" };
    const kinds = await findings([OPENED, append(7, 1), append(8, 2), refused, acknowledged(8)], [record(1, 7), record(2, 8)]);
    expect(kinds).toContain("poisoned");
  });

  it("finds a refusal that does not say what became of the write, and a refused write that is there", async () => {
    const refused = (outcome: string | undefined): Claim => ({ is: "refused", token: 7, code: "WAL_READ_FAILED", outcome });
    expect(await findings([OPENED, append(7, 1), refused(undefined)], [])).toEqual(["no outcome"]);
    expect(await findings([OPENED, append(7, 1), refused("not_applied")], [record(1, 7)])).toEqual(["invented"]);
  });

  it("keeps a relaxed log to what it synced, where power is cut, and to everything where only processes are killed", async () => {
    const relaxed = [{ ...OPENED, relaxed: true }, append(7, 1), acknowledged(7), { is: "durable", seq: 1 } as const, append(8, 2), acknowledged(8)];
    expect(await findings(relaxed, [record(1, 7)], "power")).toEqual([]);
    expect(await findings(relaxed, [], "power")).toEqual(["lost"]);
    expect(await findings(relaxed, [record(1, 7)], "process")).toEqual(["lost"]);
  });

  it("takes what a reader elsewhere was given as a promise", async () => {
    const ledger = new LogLedger("power");
    for (const claim of [OPENED, append(7, 1)]) ledger.take(claim);
    ledger.delivered([record(1, 7)]);
    await ledger.check({ firstSeq: 1, records: stream([]) });
    expect(ledger.findings.map(({ kind }) => kind)).toEqual(["lost"]);
  });
});
