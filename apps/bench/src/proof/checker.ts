import type { SeqRange } from "./ledger.js";

/**
 * Something that must not be.
 *
 * - `lost`: an acknowledged record is not there.
 * - `gap`: the sequence number that is read is not the next one.
 * - `altered`: other bytes than those that were appended, and no other record's either.
 * - `swapped`: another record's bytes.
 * - `invented`: a record that was never appended.
 * - `reused`: a sequence number was acknowledged twice.
 */
export interface Finding {
  readonly kind: "lost" | "gap" | "altered" | "swapped" | "invented" | "reused";
  readonly seq: number;
  readonly detail: string;
}

/** What the log must be compared with. */
export interface Evidence {
  /** The record with sequence number n is `input[(n - 1) % input.length]`. At least one. */
  readonly input: readonly Uint8Array[];
  /** Ascending, without overlap. */
  readonly acknowledged: readonly SeqRange[];
  /** No record above this was ever handed to `append`. */
  readonly offeredThrough: number;
}

/** What the comparison found. */
export interface Verdict {
  /** Records that were read. */
  readonly records: number;
  /** The first {@link MAX_FINDINGS} things that must not be; empty is what was to be proven. */
  readonly findings: readonly Finding[];
  /** How many there are in all. */
  readonly findingCount: number;
}

/** Findings that are kept in words. */
export const MAX_FINDINGS = 20;

/** The input record that belongs to a sequence number. */
export function inputRecord(input: readonly Uint8Array[], seq: number): Uint8Array {
  const record = input[(seq - 1) % input.length];
  if (record === undefined) throw new RangeError(`There is no input record for sequence number ${seq}.`);
  return record;
}

/**
 * Compares a log, read from its first record to its last, with what is known about it: every acknowledged record is there; the numbers
 * go up by one from 1; every record has, byte for byte, the bytes that were appended under its number; nothing is there that was not appended.
 */
export async function checkLog(log: AsyncIterable<{ readonly seq: number; readonly value: Uint8Array }>, evidence: Evidence): Promise<Verdict> {
  const findings: Finding[] = [];
  let findingCount = 0;
  const find = (kind: Finding["kind"], seq: number, detail: string, count = 1): void => {
    findingCount += count;
    if (findings.length < MAX_FINDINGS) findings.push({ kind, seq, detail });
  };

  let records = 0;
  let expected = 1;
  for await (const { seq, value } of log) {
    records += 1;
    if (seq !== expected) find("gap", seq, `read ${seq} where ${expected} comes next`);
    if (seq > expected) findLost(evidence.acknowledged, expected, seq - 1, find);
    expected = seq + 1;
    if (seq < 1 || seq > evidence.offeredThrough) {
      find("invented", seq, `nothing above ${evidence.offeredThrough} was ever appended`);
      continue;
    }
    if (Buffer.compare(value, inputRecord(evidence.input, seq)) !== 0) {
      // Looked for only while the answer will be kept: a log that is wrong throughout must not take for ever.
      const isKept = findings.length < MAX_FINDINGS;
      const other = isKept ? evidence.input.findIndex((record) => Buffer.compare(record, value) === 0) : -1;
      if (other === -1) find("altered", seq, `${value.length} bytes that were never appended`);
      else find("swapped", seq, `the bytes of input record ${other + 1}`);
    }
  }
  findLost(evidence.acknowledged, expected, Number.MAX_SAFE_INTEGER, find);
  return { records, findings, findingCount };
}

/** Reports what was acknowledged among the numbers from `first` through `last`, none of which was read. */
function findLost(
  acknowledged: readonly SeqRange[],
  first: number,
  last: number,
  find: (kind: "lost", seq: number, detail: string, count: number) => void,
): void {
  for (const range of acknowledged) {
    const from = Math.max(range.first, first);
    const to = Math.min(range.last, last);
    if (from <= to) find("lost", from, from === to ? `${from} was acknowledged` : `${from} to ${to} were acknowledged`, to - from + 1);
  }
}
