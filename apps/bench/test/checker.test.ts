import { describe, expect, it } from "vitest";

import { checkLog, MAX_FINDINGS, type Evidence, type Verdict } from "../src/proof/checker.js";

const input = Array.from({ length: 10 }, (_, index) => Buffer.from(`record number ${index + 1}`));
const evidence: Evidence = { input, acknowledged: [{ first: 1, last: 6 }], offeredThrough: 8 };

interface Entry {
  readonly seq: number;
  readonly value: Uint8Array;
}

const entry = (seq: number, text = `record number ${seq}`): Entry => ({ seq, value: Buffer.from(text) });
const entries = (last: number): Entry[] => Array.from({ length: last }, (_, index) => entry(index + 1));
const kinds = ({ findings }: Verdict): string[] => findings.map(({ kind, seq }) => `${kind} ${seq}`);

async function check(log: readonly Entry[], given: Evidence = evidence): Promise<Verdict> {
  return await checkLog(
    (async function* () {
      yield* log;
    })(),
    given,
  );
}

describe("checkLog", () => {
  it("finds nothing in a log that kept its promise", async () => {
    expect(await check(entries(6))).toEqual({ records: 6, findings: [], findingCount: 0 });
  });

  it("allows what was appended and never acknowledged, there or not", async () => {
    expect((await check(entries(7))).findingCount).toBe(0);
    expect((await check(entries(8))).findingCount).toBe(0);
  });

  it("finds an acknowledged record that is lost at the end", async () => {
    const verdict = await check(entries(5));
    expect(kinds(verdict)).toEqual(["lost 6"]);
    expect(verdict.findingCount).toBe(1);
  });

  it("finds all of them in an empty log", async () => {
    expect(await check([])).toMatchObject({ records: 0, findingCount: 6 });
  });

  it("finds a record that is lost in the middle", async () => {
    expect(kinds(await check(entries(6).toSpliced(2, 1)))).toEqual(["gap 4", "lost 3"]);
  });

  it("finds a lost record whose followers moved up", async () => {
    const moved = entries(6).map(({ seq, value }) => (seq < 3 ? { seq, value } : entry(seq, `record number ${seq + 1}`)));
    expect(kinds(await check(moved))).toEqual(["swapped 3", "swapped 4", "swapped 5", "swapped 6"]);
  });

  it("finds two records that changed places", async () => {
    const log = entries(6);
    log[1] = entry(2, "record number 3");
    log[2] = entry(3, "record number 2");
    expect(kinds(await check(log))).toEqual(["swapped 2", "swapped 3"]);
  });

  it("finds one changed bit, a shorter and a longer record", async () => {
    const log = entries(6);
    log[0] = entry(1, "secord number 1");
    log[1] = entry(2, "record number ");
    log[2] = entry(3, "record number 3\0");
    log[3] = entry(4, "");
    expect(kinds(await check(log))).toEqual(["altered 1", "altered 2", "altered 3", "altered 4"]);
  });

  it("finds an invented record, even one that repeats the input", async () => {
    expect(kinds(await check(entries(9)))).toEqual(["invented 9"]);
    expect(kinds(await check([...entries(8), entry(9, "never written")]))).toEqual(["invented 9"]);
  });

  it("finds a record that comes twice", async () => {
    expect(kinds(await check(entries(6).toSpliced(3, 0, entry(3))))).toEqual(["gap 3"]);
  });

  it("goes round the input", async () => {
    const longer = { input, acknowledged: [{ first: 1, last: 12 }], offeredThrough: 12 };
    const log = [...entries(10), entry(11, "record number 1"), entry(12, "record number 2")];
    expect((await check(log, longer)).findingCount).toBe(0);
    expect(kinds(await check([...log.slice(0, 11), entry(12, "record number 3")], longer))).toEqual(["swapped 12"]);
  });

  it("counts everything and keeps the first in words", async () => {
    const many = { input, acknowledged: [], offeredThrough: 100 };
    const log = Array.from({ length: 100 }, (_, index) => entry(index + 1, "nonsense"));
    const verdict = await check(log, many);
    expect(verdict.findingCount).toBe(100);
    expect(verdict.findings).toHaveLength(MAX_FINDINGS);
  });
});
