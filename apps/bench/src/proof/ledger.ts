import type { Finding } from "./checker.js";
import type { Report } from "./protocol.js";

/** Sequence numbers from `first` through `last`. */
export interface SeqRange {
  readonly first: number;
  readonly last: number;
}

/** What the parent was told by all children, one after the other. Contradictions are found while it is written. */
export interface Ledger {
  /** Takes the next report of the running child. */
  take(report: Report): void;
  /** Acknowledged sequence numbers, ascending, without overlap, neighbours joined. */
  acknowledged(): readonly SeqRange[];
  /** How many sequence numbers were acknowledged. */
  acknowledgedCount(): number;
  /** No record above this was ever handed to `append`. */
  offeredThrough(): number;
  /** What an opening child said that cannot be if the log kept its promise. */
  findings(): readonly Finding[];
}

/** An empty ledger: nothing was offered yet. */
export function createLedger(): Ledger {
  let ranges: SeqRange[] = [];
  let count = 0;
  let offered = 0;
  const findings: Finding[] = [];
  const takeOpened = (nextSeq: number): void => {
    const highest = ranges.at(-1)?.last ?? 0;
    if (nextSeq <= highest) {
      findings.push({ kind: "lost", seq: nextSeq, detail: `reopened at ${nextSeq} although ${highest} was acknowledged` });
    }
    if (nextSeq > offered + 1) {
      findings.push({ kind: "invented", seq: nextSeq - 1, detail: `reopened at ${nextSeq} although nothing above ${offered} was ever appended` });
    }
  };
  const takeAcknowledged = (range: SeqRange): void => {
    if (range.first > range.last || range.first < 1 || range.last > offered) {
      findings.push({ kind: "invented", seq: range.last, detail: `acknowledged ${range.first} to ${range.last}, offered through ${offered}` });
      return;
    }
    if (ranges.some((known) => known.first <= range.last && range.first <= known.last)) {
      findings.push({ kind: "reused", seq: range.first, detail: `one of ${range.first} to ${range.last} was acknowledged twice` });
      return;
    }
    count += range.last - range.first + 1;
    ranges = joined([...ranges, { first: range.first, last: range.last }]);
  };
  return {
    take: (report) => {
      if (report.kind === "opened") takeOpened(report.nextSeq);
      if (report.kind === "offered") offered = Math.max(offered, report.through);
      if (report.kind === "acknowledged") takeAcknowledged(report);
    },
    acknowledged: () => ranges,
    acknowledgedCount: () => count,
    offeredThrough: () => offered,
    findings: () => findings,
  };
}

/** There are few ranges: numbers are acknowledged in order, and each kill leaves at most one gap. */
function joined(ranges: readonly SeqRange[]): SeqRange[] {
  const result: SeqRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before !== undefined && before.last + 1 === range.first) result[result.length - 1] = { first: before.first, last: range.last };
    else result.push(range);
  }
  return result;
}
