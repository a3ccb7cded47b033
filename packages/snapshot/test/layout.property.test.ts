import { storageKey, storagePrefix } from "@holdfast/storage";
import fc from "fast-check";
import { expect, it } from "vitest";
import { parseSnapshotKey, snapshotKey } from "../src/layout.js";

const prefix = storagePrefix("a/b");
const names = fc.record({ seq: fc.maxSafeNat(), number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) });

it("a name says what it was made of", () => {
  fc.assert(fc.property(names, (name) => { expect(parseSnapshotKey(prefix, snapshotKey(prefix, name))).toEqual(name); }));
});

it("names sort by sequence number, then by number", () => {
  fc.assert(
    fc.property(names, names, (one, other) => {
      const isLess = one.seq < other.seq || (one.seq === other.seq && one.number < other.number);
      expect(snapshotKey(prefix, one) < snapshotKey(prefix, other)).toBe(isLess);
    }),
  );
});

it("no other name is that of a snapshot", () => {
  const zeros = "0".repeat(20);
  const one = "0".repeat(19) + "1";
  for (const leaf of [`${one}.snap`, `${one}-${zeros}.snap`, `${one}-${one}.snap.tmp`, `${one}-${one}.wal`, `${one}-${"9".repeat(20)}.snap`, `x${one}-${one}.snap`, `sub/${one}-${one}.snap`]) {
    expect({ leaf, name: parseSnapshotKey(prefix, storageKey(`a/b/snapshot/${leaf}`)) }).toEqual({ leaf, name: undefined });
  }
  expect(parseSnapshotKey(prefix, storageKey(`a/c/snapshot/${one}-${one}.snap`))).toBeUndefined();
});
