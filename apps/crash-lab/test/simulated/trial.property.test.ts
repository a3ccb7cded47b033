import { FAULT_OPERATIONS, type Fault } from "@holdfast/storage-sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROFILES } from "../../src/simulated/store-history.js";
import { formatTrial, parseTrial, type Life, type Step, type Trial } from "../../src/simulated/trial.js";

describe("the line of a trial", () => {
  it("means the same when it is read", () => {
    fc.assert(
      fc.property(trials, (trial) => {
        const line = formatTrial(trial);
        expect(line).not.toMatch(/['\n]/);
        expect(parseTrial(line)).toEqual(trial);
      }),
    );
  });

  it("is refused if it is none, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), trials.chain((trial) => damaged(formatTrial(trial)))), (text) => {
        let parsed;
        try {
          parsed = parseTrial(text);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          return;
        }
        expect(parseTrial(formatTrial(parsed))).toEqual(parsed);
      }),
    );
  });

  it.each([
    ["", "no trial"],
    ["wal posix 1 - | -", "no trial"],
    ["wal floppy 1 - | - | o", "no trial"],
    ["wal posix 1 - | open#1=burn | o", "fault"],
    ["wal posix 1 - | - | O", "no step"],
    ["wal posix 1 - | - | o ! flood end -", "no crash"],
    ["wal posix 1 - | - | o ! power 3:never -", "no crash"],
    ["wal posix 1 - | - | o ! power end - ! power end -", "once"],
  ])("says what is wrong with %j", (line, message) => {
    expect(() => parseTrial(line)).toThrow(message);
  });
});

const count = fc.integer({ min: 0, max: 999_999_999 });

const steps: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom("a", "b", "m", "y", "z"),
  numbers: fc.array(count, { maxLength: 3 }),
  lazy: fc.boolean(),
});

const crashes: fc.Arbitrary<Life["crash"]> = fc.record({
  kind: fc.constantFrom("power" as const, "process" as const),
  at: fc.option(fc.record({ call: count, phase: fc.constantFrom("called" as const, "begun" as const, "done" as const) }), { nil: undefined }),
  // Zeros at the end mean the same as none.
  choices: fc.array(fc.integer({ min: 0, max: 9 })).map((choices) => [...choices, ...(choices.length > 0 && choices.at(-1) === 0 ? [1] : [])]),
});

const faults: fc.Arbitrary<Fault> = fc
  .constantFrom(...FAULT_OPERATIONS.fail)
  .chain((operation) => fc.record({ operation: fc.constant(operation), nth: fc.integer({ min: 1, max: 1000 }), kind: fc.constant("fail" as const), code: fc.constantFrom("EIO", "ENOSPC") }));

const trials: fc.Arbitrary<Trial> = fc.record({
  store: fc.constantFrom("wal", "storage-fs"),
  profile: fc.constantFrom(...PROFILES),
  chance: fc.integer({ min: 0, max: 999_999_999_999 }),
  options: fc.uniqueArray(fc.constantFrom("blocks", "plain", "relaxed", "nested"), { maxLength: 3 }),
  faults: fc.array(faults, { maxLength: 2 }),
  lives: fc.array(fc.record({ steps: fc.array(steps, { maxLength: 6 }), crash: crashes }), { minLength: 1, maxLength: 4 }),
});

/** With one character left out or changed. */
function damaged(line: string): fc.Arbitrary<string> {
  return fc.tuple(fc.nat({ max: line.length - 1 }), fc.constantFrom("", "|", "!", "x", "9", " ", "-")).map(([at, put]) => line.slice(0, at) + put + line.slice(at + 1));
}
