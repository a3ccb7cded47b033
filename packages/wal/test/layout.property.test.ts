import fc from "fast-check";
import { joinKey, storageKey, storagePrefix } from "@holdfast/storage";
import { describe, expect, it } from "vitest";

import { isReserveKey, parseSegmentKey, reserveKey, segmentKey, segmentPrefix } from "../src/layout.js";

const prefixes = fc.constantFrom("", "orders", "tenants/a-1/orders_2").map((it) => storagePrefix(it));
const numbers = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe("the names of a log's files", () => {
  it("a segment's key gives its number back", () => {
    fc.assert(
      fc.property(prefixes, numbers, (prefix, number) => {
        const key = segmentKey(prefix, number);
        expect(parseSegmentKey(prefix, key)).toBe(number);
        expect(key.startsWith(segmentPrefix(prefix))).toBe(true);
      }),
    );
  });

  it("whatever is parsed is made again", () => {
    fc.assert(
      fc.property(prefixes, fc.stringMatching(/^[0-9]{20}$/), (prefix, digits) => {
        const key = joinKey(prefix, `segment/${digits}.wal`);
        const number = parseSegmentKey(prefix, key);
        if (number !== undefined) expect(segmentKey(prefix, number)).toBe(key);
        else expect(digits === "0".repeat(20) || BigInt(digits) > BigInt(Number.MAX_SAFE_INTEGER)).toBe(true);
      }),
    );
  });

  it("keys are in the order of their numbers", () => {
    fc.assert(
      fc.property(numbers, numbers, (one, other) => {
        const prefix = storagePrefix("orders");
        expect(Math.sign(one - other)).toBe(segmentKey(prefix, one) < segmentKey(prefix, other) ? -1 : one === other ? 0 : 1);
      }),
    );
  });

  it("what they look like", () => {
    expect(segmentKey(storagePrefix("orders"), 7)).toBe("orders/segment/00000000000000000007.wal");
    expect(reserveKey(storagePrefix("orders"))).toBe("orders/reserve.wal");
    expect(reserveKey(storagePrefix(""))).toBe("reserve.wal");
    expect(isReserveKey(storagePrefix("orders"), storageKey("orders/reserve.wal"))).toBe(true);
    expect(isReserveKey(storagePrefix("orders"), storageKey("reserve.wal"))).toBe(false);
  });

  it.each([
    "orders/segment/00000000000000000000.wal",
    "orders/segment/00009007199254740992.wal",
    "orders/segment/99999999999999999999.wal",
    "orders/segment/0000000000000000001.wal",
    "orders/segment/000000000000000000001.wal",
    "orders/segment/0000000000000000000a.wal",
    "orders/segment/00000000000000000001.wal.bak",
    "orders/segment/00000000000000000001.tmp",
    "orders/segment/old/00000000000000000001.wal",
    "orders/00000000000000000001.wal",
    "other/segment/00000000000000000001.wal",
  ])("%s is no segment", (key) => {
    expect(parseSegmentKey(storagePrefix("orders"), storageKey(key))).toBeUndefined();
  });
});
