import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BytesError, decimal20, MAX_U64, parseDecimal20, toSafeInteger, u64FromDecimal, u64ToDecimal } from "../src/index.js";
import { expectBytesError } from "./expect-bytes-error.js";

const u64 = fc.bigInt({ min: 0n, max: MAX_U64 });
const edges = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];

describe("decimal", () => {
  it.each(edges)("%s survives", (value) => {
    expect(u64FromDecimal(u64ToDecimal(value))).toBe(value);
    expect(parseDecimal20(decimal20(value))).toBe(value);
  });

  it("round trip", () => {
    fc.assert(
      fc.property(u64, (value) => {
        expect(u64ToDecimal(value)).toBe(value.toString());
        expect(u64FromDecimal(u64ToDecimal(value))).toBe(value);
      }),
    );
  });

  it.each(["", "00", "01", "-0", "-1", "+1", "1.0", "1e3", " 1", "1\n", "0x10", "18446744073709551616", "99999999999999999999", "١"])(
    "refuses %j",
    (text) => {
      expectBytesError(() => u64FromDecimal(text), "BYTES_OUT_OF_RANGE");
    },
  );

  it.each([-1n, 2n ** 64n])("refuses to write %s", (value) => {
    expectBytesError(() => u64ToDecimal(value), "BYTES_OUT_OF_RANGE");
    expectBytesError(() => decimal20(value), "BYTES_OUT_OF_RANGE");
  });

  it("any text is read exactly or refused", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(u64FromDecimal(text).toString()).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(BytesError);
        }
      }),
    );
  });
});

describe("decimal20", () => {
  it("pads to twenty digits", () => {
    expect(decimal20(1)).toBe("00000000000000000001");
    expect(decimal20(Number.MAX_SAFE_INTEGER)).toBe("00009007199254740991");
    expect(decimal20(MAX_U64)).toBe("18446744073709551615");
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53])("refuses the number %s", (value) => {
    expectBytesError(() => decimal20(value), "BYTES_OUT_OF_RANGE");
  });

  it("orders as the values do", () => {
    fc.assert(
      fc.property(u64, u64, (one, two) => {
        expect(decimal20(one) < decimal20(two)).toBe(one < two);
      }),
    );
  });

  it.each(["", "1", "0000000000000000001", "000000000000000000001", "18446744073709551616", "-0000000000000000001", "0000000000000000001\n"])(
    "does not read %j",
    (text) => {
      expect(parseDecimal20(text)).toBeUndefined();
    },
  );
});

describe("toSafeInteger", () => {
  it.each([0n, 1n, -1n, 2n ** 53n - 1n, 1n - 2n ** 53n])("%s", (value) => {
    expect(BigInt(toSafeInteger(value))).toBe(value);
  });

  it.each([2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), MAX_U64, 10n ** 400n])("refuses %s", (value) => {
    expectBytesError(() => toSafeInteger(value), "BYTES_OUT_OF_RANGE");
  });
});
