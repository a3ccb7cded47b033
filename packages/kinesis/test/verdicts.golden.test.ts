import { readFileSync } from "node:fs";
import { hasCode } from "@holdfast/storage";
import { expect, describe, it } from "vitest";
import { decodeKinesisState } from "../src/index.js";

interface Verdicts {
  readonly base: string;
  readonly literals: readonly string[];
  /** For each value of the base, which of the literals the original takes in its place, by their positions. */
  readonly accepted: readonly { readonly field: string; readonly start: number; readonly end: number; readonly literals: readonly number[] }[];
}

const { base, literals, accepted } = JSON.parse(readFileSync(new URL("vectors/ferrokinesis-verdicts.json", import.meta.url), "utf8")) as Verdicts;

describe("in the place of each value the same is taken, and the same refused, as by the original", () => {
  it("of a state that both take", () => {
    expect(decodeKinesisState(Buffer.from(base)).streams[0]?.shards[0]?.sequenceNumberRange).toEqual({ startingSequenceNumber: "2", endingSequenceNumber: "3" });
    expect(accepted.length * literals.length).toBeGreaterThan(2000);
  });

  it.each(accepted)("$field at $start", ({ start, end, literals: expected }) => {
    const taken = literals.flatMap((literal, index) => (isTaken(base.slice(0, start) + literal + base.slice(end)) ? [index] : []));
    expect(taken.map((index) => literals[index])).toEqual(expected.map((index) => literals[index]));
  });
});

function isTaken(json: string): boolean {
  try {
    decodeKinesisState(Buffer.from(json));
    return true;
  } catch (error) {
    if (hasCode(error, "KINESIS_INVALID_STATE")) return false;
    throw error;
  }
}
