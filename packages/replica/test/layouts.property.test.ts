import { storageKey } from "@holdfast/storage";
import { seededRandom } from "@holdfast/storage-sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isGenerationName, newGenerationName } from "../src/generation-name.js";
import { layoutOf, replicaLayout, type ReplicaLayoutName } from "../src/layouts.js";

const names: readonly ReplicaLayoutName[] = ["litestream-v0.3", "litestream-v0.4", "native"];
const number = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
const small = fc.bigInt({ min: 0n, max: 0x7fff_ffffn });

describe.each(names)("the names of %s", (name) => {
  const layout = replicaLayout(name);

  it("come back, are keys, and are of no other layout", () => {
    const comeBack = (index: bigint, offset: bigint): void => {
      const snapshot = layout.formatSnapshotName(index);
      const segment = layout.formatWalSegmentName(index, offset);
      expect(layout.parseSnapshotName(snapshot)).toBe(index);
      expect(layout.parseWalSegmentName(segment)).toEqual({ index, offset });
      for (const each of [snapshot, segment]) {
        expect(layoutOf(storageKey(each))).toBe(name);
        expect(layoutOf(`${each}.tmp`)).toBeUndefined();
      }
    };
    fc.assert(fc.property(name === "litestream-v0.3" ? small : number, number, comeBack));
  });

  it("refuse what they cannot hold", () => {
    expect(() => layout.formatSnapshotName(-1n)).toThrow("names from 0");
    expect(() => layout.formatWalSegmentName(0n, 1n << 63n)).toThrow("names from 0");
  });
});

it("makes names of generations of 64 random bits", () => {
  const random = seededRandom(3);
  const made = Array.from({ length: 50 }, () => newGenerationName(random));
  expect(made.every(isGenerationName)).toBe(true);
  expect(new Set(made).size).toBe(50);
});
