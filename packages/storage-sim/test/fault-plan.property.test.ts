import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FAULT_OPERATIONS, formatPlan, parsePlan, type Fault, type FaultKind } from "../src/index.js";

const KINDS = Object.keys(FAULT_OPERATIONS) as FaultKind[];

function fault(): fc.Arbitrary<Fault> {
  return fc.constantFrom(...KINDS).chain((kind) =>
    fc.record(
      {
        operation: fc.constantFrom("*" as const, ...FAULT_OPERATIONS[kind]),
        path: fc.string({ unit: "grapheme", minLength: 1 }),
        nth: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 }).map((it) => Math.min(it, 999_999_999_999_999)),
        times: fc.oneof(fc.constant(Infinity), fc.integer({ min: 2, max: 1_000_000 })),
        kind: fc.constant(kind),
        ...(["fail", "failAfter", "failPartly", "drop"].includes(kind) ? { code: fc.stringMatching(/^E[A-Z0-9]{1,20}$/) } : {}),
      },
      { requiredKeys: ["operation", "nth", "kind"] },
    ),
  );
}

describe("a plan", () => {
  test("is one word, and the same when it is read back", () => {
    fc.assert(
      fc.property(fc.array(fault(), { maxLength: 5 }), (plan) => {
        const line = formatPlan(plan);
        expect(line).toMatch(/^\S+$/);
        expect(formatPlan(parsePlan(line))).toBe(line);
        const complete = (it: Fault): Fault => ({ code: "EIO", ...it });
        expect(parsePlan(line).map(complete)).toEqual(plan.map(complete));
      }),
    );
  });

  test("can be read by people", () => {
    const plan: readonly Fault[] = [
      { operation: "dsyncWrite", path: "*.wal", nth: 3, kind: "drop" },
      { operation: "mkdir", nth: 1, times: Infinity, kind: "fail", code: "ENOSPC" },
      { operation: "read", nth: 2, times: 4, kind: "flip" },
      { operation: "*", path: "/a b;]", nth: 1, kind: "evict" },
    ];
    const line = "dsyncWrite[*.wal]#3=drop:EIO;mkdir#1+=fail:ENOSPC;read#2x4=flip;*[/a%20b%3B%5D]#1=evict";
    expect(formatPlan(plan)).toBe(line);
    expect(formatPlan([])).toBe("-");
    expect(parsePlan("-")).toEqual([]);
  });

  test("that is none is refused, and the part is named", () => {
    for (const part of ["", "read", "read#0=flip", "read#1=FLIP", "nothing#1=fail", "mkdir#1=flip", "read#1=flip:EIO", "read#1=fail:eio", "read#1=fail:", "read#1x0=flip", "read[]#1=flip", " read#1=flip", "read#1=toString"]) {
      expect(() => parsePlan(`read#1=flip;${part}`), part).toThrow(RangeError);
    }
    expect(() => parsePlan("read#1=flip;oops#1=fail")).toThrow("oops#1=fail");
  });
});
